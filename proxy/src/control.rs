//! The control thread: the admin and metrics addresses, and the names that are resolved in the background.
//!
//! It has a thread of its own, so that a health check is answered however busy the workers are.

use crate::admin::{Scope, serve};
use crate::generation::Generation;
use crate::listener::BoundSocket;
use crate::reload::Reloader;
use crate::sockets::Sockets;
use crate::start_error::StartError;
use crate::tls::Watch;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use vordr_rules::table::{Address, Process};

/// How long a thread that reads files waits for more. Certificates are looked at each second, by the waiting threads in turn:
/// one is kept for that, and of two neither, as its turn comes too late.
const IDLE: Duration = Duration::from_millis(1500);

/// How long a stop waits for files that are being read or written, which may be slow for ever.
const LAST_READS: Duration = Duration::from_secs(1);

/// The sockets of the control thread, bound before anything is served.
#[derive(Debug)]
pub(crate) struct ControlSockets {
    pub admin: Socket,
    pub metrics: Socket,
}

/// One of them.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Nothing is to be served.
    Off,
    /// As it was before.
    Kept,
    /// A new one.
    Bound(BoundSocket),
}

impl Socket {
    fn bind(old: Option<&Address>, new: Option<&Address>, sockets: &Sockets) -> Result<Self, StartError> {
        match new {
            None => Ok(Self::Off),
            Some(_) if old == new => Ok(Self::Kept),
            Some(address) => sockets.open(address).map(Self::Bound),
        }
    }

    /// Where it listens, if it listened at `before`.
    pub(crate) fn address(&self, before: Option<SocketAddr>) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::Kept => before,
            Self::Bound(socket) => socket.local,
        }
    }
}

impl ControlSockets {
    pub(crate) fn bind(process: &Process, sockets: &Sockets) -> Result<Self, StartError> {
        Ok(Self {
            admin: Socket::bind(None, process.admin.as_ref(), sockets)?,
            metrics: Socket::bind(None, process.metrics.as_ref(), sockets)?,
        })
    }

    /// Those that are not where they were.
    pub(crate) fn bind_changed(old: &Process, new: &Process, sockets: &Sockets) -> Result<Self, StartError> {
        Ok(Self {
            admin: Socket::bind(old.admin.as_ref(), new.admin.as_ref(), sockets)?,
            metrics: Socket::bind(old.metrics.as_ref(), new.metrics.as_ref(), sockets)?,
        })
    }

    /// The new ones.
    pub(crate) fn bound(&mut self) -> impl Iterator<Item = &mut BoundSocket> {
        [&mut self.admin, &mut self.metrics].into_iter().filter_map(|socket| match socket {
            Socket::Bound(socket) => Some(socket),
            Socket::Off | Socket::Kept => None,
        })
    }

    /// What each new socket is for.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &BoundSocket)> {
        let both = [("admin", &self.admin), ("metrics", &self.metrics)];
        both.into_iter().filter_map(|(what, socket)| match socket {
            Socket::Bound(socket) => Some((what, socket)),
            Socket::Off | Socket::Kept => None,
        })
    }
}

/// What the control thread is told while it runs.
#[derive(Debug)]
pub(crate) enum ControlOrder {
    /// Serve at these addresses from now on.
    Serve(ControlSockets),
    /// Resolve the names of these rules.
    Resolve(Arc<Generation>),
    /// Watch the files of their certificates.
    Watch(Watch),
}

/// The way to the control thread.
#[derive(Debug, Clone)]
pub(crate) struct ControlOrders(mpsc::UnboundedSender<ControlOrder>);

/// Where the control thread hears them.
pub(crate) type IncomingOrders = mpsc::UnboundedReceiver<ControlOrder>;

impl ControlOrders {
    pub(crate) fn channel() -> (Self, IncomingOrders) {
        let (orders, incoming) = mpsc::unbounded_channel();
        (Self(orders), incoming)
    }

    /// Once the thread has ended, orders go unheard.
    pub(crate) fn send(&self, order: ControlOrder) {
        let _ = self.0.send(order);
    }
}

/// The running control thread.
#[derive(Debug)]
pub(crate) struct Control {
    thread: Option<JoinHandle<()>>,
    stopping: CancellationToken,
}

impl Control {
    pub(crate) fn start(orders: IncomingOrders, reloader: Arc<Reloader>) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_keep_alive(IDLE)
            .build()
            .map_err(StartError::Worker)?;
        let stopping = CancellationToken::new();
        let stopped = stopping.clone();
        let thread = std::thread::Builder::new()
            .name("vordr-control".to_owned())
            .spawn(move || {
                runtime.block_on(run(orders, reloader, stopped));
                runtime.shutdown_timeout(LAST_READS);
            })
            .map_err(StartError::Worker)?;
        Ok(Self { thread: Some(thread), stopping })
    }

    /// Ends the thread, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.stopping.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Serves and resolves until it is told to stop.
async fn run(mut orders: IncomingOrders, reloader: Arc<Reloader>, stopping: CancellationToken) {
    let (mut admin, mut metrics) = (None, None);
    loop {
        let order = tokio::select! {
            () = stopping.cancelled() => return,
            order = orders.recv() => order,
        };
        match order {
            Some(ControlOrder::Serve(sockets)) => {
                change(&mut admin, sockets.admin, Scope::Admin, &reloader);
                change(&mut metrics, sockets.metrics, Scope::Metrics, &reloader);
            }
            Some(ControlOrder::Resolve(generation)) => {
                drop(tokio::spawn(generation.look_after(reloader.shared.observer.clone())));
            }
            Some(ControlOrder::Watch(watch)) => drop(tokio::spawn(watch.keep())),
            None => return stopping.cancelled().await,
        }
    }
}

/// Puts a newer socket in the place of the one that is served; connections that are open stay open.
fn change(served: &mut Option<AbortHandle>, socket: Socket, scope: Scope, reloader: &Arc<Reloader>) {
    let acceptor = match socket {
        Socket::Kept => return,
        Socket::Off => None,
        Socket::Bound(socket) => Some(socket.accepting()),
    };
    if let Some(before) = served.take() {
        before.abort();
    }
    match acceptor {
        Some(Ok(acceptor)) => {
            *served = Some(tokio::spawn(serve(acceptor, scope, reloader.clone())).abort_handle());
        }
        Some(Err(error)) => {
            let reason = error.to_string();
            reloader.shared.observer.log().error("cannot serve", &[("reason", &reason)]);
        }
        None => {}
    }
}

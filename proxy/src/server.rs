//! From rules to a running proxy: sockets bound, workers started, and all of it stopped again.

use crate::connection::{Link, Worker, refuse_connection, serve};
use crate::control::{Control, ControlSockets};
use crate::listener::{Acceptor, BoundSocket, clean_up};
use crate::observe::Observer;
use crate::pingora::{Gateway, http_proxy};
use crate::shared::Shared;
use crate::start_error::StartError;
use crate::surroundings::System;
use crate::upstream::Upstreams;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vordr_rules::Loaded;
use vordr_rules::table::{Action, Address, Table};

/// How long what is cut has to end in.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Rules that have been loaded, ready to be served.
///
/// ```no_run
/// let vordr = vordr::Vordr::from_text("rules", r#"server "*" { listen 8080; location "/" { respond 200 "hello"; } }"#)?;
/// let handle = vordr.start()?;
/// println!("{:?}", handle.addresses());
/// handle.stop();
/// handle.wait();
/// # Ok::<(), vordr::StartError>(())
/// ```
#[derive(Debug)]
pub struct Vordr {
    name: String,
    loaded: Loaded,
    nameserver: Option<SocketAddr>,
}

impl Vordr {
    /// Loads the rules in a file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, StartError> {
        let path = path.as_ref().display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| StartError::Unreadable { path: path.clone(), source })?;
        Self::from_text(&path, &text)
    }

    /// Loads rules from a text; `name` stands for the file in diagnostics, and includes are relative to it.
    pub fn from_text(name: &str, text: &str) -> Result<Self, StartError> {
        let loaded = vordr_rules::load(name, text, &System).map_err(StartError::Rules)?;
        if !loaded.pending.is_empty() {
            return Err(StartError::Rules(loaded.pending));
        }
        Ok(Self { name: name.to_owned(), loaded, nameserver: None })
    }

    /// Asks this name server in the place of the system's.
    #[must_use]
    pub fn with_nameserver(mut self, address: SocketAddr) -> Self {
        self.nameserver = Some(address);
        self
    }

    /// What `vordr check` would warn of.
    pub fn warnings(&self) -> &vordr_rules::Diagnostics {
        &self.loaded.warnings
    }

    /// Binds every address, then serves from threads of its own until [`Handle::stop`].
    pub fn start(self) -> Result<Handle, StartError> {
        let effective_rules = vordr_rules::show::show(&self.loaded);
        let table = Arc::new(self.loaded.table);
        let sockets = table
            .listeners
            .iter()
            .map(|listener| BoundSocket::bind(&listener.address))
            .collect::<Result<Vec<_>, _>>()?;
        let control = ControlSockets::bind(&table.process)?;
        let observer = Observer::start(&table)?;
        let upstreams = Upstreams::new(&table, self.nameserver)?;
        let shared = Shared::new(table.clone(), effective_rules, observer, upstreams);
        announce(&shared, &self.name, &sockets, &control);
        let stopping = CancellationToken::new();
        let handle = Handle {
            addresses: sockets
                .iter()
                .filter_map(|bound| Some((bound.address.clone(), bound.local?)))
                .collect(),
            admin: control.admin_address(),
            metrics: control.metrics_address(),
            control: Control::start(control, shared.clone())?,
            workers: start_workers(&shared, sockets, &stopping)?,
            stopping,
            shared,
        };
        Ok(handle)
    }
}

/// A running vordr. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Handle {
    addresses: Vec<(Address, SocketAddr)>,
    admin: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
    stopping: CancellationToken,
    workers: Vec<JoinHandle<()>>,
    control: Control,
    shared: Arc<Shared>,
}

impl Handle {
    /// Each TCP address that is listened on: as the rules have it, and as it was bound.
    pub fn addresses(&self) -> &[(Address, SocketAddr)] {
        &self.addresses
    }

    /// Where `admin` is served.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Where `metrics` is served.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Says in the log why vordr stops.
    pub(crate) fn log_stop(&self, signal: &str) {
        self.shared.observer.log().info("stopping", &[("signal", signal)]);
    }

    /// Stops accepting, closes idle connections, and lets requests finish within `drain`.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Waits until everything has ended. Without [`Handle::stop`] that is never.
    pub fn wait(mut self) {
        for worker in self.workers.drain(..) {
            // A worker that panicked has said so on standard error; the others are still waited for.
            let _ = worker.join();
        }
        self.control.stop();
        let table = self.shared.table.load();
        let control = [&table.process.admin, &table.process.metrics].into_iter().flatten();
        table.listeners.iter().map(|listener| &listener.address).chain(control).for_each(clean_up);
        self.shared.observer.flush();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// The first lines of the log: which version, which rules, where it listens, what it serves.
fn announce(shared: &Shared, rules: &str, sockets: &[BoundSocket], control: &ControlSockets) {
    let table = shared.table.load();
    let log = shared.observer.log();
    log.info("vordr starts", &[("version", env!("CARGO_PKG_VERSION")), ("rules", rules)]);
    for bound in sockets {
        log.info("listening", &[("address", &bound.listens_on())]);
    }
    for (what, bound) in control.named() {
        log.info("listening", &[("address", &bound.listens_on()), ("for", what)]);
    }
    for server in &table.servers {
        for location in &server.locations {
            let action = summary(&location.action, &table);
            log.info(
                "route",
                &[("server", server.name()), ("location", &location.name), ("action", &action)],
            );
        }
    }
}

/// What an action does, in a few words.
pub(crate) fn summary(action: &Action, table: &Table) -> String {
    match action {
        Action::Proxy(proxy) => {
            let upstream =
                table.upstreams.get(proxy.upstream.0).map_or("", |upstream| upstream.name.as_str());
            format!("proxy {}{upstream}", if proxy.tls.is_some() { "https://" } else { "http://" })
        }
        Action::Redirect(redirect) => format!("redirect {} {}", redirect.status.as_u16(), redirect.target),
        Action::Respond(respond) => format!("respond {}", respond.status.as_u16()),
        Action::Files(files) => format!("files {}", files.root),
    }
}

/// One thread for each worker, each with a runtime, a Pingora and a pool of upstream connections of its own:
/// nothing on a request's way is shared between two of them but counters.
fn start_workers(
    shared: &Arc<Shared>,
    sockets: Vec<BoundSocket>,
    stopping: &CancellationToken,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let count = shared
        .table
        .load()
        .process
        .workers
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    (0..count.max(1))
        .map(|number| {
            let sockets = sockets
                .iter()
                .map(BoundSocket::share)
                .collect::<Result<Vec<_>, _>>()
                .map_err(StartError::Worker)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(StartError::Worker)?;
            let (shared, stopping) = (shared.clone(), stopping.child_token());
            thread::Builder::new()
                .name(format!("vordr-worker-{number}"))
                .spawn(move || runtime.block_on(work(shared, sockets, stopping)))
                .map_err(StartError::Worker)
        })
        .collect()
}

/// A worker's whole life.
async fn work(shared: Arc<Shared>, sockets: Vec<BoundSocket>, stopping: CancellationToken) {
    let (stop, shutdown) = watch::channel(false);
    let gateway = Gateway::new(shared.clone(), stopping.clone());
    let cut = CancellationToken::new();
    let worker = Arc::new(Worker {
        shared: shared.clone(),
        proxy: http_proxy(gateway),
        shutdown,
        stopping,
        cut: cut.clone(),
    });
    let connections = TaskTracker::new();
    for socket in sockets {
        match socket.accepting() {
            Ok(acceptor) => drop(tokio::spawn(accept(worker.clone(), acceptor, connections.clone()))),
            Err(error) => shared.observer.log().error("cannot listen", &[("reason", &error.to_string())]),
        }
    }
    worker.stopping.cancelled().await;
    let _ = stop.send(true);
    connections.close();
    let drain = shared.table.load().process.drain.unwrap_or(Duration::MAX);
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        let left = connections.len().to_string();
        shared.observer.log().warn("drain is over; open connections are cut", &[("connections", &left)]);
        cut.cancel();
        // Whoever does not even take its last word is dropped with the runtime.
        let _ = tokio::time::timeout(LAST_WORD, connections.wait()).await;
    }
}

/// Accepts until vordr stops.
async fn accept(worker: Arc<Worker>, acceptor: Acceptor, connections: TaskTracker) {
    let log = worker.shared.observer.log();
    let failed = |error: &std::io::Error| {
        log.error(
            "cannot accept",
            &[("address", &acceptor.address.to_string()), ("reason", &error.to_string())],
        );
    };
    loop {
        let (transport, peer) = tokio::select! {
            biased;
            () = worker.stopping.cancelled() => return,
            accepted = acceptor.accept(failed) => accepted,
        };
        let link = Link::new(acceptor.address.clone(), peer, acceptor.local_port);
        let counted = worker.shared.observer.connection(&acceptor.address);
        let (place, worker) = (worker.shared.admit_connection(), worker.clone());
        connections.spawn(async move {
            match place {
                Some(_place) => serve(worker, transport, link).await,
                None => refuse_connection(worker, transport, link).await,
            }
            drop(counted);
        });
    }
}

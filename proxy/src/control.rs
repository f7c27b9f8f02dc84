//! The control thread: the admin and metrics addresses, and the names that are resolved in the background.
//!
//! It has a thread of its own, so that a health check is answered however busy the workers are.

use crate::admin::{Scope, serve};
use crate::listener::BoundSocket;
use crate::shared::Shared;
use crate::start_error::StartError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio_util::sync::CancellationToken;
use vordr_rules::table::Process;

/// The sockets of the control thread, bound before anything is served.
#[derive(Debug)]
pub(crate) struct ControlSockets {
    admin: Option<BoundSocket>,
    metrics: Option<BoundSocket>,
}

impl ControlSockets {
    pub(crate) fn bind(process: &Process) -> Result<Self, StartError> {
        Ok(Self {
            admin: process.admin.as_ref().map(BoundSocket::bind).transpose()?,
            metrics: process.metrics.as_ref().map(BoundSocket::bind).transpose()?,
        })
    }

    pub(crate) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.local
    }

    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local
    }

    /// What each socket is for.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &BoundSocket)> {
        let both = [("admin", &self.admin), ("metrics", &self.metrics)];
        both.into_iter().filter_map(|(what, socket)| Some((what, socket.as_ref()?)))
    }
}

/// The running control thread.
#[derive(Debug)]
pub(crate) struct Control {
    thread: Option<JoinHandle<()>>,
    stopping: CancellationToken,
}

impl Control {
    pub(crate) fn start(sockets: ControlSockets, shared: Arc<Shared>) -> Result<Self, StartError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Worker)?;
        let stopping = CancellationToken::new();
        let stopped = stopping.clone();
        let thread = std::thread::Builder::new()
            .name("vordr-control".to_owned())
            .spawn(move || runtime.block_on(run(sockets, shared, stopped)))
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
async fn run(sockets: ControlSockets, shared: Arc<Shared>, stopping: CancellationToken) {
    for (socket, scope) in [(sockets.admin, Scope::Admin), (sockets.metrics, Scope::Metrics)] {
        match socket.map(BoundSocket::accepting) {
            Some(Ok(acceptor)) => drop(tokio::spawn(serve(acceptor, scope, shared.clone()))),
            Some(Err(error)) => {
                shared.observer.log().error("cannot serve", &[("reason", &error.to_string())])
            }
            None => {}
        }
    }
    tokio::spawn(shared.upstreams.clone().resolve());
    stopping.cancelled().await;
}

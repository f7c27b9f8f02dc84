//! A worker: one thread with a runtime, a Pingora and a pool of upstream connections of its own. Nothing on a
//! request's way is shared between two of them but counters.

use crate::connection::{Link, Stop, Worker, refuse_connection, serve};
use crate::listener::{Acceptor, BoundSocket};
use crate::pingora::{Gateway, http_proxy};
use crate::shared::Shared;
use crate::start_error::StartError;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vordr_rules::table::Address;

/// How long before the end of `drain` WebSockets are told goodbye, whatever they are about.
const ANSWER: Duration = Duration::from_secs(1);
/// How long what is cut has to end in.
const LAST_WORD: Duration = Duration::from_millis(500);

/// What a worker is told while it runs.
#[derive(Debug)]
pub(crate) enum Order {
    /// Accept from this socket too.
    Listen(BoundSocket),
    /// Accept no more from this address, and close its connections as soon as nothing is under way on them.
    Leave(Address),
}

/// All workers.
#[derive(Debug)]
pub(crate) struct Workers {
    threads: Vec<JoinHandle<()>>,
    orders: Orders,
}

/// The way to all workers.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    each: Vec<mpsc::UnboundedSender<Order>>,
}

impl Workers {
    /// Starts as many as the rules say, or as there are processors.
    pub(crate) fn start(shared: &Arc<Shared>, stopping: &CancellationToken) -> Result<Self, StartError> {
        let count = shared.current().table.process.workers;
        let count = count.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let mut workers = Self { threads: Vec::new(), orders: Orders { each: Vec::new() } };
        for number in 0..count.max(1) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(StartError::Worker)?;
            let (orders, incoming) = mpsc::unbounded_channel();
            let (shared, stopping) = (shared.clone(), stopping.child_token());
            let thread = thread::Builder::new()
                .name(format!("vordr-worker-{number}"))
                .spawn(move || runtime.block_on(work(shared, incoming, stopping)))
                .map_err(StartError::Worker)?;
            workers.threads.push(thread);
            workers.orders.each.push(orders);
        }
        Ok(workers)
    }

    /// The way to tell them something.
    pub(crate) fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Waits until each has ended.
    pub(crate) fn wait(&mut self) {
        for thread in self.threads.drain(..) {
            // A worker that panicked has said so on standard error; the others are still waited for.
            let _ = thread.join();
        }
    }
}

impl Orders {
    /// All accept from these sockets.
    pub(crate) fn listen(&self, sockets: &[BoundSocket]) -> Result<(), StartError> {
        for worker in &self.each {
            for socket in sockets {
                // A worker that has ended needs no socket.
                let _ = worker.send(Order::Listen(socket.share().map_err(StartError::Worker)?));
            }
        }
        Ok(())
    }

    /// None accepts from this address any more.
    pub(crate) fn leave(&self, address: &Address) {
        for worker in &self.each {
            let _ = worker.send(Order::Leave(address.clone()));
        }
    }
}

/// A worker's whole life.
async fn work(shared: Arc<Shared>, mut orders: mpsc::UnboundedReceiver<Order>, stopping: CancellationToken) {
    let (stops, shutdown) = watch::channel(false);
    let proxy = http_proxy(Gateway::new(shared.clone()));
    let cut = CancellationToken::new();
    let worker = Arc::new(Worker { shared: shared.clone(), proxy, shutdown, cut: cut.clone() });
    let connections = TaskTracker::new();
    let stop = Stop { begun: stopping.clone(), last_call: CancellationToken::new() };
    let mut listeners = HashMap::new();
    loop {
        let order = tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            order = orders.recv() => order,
        };
        match order {
            Some(Order::Listen(socket)) => match socket.accepting() {
                Ok(acceptor) => {
                    let closing = stopping.child_token();
                    listeners.insert(acceptor.address.clone(), closing.clone());
                    let ends = (closing, stop.clone());
                    tokio::spawn(accept(worker.clone(), acceptor, ends, connections.clone()));
                }
                Err(error) => shared.observer.log().error("cannot listen", &[("reason", &error.to_string())]),
            },
            Some(Order::Leave(address)) => {
                listeners.remove(&address).iter().for_each(CancellationToken::cancel);
            }
            None => stopping.cancelled().await,
        }
    }
    let _ = stops.send(true);
    connections.close();
    let drain = shared.current().table.process.drain.unwrap_or(Duration::MAX);
    let answer = ANSWER.min(drain / 2);
    if tokio::time::timeout(drain - answer, connections.wait()).await.is_err() {
        stop.last_call.cancel();
    }
    if tokio::time::timeout(answer, connections.wait()).await.is_err() {
        let left = connections.len().to_string();
        shared.observer.log().warn("drain is over; open connections are cut", &[("connections", &left)]);
        cut.cancel();
        // Whoever does not even take its last word is dropped with the runtime.
        let _ = tokio::time::timeout(LAST_WORD, connections.wait()).await;
    }
}

/// Accepts until the listener is closed.
async fn accept(
    worker: Arc<Worker>,
    acceptor: Acceptor,
    (closing, stop): (CancellationToken, Stop),
    connections: TaskTracker,
) {
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
            () = closing.cancelled() => return,
            accepted = acceptor.accept(failed) => accepted,
        };
        let link =
            Link::new(acceptor.address.clone(), peer, acceptor.local_port, closing.clone(), stop.clone());
        let mut counted = worker.shared.observer.connection(&acceptor.address);
        let (place, worker) = (worker.shared.admit_connection(), worker.clone());
        connections.spawn(async move {
            match place {
                Some(_place) => serve(worker, transport, link, &mut counted).await,
                None => refuse_connection(worker, transport, link).await,
            }
            drop(counted);
        });
    }
}

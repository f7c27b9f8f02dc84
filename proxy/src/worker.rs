//! A worker: one thread with a runtime, a Pingora and a pool of upstream connections of its own. Nothing on a
//! request's way is shared between two of them but counters.

mod listening;

use crate::connection::{Stop, Worker};
use crate::listener::BoundSocket;
use crate::observe::count_as_worker;
use crate::pingora::{Gateway, http_proxy};
use crate::roots::Trust;
use crate::shared::Shared;
use crate::start_error::StartError;
use arc_swap::ArcSwap;
use listening::Listening;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::mpsc as answers;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vordr_rules::table::{Address, Table};

/// How long before the end of `drain` WebSockets are told goodbye, whatever they are about.
const ANSWER: Duration = Duration::from_secs(1);
/// How long what is cut has to end in.
const LAST_WORD: Duration = Duration::from_millis(500);
/// How long a reload waits for sockets to be closed, so that their addresses are free when it is done.
const CLOSED: Duration = Duration::from_secs(1);
/// How long a reload waits for workers to read the authorities that it needs.
const TRUSTED: Duration = Duration::from_secs(10);
/// How long another process that listens on the same ports has to take over, where `drain-delay` is shorter.
const HAND_OVER: Duration = Duration::from_secs(1);

/// What a worker is told while it runs.
#[derive(Debug)]
pub(crate) enum Order {
    /// Accept from this socket too.
    Listen(BoundSocket),
    /// Accept no more from this address, and close its connections as soon as nothing is under way on them. The
    /// sender is dropped when the socket is closed.
    Leave(Address, answers::Sender<Infallible>),
    /// Trust the system's authorities from now on when upstreams show certificates, and say whether you can.
    Trust(answers::Sender<io::Result<()>>),
    /// Say that you are there.
    Answer(answers::Sender<()>),
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

/// The same sockets once for each worker.
#[derive(Debug)]
pub(crate) struct Shares(Vec<Vec<BoundSocket>>);

impl Workers {
    /// Starts as many as the rules say, or as there are processors; each of them is ready when this returns.
    pub(crate) fn start(shared: &Arc<Shared>, stopping: &CancellationToken) -> Result<Self, StartError> {
        let mut workers = Self { threads: Vec::new(), orders: Orders { each: Vec::new() } };
        let (started, starts) = answers::channel();
        for number in 0..count(&shared.current().table) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(StartError::Worker)?;
            let (orders, incoming) = mpsc::unbounded_channel();
            let (shared, stopping, started) = (shared.clone(), stopping.child_token(), started.clone());
            let thread = thread::Builder::new()
                .name(format!("vordr-worker-{number}"))
                .spawn(move || {
                    count_as_worker(number);
                    runtime.block_on(work(shared, incoming, stopping, started));
                })
                .map_err(StartError::Worker)?;
            workers.threads.push(thread);
            workers.orders.each.push(orders);
        }
        drop(started);
        starts.into_iter().collect::<io::Result<()>>().map_err(StartError::Worker)?;
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
    /// A handle on each of these sockets for each worker, for which there may be no descriptors left.
    pub(crate) fn share(&self, sockets: &[BoundSocket]) -> Result<Shares, StartError> {
        let share = |_| sockets.iter().map(BoundSocket::share).collect::<Result<Vec<_>, _>>();
        self.each.iter().map(share).collect::<Result<_, _>>().map(Shares).map_err(StartError::Worker)
    }

    /// All accept from these sockets.
    pub(crate) fn listen(&self, Shares(sockets): Shares) {
        for (worker, sockets) in self.each.iter().zip(sockets) {
            for socket in sockets {
                // A worker that has ended needs no socket.
                let _ = worker.send(Order::Listen(socket));
            }
        }
    }

    /// None accepts from this address any more, which is free then.
    pub(crate) fn leave(&self, address: &Address) {
        let (done, closed) = answers::channel();
        for worker in &self.each {
            let _ = worker.send(Order::Leave(address.clone(), done.clone()));
        }
        drop(done);
        // Nothing is ever sent: it is the last sender's end that is waited for.
        let _ = closed.recv_timeout(CLOSED);
    }

    /// All trust the system's authorities when this returns: before rules that need them are in force.
    pub(crate) fn trust_the_system(&self) -> Result<(), StartError> {
        let late = || {
            let text = format!("not all of them have read the system's authorities within {TRUSTED:?}");
            io::Error::new(io::ErrorKind::TimedOut, text)
        };
        let answers = self.all_answer(Order::Trust, TRUSTED);
        let read = answers.map(|answer| answer.unwrap_or_else(|_| Err(late())));
        read.collect::<io::Result<()>>().map_err(StartError::Worker)
    }

    /// Whether every worker says that it is there within this time.
    pub(crate) fn answer(&self, within: Duration) -> bool {
        self.all_answer(Order::Answer, within).all(|answer| answer.is_ok())
    }

    /// What each worker answers, as long as it is there and answers in time.
    fn all_answer<T>(
        &self,
        order: impl Fn(answers::Sender<T>) -> Order,
        within: Duration,
    ) -> impl Iterator<Item = Result<T, answers::RecvTimeoutError>> {
        let (answer, answered) = answers::channel();
        let asked = self.each.iter().filter(|worker| worker.send(order(answer.clone())).is_ok()).count();
        let end = Instant::now() + within;
        (0..asked).map(move |_| answered.recv_timeout(end.saturating_duration_since(Instant::now())))
    }
}

/// How many workers these rules ask for: as many as there are processors, where they do not say.
pub(crate) fn count(table: &Table) -> usize {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    table.process.workers.unwrap_or_else(processors).max(1)
}

/// A worker's whole life. Whether it begins is told at once.
async fn work(
    shared: Arc<Shared>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    stopping: CancellationToken,
    started: answers::Sender<io::Result<()>>,
) {
    let (stops, shutdown) = watch::channel(false);
    let mut trust = shared.current().upstreams.trust();
    let proxy = match http_proxy(Gateway::new(shared.clone()), trust) {
        Ok(proxy) => ArcSwap::new(proxy),
        Err(error) => return drop(started.send(Err(error))),
    };
    let _ = started.send(Ok(()));
    drop(started);
    let cut = CancellationToken::new();
    let worker = Arc::new(Worker { shared: shared.clone(), proxy, shutdown, cut: cut.clone() });
    let stop = Stop::default();
    let mut listening = Listening::new(worker.clone(), stop.clone());
    while let Some(Some(order)) = stopping.run_until_cancelled(orders.recv()).await {
        match order {
            Order::Listen(socket) => listening.open(socket),
            Order::Leave(address, _closed) => listening.close(&address).await,
            Order::Trust(answer) if trust == Trust::Nobody => {
                let proxy = http_proxy(Gateway::new(shared.clone()), Trust::System);
                let _ = answer.send(proxy.map(|proxy| {
                    worker.proxy.store(proxy);
                    trust = Trust::System;
                }));
            }
            Order::Trust(answer) => drop(answer.send(Ok(()))),
            Order::Answer(answer) => drop(answer.send(())),
        }
    }
    drop(worker);
    stopping.cancelled().await;
    tokio::spawn(go_on_answering(orders));
    let delay = shared.current().table.process.drain_delay;
    let delay = if shared.hands_over { delay.max(HAND_OVER) } else { delay };
    listening.leave(delay, shared.hands_over).await;
    let _ = stops.send(true);
    stop.begun.cancel();
    drain(&shared, &listening.end().await, &stop, &cut).await;
}

/// Waits for what is under way, and cuts what is left of it in the end.
async fn drain(shared: &Shared, connections: &TaskTracker, stop: &Stop, cut: &CancellationToken) {
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

/// A worker that drains is still there.
async fn go_on_answering(mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        if let Order::Answer(answer) = order {
            let _ = answer.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_well_when_every_one_of_them_answers_in_time() {
        let (answering, mut heard) = mpsc::unbounded_channel();
        let thread = thread::spawn(move || {
            while let Some(Order::Answer(answer)) = heard.blocking_recv() {
                let _ = answer.send(());
            }
        });
        let (hanging, _never_heard) = mpsc::unbounded_channel();
        let moment = Duration::from_millis(50);
        assert!(Orders { each: vec![answering.clone()] }.answer(Duration::from_secs(10)));
        assert!(!Orders { each: vec![answering, hanging] }.answer(moment));
        assert!(thread.join().is_ok());
    }
}

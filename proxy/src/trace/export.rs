//! Spans on their way to the collector, from a thread of their own: whoever makes them never waits.

use super::collector::Collector;
use crate::observe::Observer;
use crate::start_error::StartError;
use opentelemetry_sdk::trace::SpanData;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc as ends;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use vordr_rules::table::Trace;

/// How many exchanges' spans may wait; those of further ones are dropped and counted.
const WAITING: usize = 2048;
/// How many spans are sent at once, unless one exchange has more.
const BATCH: usize = 512;
/// How long spans are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// The way to one collector. The thread ends once nobody has it any more and everything has been sent.
#[derive(Debug)]
pub(super) struct Exporter {
    waiting: mpsc::Sender<Vec<SpanData>>,
    /// How many spans found no place since the last delivery.
    overflowed: Arc<AtomicUsize>,
    observer: Arc<Observer>,
}

impl Exporter {
    /// Starts its thread.
    pub(super) fn start(rules: &Trace, observer: &Arc<Observer>) -> Result<Self, StartError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Worker)?;
        let collector = {
            let _entered = runtime.enter();
            Collector::open(rules)?
        };
        let (waiting, incoming) = mpsc::channel(WAITING);
        let overflowed = Arc::new(AtomicUsize::new(0));
        let (stopping, running) = observer.exports.join();
        let sending = Sending {
            overflowed: overflowed.clone(),
            incoming,
            collector,
            stopping,
            health: Health::Well,
            observer: observer.clone(),
        };
        thread::Builder::new()
            .name("vordr-trace".to_owned())
            .spawn(move || {
                runtime.block_on(sending.go_on());
                // A connection that hangs is not waited for.
                runtime.shutdown_background();
                drop(running);
            })
            .map_err(StartError::Worker)?;
        Ok(Self { waiting, overflowed, observer: observer.clone() })
    }

    /// Whether what the newer rules say of the collector is what the older ones said.
    pub(super) fn is_for(old: &Trace, new: &Trace) -> bool {
        let Trace { endpoint, protocol, ratio: _, parent: _, service, headers } = old;
        (endpoint, protocol, service, headers) == (&new.endpoint, &new.protocol, &new.service, &new.headers)
    }

    /// Takes an exchange's spans, or drops them where too many wait.
    pub(super) fn take(&self, spans: Vec<SpanData>) {
        if let Err(unsent) = self.waiting.try_send(spans) {
            let count = unsent.into_inner().len();
            self.overflowed.fetch_add(count, Relaxed);
            self.observer.metrics.traces.dropped("queue_full", count);
        }
    }
}

/// The thread's whole life.
struct Sending {
    incoming: mpsc::Receiver<Vec<SpanData>>,
    overflowed: Arc<AtomicUsize>,
    collector: Collector,
    /// Cancelled when vordr stops: what waits by then is the last.
    stopping: CancellationToken,
    health: Health,
    observer: Arc<Observer>,
}

impl Sending {
    async fn go_on(mut self) {
        while let Some(batch) = self.gather().await {
            let count = batch.len();
            let delivered = self.collector.send(batch).await;
            let overflowed = self.overflowed.swap(0, Relaxed);
            let Self { observer, collector, health, .. } = &mut self;
            match delivered {
                Ok(()) if overflowed == 0 => {
                    observer.metrics.traces.exported(count);
                    health.recovers(observer, collector);
                }
                Ok(()) => {
                    observer.metrics.traces.exported(count);
                    health.fails(observer, collector, "they come faster than it takes them", overflowed);
                }
                Err(reason) => {
                    observer.metrics.traces.dropped("export_failed", count);
                    health.fails(observer, collector, &reason, count + overflowed);
                    if self.stopping.is_cancelled() {
                        return self.give_up();
                    }
                }
            }
        }
    }

    /// As many as come within a moment, or fit; `None` is the end.
    async fn gather(&mut self) -> Option<Vec<SpanData>> {
        let mut batch = self.next().await?;
        let end = Instant::now() + GATHER;
        while batch.len() < BATCH {
            tokio::select! {
                more = self.next() => match more {
                    Some(more) => batch.extend(more),
                    None => break,
                },
                () = sleep_until(end) => break,
            }
        }
        Some(batch)
    }

    /// The next exchange's spans; once vordr stops, of those that are there.
    async fn next(&mut self) -> Option<Vec<SpanData>> {
        tokio::select! {
            biased;
            next = self.incoming.recv() => next,
            () = self.stopping.cancelled() => self.incoming.try_recv().ok(),
        }
    }

    /// A collector that fails now does not come back before the process ends.
    fn give_up(mut self) {
        while let Ok(spans) = self.incoming.try_recv() {
            self.observer.metrics.traces.dropped("export_failed", spans.len());
        }
    }
}

/// How it goes: one line in the log when that changes, however many spans it is about.
#[derive(Debug, PartialEq, Eq)]
enum Health {
    Well,
    /// So many spans have been lost since it last was well.
    Failing(usize),
}

impl Health {
    fn fails(&mut self, observer: &Observer, collector: &Collector, reason: &str, spans: usize) {
        match self {
            Self::Failing(lost) => *lost += spans,
            Self::Well => {
                let fields = [("collector", collector.endpoint()), ("reason", reason)];
                observer.log().warn("spans are lost on their way to the collector", &fields);
                *self = Self::Failing(spans);
            }
        }
    }

    fn recovers(&mut self, observer: &Observer, collector: &Collector) {
        if let Self::Failing(lost) = std::mem::replace(self, Self::Well) {
            let lost = lost.to_string();
            let fields = [("collector", collector.endpoint()), ("lost", lost.as_str())];
            observer.log().info("spans are delivered again", &fields);
        }
    }
}

/// Every thread that sends spans: those of older rules may still be at it.
#[derive(Debug)]
pub(crate) struct Exports {
    stopping: CancellationToken,
    running: Mutex<Option<Running>>,
}

/// Nothing is ever sent: it is the last sender's end that is waited for.
type Running = (ends::Sender<Infallible>, ends::Receiver<Infallible>);

impl Default for Exports {
    fn default() -> Self {
        Self { stopping: CancellationToken::new(), running: Mutex::new(Some(ends::channel())) }
    }
}

impl Exports {
    /// What a thread hears of the end by, and what it holds until its own.
    fn join(&self) -> (CancellationToken, Option<ends::Sender<Infallible>>) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        (self.stopping.clone(), running.as_ref().map(|(sender, _)| sender.clone()))
    }

    /// Waits until everything has been sent, but no longer than this.
    pub(crate) fn finish(&self, within: Duration) {
        self.stopping.cancel();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, receiver)) = running {
            drop(sender);
            let _ = receiver.recv_timeout(within);
        }
    }
}

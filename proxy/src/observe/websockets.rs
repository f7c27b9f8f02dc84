//! The families of WebSockets, and the series of one stream, looked up once.

use super::cells::{Counter, Gauge, PerWorker};
use super::family::{Counters, Families, Gauges, Histograms};
use super::record::{Record, labels};
use crate::exchange::Exchange;
use crate::websocket::{Frame, Opcode, Side, Tunnel};
use std::sync::Arc;

/// Seconds.
const BUCKETS: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0];

/// Every family of WebSockets.
#[derive(Debug)]
pub(crate) struct WebSockets {
    pub(super) active: Gauges,
    pub(super) total: Counters,
    upgrade_failures: Counters,
    duration: Histograms,
    bytes: Counters,
    frames: Counters,
    compressed: Counters,
    closes: Counters,
    /// Messages in either direction, for `/status`.
    pub(super) messages: Arc<PerWorker<Counter>>,
}

impl WebSockets {
    pub(super) fn new(make: &mut Families) -> Self {
        let route = &["server", "route"];
        let directed = &["server", "route", "direction"];
        Self {
            active: make.gauges("vordr_websocket_connections_active", "Open WebSockets.", route),
            total: make.counters("vordr_websocket_connections_total", "WebSockets opened.", route),
            upgrade_failures: make.counters(
                "vordr_websocket_upgrade_failures_total",
                "WebSocket handshakes that were not answered 101.",
                &["server", "route", "code"],
            ),
            duration: make.seconds(
                "vordr_websocket_duration_seconds",
                "How long WebSockets lived.",
                route,
                BUCKETS,
            ),
            bytes: make.counters("vordr_websocket_bytes_total", "Bytes of WebSockets.", directed),
            frames: make.counters(
                "vordr_websocket_frames_total",
                "Frames of WebSockets.",
                &["server", "route", "direction", "opcode"],
            ),
            compressed: make.counters(
                "vordr_websocket_compressed_messages_total",
                "Messages that permessage-deflate made smaller.",
                directed,
            ),
            closes: make.counters(
                "vordr_websocket_closes_total",
                "WebSockets that ended, by who ended them and why.",
                &["server", "route", "initiator", "reason"],
            ),
            messages: make.per_worker().into(),
        }
    }

    /// A stream was opened.
    pub(super) fn opened(&self, exchange: &Exchange) -> Meter {
        let (server, route) = labels(exchange);
        self.total.with_label_values(&[server, route]).inc();
        let active = self.active.with_label_values(&[server, route]);
        active.inc();
        let directed = |direction| DirectedMeter {
            bytes: self.bytes.with_label_values(&[server, route, direction]),
            compressed: self.compressed.with_label_values(&[server, route, direction]),
            frames: Opcode::ALL
                .map(|opcode| self.frames.with_label_values(&[server, route, direction, opcode.name()])),
        };
        Meter {
            active,
            from_client: directed("in"),
            from_upstream: directed("out"),
            messages: self.messages.clone(),
        }
    }

    /// How many streams of a route are open.
    pub(crate) fn open(&self, server: &str, route: &str) -> u64 {
        self.active.total(&[server, route]).count()
    }

    /// A stream has ended.
    pub(super) fn ended(&self, record: &Record<'_>, tunnel: &Tunnel) {
        let (server, route) = labels(record.exchange);
        let ending = tunnel.ending(record.exchange.failure.as_ref());
        self.duration.with_label_values(&[server, route]).observe(record.duration());
        self.closes.with_label_values(&[server, route, ending.initiator.name(), ending.reason]).inc();
    }

    /// A handshake was answered otherwise.
    pub(super) fn refused(&self, exchange: &Exchange, status: u16) {
        let (server, route) = labels(exchange);
        self.upgrade_failures.with_label_values(&[server, route, &status.to_string()]).inc();
    }
}

/// The series of one open stream; it counts as open until this is dropped.
#[derive(Debug)]
pub(crate) struct Meter {
    active: Arc<Gauge>,
    from_client: DirectedMeter,
    from_upstream: DirectedMeter,
    messages: Arc<PerWorker<Counter>>,
}

#[derive(Debug)]
struct DirectedMeter {
    bytes: Arc<Counter>,
    compressed: Arc<Counter>,
    /// In the order of [`Opcode::ALL`].
    frames: [Arc<Counter>; 6],
}

impl Meter {
    /// Bytes pass.
    pub(crate) fn bytes(&self, side: Side, count: usize) {
        self.directed(side).bytes.inc_by(count as u64);
    }

    /// A frame passes.
    pub(crate) fn frame(&self, side: Side, frame: &Frame) {
        let directed = self.directed(side);
        if let Some(frames) = directed.frames.get(frame.opcode as usize) {
            frames.inc();
        }
        if frame.compressed {
            directed.compressed.inc();
        }
        if frame.ends_message() {
            self.messages.mine().inc();
        }
    }

    fn directed(&self, side: Side) -> &DirectedMeter {
        match side {
            Side::Client => &self.from_client,
            Side::Upstream => &self.from_upstream,
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.active.dec();
    }
}

#[cfg(test)]
impl Meter {
    /// One that nobody reads.
    pub(crate) fn unseen() -> Self {
        let directed = || DirectedMeter {
            bytes: Arc::default(),
            compressed: Arc::default(),
            frames: Opcode::ALL.map(|_| Arc::default()),
        };
        Self {
            active: Arc::default(),
            from_client: directed(),
            from_upstream: directed(),
            messages: Arc::new(PerWorker::new(0)),
        }
    }
}

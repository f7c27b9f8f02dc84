//! Connections, counted by what is spoken on them.

use super::{Guard, Observer};
use std::sync::Arc;
use vordr_rules::table::Address;

/// HTTP/1, or nothing so far.
const HTTP1: &str = "http";
const HTTP2: &str = "h2";

/// An open connection, counted as such until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    observer: Arc<Observer>,
    listener: String,
    active: Guard,
    known: bool,
}

impl Observer {
    /// A connection was accepted.
    pub(crate) fn connection(self: &Arc<Self>, listener: &Address) -> Counted {
        self.metrics.accepted.mine().inc();
        let (observer, listener) = (self.clone(), listener.to_string());
        let active = observer.active(&listener, HTTP1);
        Counted { observer, listener, active, known: false }
    }

    fn active(&self, listener: &str, protocol: &str) -> Guard {
        Guard::new(self.metrics.connections_active.with_label_values(&[listener, protocol]))
    }
}

impl Counted {
    /// A request of HTTP/1 has come.
    pub(crate) fn speaks_http1(&mut self) {
        self.speaks(HTTP1);
    }

    /// It is a connection of HTTP/2.
    pub(crate) fn speaks_http2(&mut self) {
        self.active = self.observer.active(&self.listener, HTTP2);
        self.speaks(HTTP2);
    }

    fn speaks(&mut self, protocol: &str) {
        if !std::mem::replace(&mut self.known, true) {
            let total = &self.observer.metrics.connections_total;
            total.with_label_values(&[self.listener.as_str(), protocol]).inc();
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Of which nobody has said anything.
        self.speaks(HTTP1);
    }
}

//! What every part of a running vordr shares, and what outlives a reload.

use crate::observe::Observer;
use crate::tls::Tokens;
use crate::upstream::Upstreams;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vordr_rules::table::Table;

/// What every worker uses.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The rules that hold now. An exchange takes one snapshot and keeps it to its end.
    pub table: ArcSwap<Table>,
    /// Logs and metrics.
    pub observer: Arc<Observer>,
    /// The pools' live state.
    pub upstreams: Arc<Upstreams>,
    /// The rules as `vordr show` prints them.
    pub effective_rules: String,
    /// The answers to ACME's http-01 that are given now.
    pub tokens: Arc<Tokens>,
    open: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        table: Arc<Table>,
        effective_rules: String,
        observer: Arc<Observer>,
        upstreams: Arc<Upstreams>,
    ) -> Arc<Self> {
        Arc::new(Self {
            table: ArcSwap::new(table),
            observer,
            upstreams,
            effective_rules,
            tokens: Arc::default(),
            open: AtomicU64::new(0),
        })
    }

    /// Counts a connection in, or refuses it where `limits connections` is reached.
    pub(crate) fn admit_connection(self: &Arc<Self>) -> Option<OpenConnection> {
        let limit = self.table.load().process.limits.connections.unwrap_or(u64::MAX);
        let slot = OpenConnection { shared: self.clone() };
        // Counted first, so that two at once cannot both take the last place.
        if self.open.fetch_add(1, Relaxed) < limit { Some(slot) } else { None }
    }
}

/// A place among the open connections, given back when dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    shared: Arc<Shared>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Relaxed);
    }
}

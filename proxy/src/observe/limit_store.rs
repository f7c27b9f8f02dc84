//! The families of `limit-store`.

use super::family::{Counters, Families, Readings};
use crate::gate::StoreState;
use std::sync::Arc;

/// Whether it is there, and what it missed.
#[derive(Debug)]
pub(crate) struct LimitStore {
    up: Arc<Readings>,
    missed: Counters,
}

impl LimitStore {
    pub(super) fn new(make: &mut Families) -> Self {
        let missed = make.counters(
            "vordr_limit_store_missed_total",
            "Requests that the limit store did not count in time.",
            &[],
        );
        // From nothing on, so that the first one is a rise.
        missed.with_label_values(&[]);
        Self { up: make.readings("vordr_limit_store_up", "Whether the limit store counts.", &[]), missed }
    }

    /// A request was not counted in time.
    pub(crate) fn missed(&self) {
        self.missed.with_label_values(&[]).inc();
    }

    /// Tells how the store is; where there is none, nothing.
    pub(super) fn stands(&self, state: Option<StoreState>) {
        self.up.set(state.map(|state| ([], f64::from(state == StoreState::Up))));
    }
}

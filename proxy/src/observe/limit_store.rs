//! The families of `limit-store`.

use super::family::{Families, Gauges};
use crate::gate::StoreState;
use prometheus::{Error, IntCounter};

/// Whether it is there, and what it missed.
#[derive(Debug)]
pub(crate) struct LimitStore {
    up: Gauges,
    missed: IntCounter,
}

impl LimitStore {
    pub(super) fn new(make: &Families) -> Result<Self, Error> {
        Ok(Self {
            up: make.gauges("vordr_limit_store_up", "Whether the limit store counts.", &[])?,
            missed: make.add(IntCounter::new(
                "vordr_limit_store_missed_total",
                "Requests that the limit store did not count in time.",
            ))?,
        })
    }

    /// A request was not counted in time.
    pub(crate) fn missed(&self) {
        self.missed.inc();
    }

    /// Tells how the store is; where there is none, nothing.
    pub(super) fn stands(&self, state: Option<StoreState>) {
        self.up.clear();
        if let Some(state) = state {
            self.up.with_label_values(&[]).set((state == StoreState::Up).into());
        }
    }
}

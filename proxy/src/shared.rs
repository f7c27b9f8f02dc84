//! What every part of a running vordr shares, and what outlives a reload.

use crate::exchange::Failure;
use crate::gate::Gate;
use crate::generation::Generation;
use crate::observe::Observer;
use crate::places::{Place, Places};
use crate::tls::{Certificates, Tokens};
use arc_swap::{ArcSwap, Guard};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What every worker uses.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Logs and metrics.
    pub observer: Arc<Observer>,
    /// Every certificate that may be shown.
    pub certificates: Arc<Certificates>,
    /// The answers to ACME's http-01 that are given now.
    pub tokens: Arc<Tokens>,
    /// Rates and credentials.
    pub gate: Gate,
    /// Whether another process may listen on the same ports, and take over when this one stops.
    pub hands_over: bool,
    current: ArcSwap<Generation>,
    /// Every generation that may still be in use.
    generations: Mutex<Vec<Weak<Generation>>>,
    places: Arc<Places>,
}

impl Shared {
    pub(crate) fn new(
        first: Arc<Generation>,
        observer: Arc<Observer>,
        certificates: Arc<Certificates>,
        hands_over: bool,
    ) -> Arc<Self> {
        let generations = Mutex::new(vec![Arc::downgrade(&first)]);
        let (current, tokens, places) = (ArcSwap::new(first), Arc::default(), Arc::default());
        let gate = Gate::default();
        Arc::new(Self { observer, certificates, tokens, gate, hands_over, current, generations, places })
    }

    /// The rules that hold now, for a look.
    pub(crate) fn current(&self) -> Guard<Arc<Generation>> {
        self.current.load()
    }

    /// The rules that hold now, to be kept for an exchange.
    pub(crate) fn generation(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Puts newer rules in force.
    pub(crate) fn replace(&self, newer: Arc<Generation>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.retain(|generation| generation.strong_count() > 0);
        generations.push(Arc::downgrade(&newer));
        self.current.swap(newer).replaced.cancel();
    }

    /// How many generations are in use, the present one included.
    pub(crate) fn live_generations(&self) -> usize {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.iter().filter(|generation| generation.strong_count() > 0).count()
    }

    /// Does something with every generation in use, before any newer one is.
    pub(crate) fn with_live<T>(&self, what: impl FnOnce(&[Arc<Generation>]) -> T) -> T {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        what(&generations.iter().filter_map(Weak::upgrade).collect::<Vec<_>>())
    }

    /// A place for a connection from `client`; refused where `limits connections` is reached.
    pub(crate) fn admit_connection(&self, client: Option<IpAddr>) -> Result<Place, Failure> {
        self.places.take(&self.current().table.process, client)
    }
}

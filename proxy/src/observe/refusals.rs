//! What was turned away before it reached a route: each reason with how often, and the last time in words.

use super::cells::PerWorker;
use super::look::LastError;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What came of a client that was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turned {
    /// A request was refused.
    Request,
    /// There was no request yet: the handshake of TLS failed.
    Handshake,
}

/// All of it; reasons are few, so nothing grows.
#[derive(Debug)]
pub(super) struct Refusals(PerWorker<Mutex<ByReason>>);

type ByReason = BTreeMap<(Turned, &'static str), Refusal>;

/// One reason.
#[derive(Debug, Clone)]
struct Refusal {
    count: u64,
    last: LastError,
    client: String,
}

impl Refusals {
    /// For so many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self(PerWorker::new(workers))
    }

    /// This client was turned away.
    pub(super) fn add(&self, turned: Turned, client: &str, error: LastError) {
        let refusal = Refusal { count: 1, last: error, client: client.to_owned() };
        let mut known = self.0.mine().lock().unwrap_or_else(PoisonError::into_inner);
        merge(&mut known, (turned, refusal.last.reason), refusal);
    }

    /// For `/status`: what came last is told first.
    pub(super) fn json(&self) -> Value {
        let mut all = ByReason::new();
        for known in self.0.all() {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.iter().for_each(|(reason, refusal)| merge(&mut all, *reason, refusal.clone()));
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, refusal)| Reverse(refusal.last.at));
        all.into_iter().map(|((turned, reason), refusal)| refusal.json(turned, reason)).collect()
    }
}

fn merge(known: &mut ByReason, reason: (Turned, &'static str), newer: Refusal) {
    match known.get_mut(&reason) {
        None => drop(known.insert(reason, newer)),
        Some(refusal) => {
            let count = refusal.count + newer.count;
            if newer.last.at >= refusal.last.at {
                *refusal = newer;
            }
            refusal.count = count;
        }
    }
}

impl Refusal {
    fn json(&self, turned: Turned, reason: &str) -> Value {
        let what = match turned {
            Turned::Request => "request",
            Turned::Handshake => "handshake",
        };
        json!({
            "what": what,
            "reason": reason,
            "count": self.count,
            "client_ip": self.client,
            "last": self.last.json(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::count_as_worker;
    use super::*;
    use std::thread;

    #[test]
    fn a_reason_is_told_once_whoever_saw_it_with_the_last_client() {
        let refusals = Refusals::new(2);
        let add = |reason: &'static str, client: &str| {
            refusals.add(Turned::Handshake, client, LastError::handshake(reason, "words"));
        };
        add("not_tls", "192.0.2.1");
        add("version", "192.0.2.2");
        for worker in [0, 1] {
            thread::scope(|scope| {
                scope.spawn(|| {
                    count_as_worker(worker);
                    add("not_tls", &format!("198.51.100.{worker}"));
                });
            });
        }
        let told = refusals.json();
        let told: Vec<_> = told.as_array().into_iter().flatten().collect();
        assert_eq!(told.len(), 2);
        assert_eq!((&told[0]["reason"], &told[0]["count"]), (&"not_tls".into(), &3.into()));
        assert_eq!(told[0]["client_ip"], "198.51.100.1");
        assert_eq!(told[1]["count"], 1);
    }
}

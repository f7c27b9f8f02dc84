//! What a location asks of a request before its action: not too often, and with credentials. What is remembered for
//! it outlives a reload.

mod apr1;
mod auth;
mod authorization;
mod basic;
mod concurrent;
mod credentials;
mod forward;
mod inside;
mod issuer;
mod jwt;
mod limit;
mod passwords;
mod rates;
mod secrets;
mod store;
mod token;
mod user_file;
mod watched;
mod weak;

pub(crate) use authorization::claimed_user;
pub(crate) use concurrent::Place;
pub(crate) use credentials::Credentials;
pub(crate) use store::{State as StoreState, Store};

use crate::exchange::{Admission, CountedFor, Exchange, Failure, Learnt, LimitVerdict, Limited};
use crate::files::Folders;
use crate::observe::Observer;
use crate::upstream::Upstreams;
use auth::Refusal;
use basic::Basic;
use concurrent::Counts;
use http::request::Parts;
use limit::Limits;
use rates::Rates;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vordr_rules::table::{OnFailure, RateLimit};

/// What one generation of the rules knows of whoever may be asked.
#[derive(Clone, Copy)]
pub(crate) struct Known<'g> {
    /// Files and keys that credentials are held against.
    pub credentials: &'g Credentials,
    /// The pools.
    pub upstreams: &'g Upstreams,
    /// The folders that are served.
    pub folders: &'g Folders,
}

/// Who has asked how often, how much of it is under way, and whose password was right.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    limits: Limits,
    counts: Arc<Counts>,
    basic: Basic,
}

impl Gate {
    /// Looks at how often and how much is asked, for a request that [`Admission::Guarded`] was said of: for how long it is
    /// to wait for its turn. The rate comes before credentials, so that it slows guessing.
    pub(crate) async fn count(
        &self,
        store: Option<&Store>,
        exchange: &mut Exchange,
        request: &Parts,
        observer: &Observer,
    ) -> Result<Duration, Failure> {
        let turn = match exchange.is_rated {
            true => Duration::ZERO,
            false => {
                let checked = self.check_rates(store, exchange, request, observer).await;
                // What a refusal leads to is not refused once more.
                exchange.is_rated |= checked.is_err();
                checked?
            }
        };
        if !exchange.is_counted {
            self.check_places(exchange, request, observer)?;
        }
        Ok(turn)
    }

    fn check_places(
        &self,
        exchange: &mut Exchange,
        request: &Parts,
        observer: &Observer,
    ) -> Result<(), Failure> {
        let (mut places, mut refused, mut verdict) = (Vec::new(), None, None);
        for (limit, name) in exchange.concurrencies() {
            let Some(key) = exchange.counted_key(&limit.key, limit.zone.as_deref(), request) else {
                continue;
            };
            let limited =
                |verdict| Limited { level: limit.level, verdict, zone: limit.zone.clone(), excess: None };
            match self.counts.enter(&name, &key, limit.most) {
                Some(place) => {
                    verdict = verdict.or(Some(LimitVerdict::Passed));
                    places.push(place);
                }
                None if limit.dry => {
                    verdict = Some(LimitVerdict::RejectedDry);
                    let failure = Failure::Concurrency(limit.status);
                    observer.would_be_refused(
                        exchange,
                        request,
                        &failure,
                        &limited(LimitVerdict::RejectedDry),
                    );
                }
                None => {
                    verdict = Some(LimitVerdict::Rejected);
                    refused = Some((limit.status, limited(LimitVerdict::Rejected)));
                    break;
                }
            }
        }
        exchange.concurrent_verdict = verdict.or(exchange.concurrent_verdict);
        exchange.is_counted = refused.is_some() || !places.is_empty();
        if let Some((status, limited)) = refused {
            exchange.limited = Some(Box::new(limited));
            return Err(Failure::Concurrency(status));
        }
        exchange.places.extend(places);
        Ok(())
    }

    /// Decides on a request that keeps to its rate.
    pub(crate) async fn decide(
        &self,
        known: Known<'_>,
        exchange: &mut Exchange,
        request: &Parts,
        observer: &Observer,
    ) -> Admission {
        match self.check_credentials(known, exchange, request, observer).await {
            Ok(learnt) => {
                // A location that asks for nothing forgets nothing.
                if learnt != Learnt::default() {
                    exchange.learnt = learnt;
                }
                exchange.pass(request)
            }
            Err(Refusal::Own(failure)) => exchange.turn_away(failure, request),
            Err(Refusal::Theirs(failure, answer)) => exchange.turn_away_with(failure, *answer, request),
        }
    }

    async fn check_rates(
        &self,
        store: Option<&Store>,
        exchange: &mut Exchange,
        request: &Parts,
        observer: &Observer,
    ) -> Result<Duration, Failure> {
        let mut rates = Rates::default();
        let mut is_rated = false;
        for (number, (limit, name)) in exchange.limits().enumerate() {
            let Some(key) = exchange.counted_key(&limit.key, limit.zone.as_deref(), request) else {
                continue;
            };
            // One that refuses nobody stands in the way of none.
            is_rated |= !limit.dry;
            match self.take(store, exchange, (limit, name), &key, observer).await? {
                Ok(turn) => rates.takes(limit, turn),
                Err(wait) if limit.dry => {
                    rates.verdict = Some(LimitVerdict::RejectedDry);
                    let failure = Failure::RateLimit(limit.status);
                    observer.would_be_refused(exchange, request, &failure, &rates::refused(limit, wait));
                }
                Err(wait) => {
                    rates.refused = Some((number, wait, limit));
                    break;
                }
            }
        }
        let Rates { longest, delayed, verdict, refused } = rates;
        let refused = refused
            .map(|(number, wait, limit)| (number, wait, limit.status, Box::new(rates::refused(limit, wait))));
        let Some((number, wait, status, limited)) = refused else {
            if let Some(limited) = delayed {
                observer.delayed(exchange, request, &limited);
            }
            exchange.rate_verdict = verdict.or(exchange.rate_verdict);
            exchange.is_rated = is_rated;
            return Ok(longest);
        };
        if store.is_none() {
            self.give_back(number, exchange, request);
        }
        exchange.rate_verdict = Some(LimitVerdict::Rejected);
        exchange.refused_by = number;
        exchange.limited = Some(limited);
        exchange.retry_after = Some(wait.as_secs_f64().ceil().max(1.0) as u64);
        Err(Failure::RateLimit(status))
    }

    /// A request that one limit refuses costs nothing under those before it.
    fn give_back(&self, before: usize, exchange: &Exchange, request: &Parts) {
        // One that refuses nobody may have had nothing to take.
        for (limit, name) in exchange.limits().take(before).filter(|(limit, _)| !limit.dry) {
            if let Some(key) = exchange.counted_key(&limit.key, limit.zone.as_deref(), request) {
                self.limits.give_back(self.limits.key(&name, &key), limit);
            }
        }
    }

    /// Takes a token, from the store where there is one.
    async fn take(
        &self,
        store: Option<&Store>,
        exchange: &Exchange,
        (limit, name): (&RateLimit, CountedFor<'_>),
        key: &[u8],
        observer: &Observer,
    ) -> Result<Result<Duration, Duration>, Failure> {
        let together = match store.zip(exchange.table.process.limit_store.as_ref()) {
            Some((store, rules)) => {
                let taken = store.take(name, key, limit, rules.timeout).await;
                if taken.is_none() {
                    observer.metrics.limit_store.missed();
                    if rules.on_failure == OnFailure::Closed {
                        return Err(Failure::Uncounted);
                    }
                }
                taken
            }
            None => None,
        };
        let alone = || self.limits.take(self.limits.key(&name, key), limit, Instant::now());
        Ok(together.unwrap_or_else(alone))
    }
}

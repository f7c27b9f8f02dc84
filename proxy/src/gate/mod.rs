//! What a location asks of a request before its action: not too often, and with credentials. What is remembered for
//! it outlives a reload.

mod apr1;
mod auth;
mod basic;
mod credentials;
mod forward;
mod issuer;
mod jwt;
mod limit;
mod passwords;
mod secrets;
mod store;
mod token;
mod watched;

pub(crate) use credentials::Credentials;
pub(crate) use store::{State as StoreState, Store};

use crate::exchange::{Admission, Exchange, Failure};
use crate::observe::Observer;
use auth::Refusal;
use basic::Basic;
use http::request::Parts;
use limit::Limits;
use std::time::Instant;
use vordr_rules::table::OnFailure;

/// Who has asked how often, and whose password was right.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    limits: Limits,
    basic: Basic,
}

impl Gate {
    /// Decides on a request that [`Admission::Guarded`] was said of. The rate comes first, so that it slows guessing.
    pub(crate) async fn decide(
        &self,
        (credentials, store): (&Credentials, Option<&Store>),
        exchange: &mut Exchange,
        request: &Parts,
        observer: &Observer,
    ) -> Admission {
        if let Err(failure) = self.check_rate(store, exchange, request, observer).await {
            return exchange.turn_away(failure, request);
        }
        match self.check_credentials(credentials, exchange, request, observer).await {
            Ok(learnt) => {
                exchange.learnt = learnt;
                exchange.pass(request)
            }
            Err(Refusal::Own(failure)) => exchange.turn_away(failure, request),
            Err(Refusal::Theirs(failure, answer)) => exchange.turn_away_with(failure, *answer, request),
        }
    }

    async fn check_rate(
        &self,
        store: Option<&Store>,
        exchange: &mut Exchange,
        request: &Parts,
        observer: &Observer,
    ) -> Result<(), Failure> {
        let Some((limit, name)) = exchange.limit() else { return Ok(()) };
        let key = exchange.key(&limit.key, request);
        let together = match store.zip(exchange.table.process.limit_store.as_ref()) {
            Some((store, rules)) => {
                let taken = store.take(name, &key, limit, rules.timeout).await;
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
        let alone = || self.limits.take(self.limits.key(&name, &key), limit, Instant::now());
        let taken = together.unwrap_or_else(alone);
        taken.map_err(|wait| {
            exchange.retry_after = Some(wait.as_secs_f64().ceil().max(1.0) as u64);
            Failure::RateLimit
        })
    }
}

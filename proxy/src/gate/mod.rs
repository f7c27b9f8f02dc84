//! What a location asks of a request before its action: not too often, and with credentials. What is remembered for
//! it outlives a reload.

mod apr1;
mod ask;
mod auth;
mod basic;
mod credentials;
mod forward;
mod issuer;
mod jwt;
mod limit;
mod passwords;
mod secrets;
mod token;
mod watched;

pub(crate) use credentials::Credentials;

use crate::exchange::{Admission, Exchange, Failure};
use crate::observe::Observer;
use auth::Refusal;
use basic::Basic;
use http::request::Parts;
use limit::Limits;
use std::time::Instant;

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
        credentials: &Credentials,
        exchange: &mut Exchange,
        request: &Parts,
        observer: &Observer,
    ) -> Admission {
        if let Err(failure) = self.check_rate(exchange, request) {
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

    fn check_rate(&self, exchange: &mut Exchange, request: &Parts) -> Result<(), Failure> {
        let Some((limit, name)) = exchange.limit() else { return Ok(()) };
        let key = self.limits.key(&name, &exchange.key(&limit.key, request));
        let taken = self.limits.take(key, limit, Instant::now());
        taken.map_err(|wait| {
            exchange.retry_after = Some(wait.as_secs_f64().ceil().max(1.0) as u64);
            Failure::RateLimit
        })
    }
}

//! What a location asks of a request before its action: not too often, and with credentials. What is remembered for
//! it outlives a reload.

mod limit;

use crate::exchange::{Admission, Exchange, Failure};
use http::request::Parts;
use limit::Limits;
use std::time::Instant;

/// Who has asked how often.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    limits: Limits,
}

impl Gate {
    /// Decides on a request that [`Admission::Guarded`] was said of.
    pub(crate) async fn decide(&self, exchange: &mut Exchange, request: &Parts) -> Admission {
        match self.check_rate(exchange, request) {
            Ok(()) => exchange.pass(request),
            Err(failure) => exchange.turn_away(failure, request),
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

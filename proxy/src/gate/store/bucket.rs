//! A bucket in the store: its name, and what a token of it costs.

use crate::exchange::CountedFor;
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;
use vordr_rules::table::RateLimit;

/// The bucket that vordr takes from to find out how the store is.
pub(super) const TRIAL: &str = "vordr:trial";

/// How fast a bucket fills, in microseconds, which is what Redis's clock counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// In which time a token comes back.
    pub(super) each: f64,
    /// In which time all of them do.
    pub(super) whole: f64,
}

impl Pace {
    /// That of a limit.
    pub(super) fn of(limit: &RateLimit) -> Self {
        // A clock of microseconds knows no shorter time.
        let each = (microseconds(limit.per) / f64::from(limit.requests.max(1))).max(1.0);
        Self { each, whole: each * (f64::from(limit.together()) + f64::from(limit.burst)) }
    }
}

impl Pace {
    /// For how long a request waits that has left its bucket `filling` for this long.
    pub(super) fn turn(&self, limit: &RateLimit, filling: Duration) -> Duration {
        let Some(at_once) = limit.at_once else { return Duration::ZERO };
        let free = self.each * (f64::from(limit.together()) + f64::from(at_once));
        Duration::try_from_secs_f64((microseconds(filling) - free) / 1e6).unwrap_or(Duration::ZERO)
    }
}

/// A pace at which a trial is never refused for long, nor remembered.
pub(super) fn trial() -> Pace {
    Pace { each: 1000.0, whole: 1_000_000.0 }
}

/// The name of whoever `key` is, under the limit of this name: the same for every vordr, and not to be read back. A key
/// may be a secret.
pub(super) fn name(counted: CountedFor<'_>, key: &[u8]) -> String {
    let mut digest = Context::new(&SHA256);
    for part in [counted.server.as_bytes(), counted.route.as_bytes(), key] {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    if counted.number > 0 {
        digest.update(&(counted.number as u64).to_be_bytes());
    }
    format!("vordr:limit:{}", URL_SAFE_NO_PAD.encode(digest.finish()))
}

fn microseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vordr_rules::placeholder::Template;

    #[test]
    fn a_bucket_fills_at_its_rate_and_a_microsecond_is_the_shortest_time() {
        let pace = |requests, seconds, burst| {
            let key = Template::compile("{client_ip}").unwrap();
            Pace::of(&RateLimit {
                requests,
                per: Duration::from_secs(seconds),
                burst,
                at_once: None,
                spaced: false,
                key,
                zone: None,
                status: http::StatusCode::TOO_MANY_REQUESTS,
                dry: false,
                level: vordr_rules::table::Level::Error,
            })
        };
        assert_eq!(pace(20, 1, 40), Pace { each: 50_000.0, whole: 3_000_000.0 });
        assert_eq!(pace(1, 86_400, 0), Pace { each: 86_400e6, whole: 86_400e6 });
        assert_eq!(pace(10_000_000, 1, 0).each, 1.0);
    }

    #[test]
    fn names_are_the_same_for_all_and_other_ones_for_each_key_and_limit() {
        let name =
            |server, route, number, key: &str| name(CountedFor { server, route, number }, key.as_bytes());
        assert_eq!(name("a.test", "/", 0, "k"), "vordr:limit:swQYnrNuInNEbyzqGE654MeLM98xWtLltzz7itkLjAQ");
        let names = [
            name("a", "/", 0, "x"),
            name("b", "/", 0, "x"),
            name("a", "/b", 0, "x"),
            name("a", "/", 0, "y"),
            name("a", "", 0, "/x"),
            name("a", "/", 1, "x"),
            name("a", "/", 2, "x"),
        ];
        for (at, one) in names.iter().enumerate() {
            assert!(!names[..at].contains(one));
        }
    }
}

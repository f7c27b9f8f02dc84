//! What the limits on the rate say of one request.

use super::limit::excess;
use crate::exchange::{LimitVerdict, Limited};
use std::time::Duration;
use vordr_rules::table::{Level, RateLimit};

/// What they have said so far.
#[derive(Debug, Default)]
pub(super) struct Rates<'l> {
    /// For how long the request is to wait.
    pub longest: Duration,
    /// The word of the one that makes it wait, or would.
    pub delayed: Option<Limited>,
    pub verdict: Option<LimitVerdict>,
    /// The one that refuses it, by its number, and in what time there is a token.
    pub refused: Option<(usize, Duration, &'l RateLimit)>,
}

impl<'l> Rates<'l> {
    /// A limit lets it through in its turn.
    pub(super) fn takes(&mut self, limit: &'l RateLimit, turn: Duration) {
        self.verdict = self.verdict.or(Some(LimitVerdict::Passed));
        if turn.is_zero() {
            return;
        }
        let verdict = if limit.dry { LimitVerdict::DelayedDry } else { LimitVerdict::Delayed };
        let free = limit.at_once.unwrap_or(0);
        // Whoever refuses nobody makes nobody wait.
        let is_longest = if limit.dry { self.delayed.is_none() } else { turn > self.longest };
        if is_longest {
            self.verdict = Some(verdict);
            self.delayed = Some(Limited {
                level: milder(limit.level),
                verdict,
                zone: limit.zone.clone(),
                excess: Some(excess(limit, free, turn)),
            });
        }
        if !limit.dry {
            self.longest = self.longest.max(turn);
        }
    }
}

/// The word of one that refuses a request, or would.
pub(super) fn refused(limit: &RateLimit, wait: Duration) -> Limited {
    Limited {
        level: limit.level,
        verdict: if limit.dry { LimitVerdict::RejectedDry } else { LimitVerdict::Rejected },
        zone: limit.zone.clone(),
        excess: Some(excess(limit, limit.burst, wait)),
    }
}

/// To wait is one step less grave than to be refused.
fn milder(level: Level) -> Level {
    match level {
        Level::Error => Level::Warn,
        Level::Warn => Level::Notice,
        _ => Level::Info,
    }
}

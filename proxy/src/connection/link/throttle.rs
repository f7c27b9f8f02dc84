//! `send-rate` and `read-rate`: how fast an answer goes to its client.
//!
//! What may go in a second goes at once, and what is beyond it follows in quarters of a second: so that a client hears
//! of its answer early and steadily, however large the parts are that it comes in.

use super::Link;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::Instant;
use vordr_rules::table::Pace;

/// How many steps a second's bytes go in.
const STEPS: u64 = 4;
/// What a clock may be wrong by.
const TICK: Duration = Duration::from_millis(1);

/// How fast the present answer goes, and since when.
#[derive(Debug)]
pub(super) struct Throttle {
    since: Instant,
    paces: Vec<Pace>,
}

impl Throttle {
    /// `None` where nothing holds it back.
    pub(super) fn new(paces: Vec<Pace>) -> Option<Self> {
        (!paces.is_empty()).then(|| Self { since: Instant::now(), paces })
    }

    /// How many of `wanted` bytes may go behind those that are `gone`, or when to ask again.
    pub(super) fn room(&self, wanted: usize, gone: u64) -> Result<usize, Instant> {
        let elapsed = self.since.elapsed().as_secs_f64();
        let rooms =
            self.paces.iter().map(|pace| at_once(pace).saturating_add((elapsed * pace.bytes as f64) as u64));
        let room = rooms.min().unwrap_or(u64::MAX).saturating_sub(gone);
        let step = self.paces.iter().map(|pace| (pace.bytes / STEPS).max(1)).min().unwrap_or(u64::MAX);
        let least = step.min(wanted as u64);
        if room >= least {
            return Ok(usize::try_from(room).unwrap_or(usize::MAX).min(wanted));
        }
        let waits = self.paces.iter().map(|pace| wait(pace, gone.saturating_add(least)));
        Err(self.since + waits.max().unwrap_or_default() + TICK)
    }
}

impl Link {
    /// The present answer goes as fast as the slowest of these, its head included.
    pub(crate) fn throttle(&self, paces: Vec<Pace>) {
        *self.throttle.lock().unwrap_or_else(PoisonError::into_inner) = Throttle::new(paces);
    }

    /// How many of `wanted` bytes of the present answer may go now, or when to ask again.
    pub(crate) fn may_send(&self, wanted: usize) -> Result<usize, Instant> {
        match self.throttle.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(throttle) => throttle.room(wanted, self.answered()),
            None => Ok(wanted),
        }
    }
}

/// How many bytes go without a wait.
fn at_once(pace: &Pace) -> u64 {
    pace.after.saturating_add(pace.bytes)
}

/// How long after the answer's beginning so many of its bytes may have gone.
fn wait(pace: &Pace, bytes: u64) -> Duration {
    let seconds = bytes.saturating_sub(at_once(pace)) as f64 / pace.bytes as f64;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// When so many bytes are gone, asking for parts of them; in milliseconds.
    async fn gone_after(paces: &[(u64, u64)], bytes: u64, part: u64) -> u128 {
        let paces = paces.iter().map(|(bytes, after)| Pace { bytes: *bytes, after: *after }).collect();
        let (throttle, begun) = (Throttle::new(paces).unwrap(), Instant::now());
        let mut gone = 0;
        while gone < bytes {
            match throttle.room(usize::try_from(part.min(bytes - gone)).unwrap(), gone) {
                Ok(count) => gone += count as u64,
                Err(due) => tokio::time::sleep_until(due).await,
            }
        }
        begun.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_goes_at_once_and_the_rest_when_it_is_due() {
        for (bytes, least) in [(1, 0), (1000, 0), (1250, 250), (2000, 1000), (10_000, 9000)] {
            for part in [100, 1250, 64_000] {
                let taken = gone_after(&[(1000, 0)], bytes, part).await;
                assert!((least..least + 100).contains(&taken), "{bytes} bytes by {part}: {taken} ms");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_go_before_goes_before() {
        assert_eq!(gone_after(&[(1000, 5000)], 6000, 700).await, 0);
        assert!((1000..1100).contains(&gone_after(&[(1000, 5000)], 7000, 700).await));
    }

    #[tokio::test(start_paused = true)]
    async fn the_slower_of_two_counts() {
        assert!((3000..3100).contains(&gone_after(&[(1000, 0), (2000, 0)], 4000, 4000).await));
        assert!((1000..1100).contains(&gone_after(&[(1000, 9000), (2000, 0)], 4000, 4000).await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_is_a_pace_too() {
        assert!((9000..9100).contains(&gone_after(&[(1, 0)], 10, 10).await));
    }

    #[test]
    fn nothing_holds_back_what_has_no_pace() {
        assert!(Throttle::new(Vec::new()).is_none());
    }
}

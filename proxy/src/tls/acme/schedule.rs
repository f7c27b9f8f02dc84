//! When to renew a certificate, and when to try again after a failure.

use super::failure::Failure;
use std::time::{Duration, SystemTime};

/// How long failures may space attempts out.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// When a certificate is to be renewed: after two thirds of its lifetime, or up to a thirtieth of it earlier, so that
/// many that were got together are not all renewed together. `chance` is between 0 and 1.
pub(super) fn renewal(not_before: SystemTime, not_after: SystemTime, chance: f64) -> SystemTime {
    let lifetime = not_after.duration_since(not_before).unwrap_or_default();
    not_before + lifetime.mul_f64(2.0 / 3.0 - chance.clamp(0.0, 1.0) / 30.0)
}

/// When the next order may come at the earliest, after one that brought a certificate of this lifetime: however wrong
/// this machine's clock is, and whatever the certificate lacks, it does not order without end.
pub(super) fn earliest(ordered: SystemTime, not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    let lifetime = not_after.duration_since(not_before).unwrap_or_default();
    ordered + if lifetime.is_zero() { LONGEST_PAUSE } else { lifetime / 3 }
}

/// How long to wait after so many failures in a row, the last of which was `failure`: twice as long each time, spread
/// by `chance`, or as long as the issuer says.
pub(super) fn pause(failure: &Failure, failures: u32, chance: f64) -> Duration {
    let doubled =
        failure.first_pause().saturating_mul(1_u32.checked_shl(failures.min(20)).unwrap_or(u32::MAX) / 2);
    let spread = doubled.min(LONGEST_PAUSE).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 4.0);
    // What the issuer asks for is not cut short, and not overheard for days either.
    failure.retry_after().map_or(spread, |asked| asked.min(24 * LONGEST_PAUSE).max(spread))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_certificate_of_ninety_days_is_renewed_between_the_fifty_seventh_and_the_sixtieth() {
        let at = |chance| renewal(UNIX_EPOCH, UNIX_EPOCH + 90 * DAY, chance);
        assert_eq!(at(0.0), UNIX_EPOCH + 60 * DAY);
        assert_eq!(at(1.0), UNIX_EPOCH + 57 * DAY);
        assert!(at(0.5) > at(1.0) && at(0.5) < at(0.0));
    }

    #[test]
    fn a_certificate_that_ends_before_it_begins_is_due() {
        let later = UNIX_EPOCH + DAY;
        assert_eq!(renewal(later, UNIX_EPOCH, 0.3), later);
    }

    #[test]
    fn a_certificate_that_has_run_out_when_it_comes_is_not_ordered_at_once_again() {
        let ordered = UNIX_EPOCH + 1000 * DAY;
        assert_eq!(earliest(ordered, UNIX_EPOCH, UNIX_EPOCH + 90 * DAY), ordered + 30 * DAY);
        assert_eq!(earliest(ordered, UNIX_EPOCH, UNIX_EPOCH), ordered + LONGEST_PAUSE);
    }

    #[test]
    fn an_issuer_that_is_away_is_asked_soon_and_then_ever_more_rarely() {
        let away = Failure::unreachable("connection refused");
        let after = |failures| pause(&away, failures, 0.0).as_secs();
        assert_eq!([1, 2, 3, 4, 12, 13, 4_000_000_000].map(after), [1, 2, 4, 8, 2048, 3600, 3600]);
        assert_eq!(pause(&away, 13, 1.0), Duration::from_secs(2700));
    }

    #[test]
    fn an_issuer_that_refuses_is_asked_so_rarely_that_its_limits_are_kept() {
        // Let's Encrypt allows five failures for a name in an hour.
        let refused = Failure::refused("no such name");
        let first_hour: u64 = (1..=4).map(|failures| pause(&refused, failures, 1.0).as_secs()).sum();
        assert!(first_hour > 3000, "{first_hour}");
    }

    #[test]
    fn a_pause_that_the_issuer_asks_for_is_kept() {
        let asked = |seconds| Failure::refused("too many").after(Some(Duration::from_secs(seconds)));
        assert_eq!(pause(&asked(7200), 1, 0.0), Duration::from_secs(7200));
        assert_eq!(pause(&asked(1), 1, 0.0), Duration::from_secs(300));
        assert_eq!(pause(&asked(u64::MAX), 1, 0.0), DAY);
    }
}

//! `limit`: a bucket of tokens for each key, in memory that does not grow.
//!
//! A bucket holds as many tokens as the rate allows in its span of time, or one where it is `spaced`, and `burst` more; each
//! request takes one, and they come back at the rate. With `at-once`, who takes one of the last waits until it is back. All that has to be kept of a bucket is when it will be full again: one that is full is
//! like one that was never there.

use crate::exchange::CountedFor;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use vordr_rules::table::RateLimit;

/// Buckets are kept in sets, each under a lock of its own: two requests meet only where their keys fall into one.
const SETS: usize = 1 << 14;
/// Buckets of one set. All together are 131,072, in 2 MB.
const WAYS: usize = 8;

/// The buckets of all limits.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Made when the first request is counted.
    sets: OnceLock<Box<[Mutex<Set>]>>,
    /// With its secret, nobody can choose keys that fall into one set or push each other out.
    hasher: RandomState,
    began: Instant,
}

type Set = [Bucket; WAYS];

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    key: u64,
    /// When it is full, in nanoseconds since the beginning. A bucket whose time has come is as good as free.
    full_at: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self::since(Instant::now())
    }
}

impl Limits {
    /// None has been counted before `began`.
    fn since(began: Instant) -> Self {
        Self { sets: OnceLock::new(), hasher: RandomState::new(), began }
    }

    /// What stands for whoever `key` is, under the limit of this name.
    pub(crate) fn key(&self, name: &CountedFor<'_>, key: &[u8]) -> u64 {
        self.hasher.hash_one((name, key))
    }

    /// Takes a token, and says for how long its request is to wait; or says how long it takes until there is a token.
    pub(crate) fn take(&self, key: u64, limit: &RateLimit, now: Instant) -> Result<Duration, Duration> {
        let now = nanoseconds(now.saturating_duration_since(self.began));
        let sets = self.sets.get_or_init(|| (0..SETS).map(|_| Mutex::default()).collect());
        let Some(set) = sets.get(key as usize % SETS) else { return Ok(Duration::ZERO) };
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = bucket_of(key, &mut set) else { return Ok(Duration::ZERO) };
        let each = each(limit);
        let together = u64::from(limit.together());
        let tokens = together.saturating_add(limit.burst.into());
        let whole = each.saturating_mul(tokens);
        // Empty at most: a reload may have brought a bucket that fills sooner.
        *bucket = Bucket { key, full_at: bucket.full_at.clamp(now, now.saturating_add(whole)) };
        let full_at = bucket.full_at.saturating_add(each);
        match full_at.saturating_sub(now).checked_sub(whole).filter(|wait| *wait > 0) {
            Some(wait) => Err(Duration::from_nanos(wait)),
            None => {
                bucket.full_at = full_at;
                let free =
                    limit.at_once.map(|at_once| each.saturating_mul(together.saturating_add(at_once.into())));
                let turn = free.map_or(0, |free| full_at.saturating_sub(now).saturating_sub(free));
                Ok(Duration::from_nanos(turn))
            }
        }
    }

    /// Gives a token back whose request was refused by another limit.
    pub(crate) fn give_back(&self, key: u64, limit: &RateLimit) {
        let set = self.sets.get().and_then(|sets| sets.get(key as usize % SETS));
        let Some(mut set) = set.map(|set| set.lock().unwrap_or_else(PoisonError::into_inner)) else { return };
        if let Some(bucket) = set.iter_mut().find(|bucket| bucket.key == key) {
            bucket.full_at = bucket.full_at.saturating_sub(each(limit));
        }
    }
}

/// The key's bucket, or the one that is to make room for it: the one that is full, or will be, before the others.
fn bucket_of(key: u64, set: &mut Set) -> Option<&mut Bucket> {
    let own = set.iter().position(|bucket| bucket.key == key);
    match own {
        Some(at) => set.get_mut(at),
        None => {
            let fullest = set.iter_mut().min_by_key(|bucket| bucket.full_at)?;
            fullest.full_at = 0;
            Some(fullest)
        }
    }
}

/// How many thousandths of a request are beyond the rate, where `free` requests and then `beyond` of time are.
pub(crate) fn excess(limit: &RateLimit, free: u32, beyond: Duration) -> u64 {
    let thousandths = u128::from(nanoseconds(beyond)) * 1000 / u128::from(each(limit));
    u64::from(free) * 1000 + u64::try_from(thousandths).unwrap_or(u64::MAX / 2)
}

/// In which time a token comes back.
fn each(limit: &RateLimit) -> u64 {
    (nanoseconds(limit.per) / u64::from(limit.requests.max(1))).max(1)
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vordr_rules::placeholder::Template;

    fn limit(requests: u32, seconds: u64, burst: u32) -> RateLimit {
        let key = Template::compile("{client_ip}").unwrap();
        let (per, status) = (Duration::from_secs(seconds), http::StatusCode::TOO_MANY_REQUESTS);
        let (dry, level) = (false, vordr_rules::table::Level::Error);
        RateLimit { requests, per, burst, at_once: None, spaced: false, key, zone: None, status, dry, level }
    }

    /// A clock that is put by hand, and how many of many requests are let through at its time.
    struct Bench {
        limits: Limits,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let now = Instant::now();
            Self { limits: Limits::since(now), now }
        }

        fn later(&mut self, milliseconds: u64) -> &mut Self {
            self.now += Duration::from_millis(milliseconds);
            self
        }

        fn let_through(&self, key: u64, limit: &RateLimit) -> usize {
            (0..500).filter(|_| self.limits.take(key, limit, self.now).is_ok()).count()
        }
    }

    #[test]
    fn the_rate_and_the_burst_may_come_at_once_and_the_rate_comes_back() {
        let (mut bench, limit) = (Bench::new(), limit(20, 1, 40));
        assert_eq!(bench.let_through(1, &limit), 60);
        assert_eq!(bench.later(49).let_through(1, &limit), 0);
        assert_eq!(bench.later(1).let_through(1, &limit), 1);
        assert_eq!(bench.later(1000).let_through(1, &limit), 20);
        assert_eq!(bench.later(3_600_000).let_through(1, &limit), 60);
    }

    #[test]
    fn who_is_refused_is_told_how_long_to_wait_and_pays_nothing() {
        let (mut bench, limit) = (Bench::new(), limit(6, 60, 0));
        assert_eq!(bench.let_through(1, &limit), 6);
        let wait = |bench: &Bench| bench.limits.take(1, &limit, bench.now).unwrap_err().as_millis();
        assert_eq!(wait(&bench), 10_000);
        assert_eq!(wait(bench.later(4_000)), 6_000);
        assert_eq!(bench.later(6_000).let_through(1, &limit), 1);
    }

    #[test]
    fn what_is_spaced_comes_one_by_one_and_whoever_is_not_let_through_at_once_waits_for_its_turn() {
        let mut bench = Bench::new();
        let spaced = RateLimit { spaced: true, ..limit(10, 1, 0) };
        assert_eq!(bench.let_through(1, &spaced), 1);
        assert_eq!(bench.later(99).let_through(1, &spaced), 0);
        assert_eq!(bench.later(1).let_through(1, &spaced), 1);
        let waits = RateLimit { spaced: true, at_once: Some(1), ..limit(10, 1, 3) };
        let turn = |bench: &Bench| bench.limits.take(2, &waits, bench.now).map(|turn| turn.as_millis());
        assert_eq!([(); 4].map(|()| turn(&bench)), [Ok(0), Ok(0), Ok(100), Ok(200)]);
        assert!(turn(&bench).is_err());
        assert_eq!(turn(bench.later(100)), Ok(200));
        bench.limits.give_back(2, &waits);
        assert_eq!(turn(&bench), Ok(200), "what was given back is there again");
    }

    #[test]
    fn each_key_has_a_bucket_of_its_own() {
        let (bench, limit) = (Bench::new(), limit(2, 1, 0));
        assert_eq!(bench.let_through(1, &limit), 2);
        assert_eq!(bench.let_through(2, &limit), 2);
        assert_eq!(bench.let_through(1, &limit), 0);
        let limits = Limits::default();
        let key = |server, route, number, key: &str| {
            limits.key(&CountedFor { server, route, number }, key.as_bytes())
        };
        assert_eq!(key("a", "/", 0, "x"), key("a", "/", 0, "x"));
        for other in [
            key("b", "/", 0, "x"),
            key("a", "/b", 0, "x"),
            key("a", "/", 0, "y"),
            key("a", "", 0, "/x"),
            key("a", "/", 1, "x"),
        ] {
            assert_ne!(key("a", "/", 0, "x"), other);
        }
    }

    #[test]
    fn where_there_is_no_room_the_bucket_that_is_nearest_to_full_makes_it() {
        let (bench, limit) = (Bench::new(), limit(10, 1, 0));
        let same_set = |number: usize| (1 + number * SETS) as u64;
        // The first of them has been asked the least.
        for number in 0..WAYS {
            for _ in 0..=number {
                bench.limits.take(same_set(number), &limit, bench.now).unwrap();
            }
        }
        bench.limits.take(same_set(WAYS), &limit, bench.now).unwrap();
        assert_eq!(bench.let_through(same_set(WAYS - 1), &limit), 10 - WAYS);
        assert_eq!(bench.let_through(same_set(0), &limit), 10, "it was forgotten");
    }

    #[test]
    fn another_rate_for_the_same_name_holds_at_once() {
        let (mut bench, slow, fast) = (Bench::new(), limit(1, 3600, 0), limit(10, 1, 0));
        assert_eq!(bench.let_through(1, &slow), 1);
        assert_eq!(bench.let_through(1, &fast), 0);
        assert_eq!(bench.later(100).let_through(1, &fast), 1, "the hour is not waited for");
        assert_eq!(bench.later(1000).let_through(1, &fast), 10);
    }

    #[test]
    fn rates_at_the_ends_of_their_range_do_not_overflow() {
        let bench = Bench::new();
        let (most, least) = (limit(u32::MAX, 1, u32::MAX), limit(1, 86_400, u32::MAX));
        assert_eq!(bench.let_through(1, &most), 500);
        assert_eq!(bench.let_through(2, &least), 500);
    }

    #[test]
    fn many_keys_take_no_more_memory_than_a_few() {
        let (bench, limit) = (Bench::new(), limit(1, 86_400, 0));
        for key in 1..200_000 {
            let _ = bench.limits.take(bench.limits.hasher.hash_one(key), &limit, bench.now);
        }
        assert_eq!(bench.limits.sets.get().unwrap().len() * WAYS, 131_072);
        assert!(size_of::<Mutex<Set>>() * SETS < 3 << 20);
    }
}

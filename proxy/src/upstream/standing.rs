//! How a server stands: how busy it is, whether it may be asked, and why not. It outlives a reload.

use super::queue::Queue;
use super::reserve::Reserve;
use arc_swap::ArcSwapOption;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use vordr_rules::table::Passive;

/// A server that is just back has at least this share of its requests.
const LEAST_SHARE: f64 = 0.05;

/// What is known of a server, whoever asks.
#[derive(Debug)]
pub(super) struct Standing {
    in_flight: AtomicUsize,
    /// Active checks found it unwell.
    unwell: AtomicBool,
    /// Live requests to it failed too often.
    paused: AtomicBool,
    /// Until when it is paused, and since when it is back; milliseconds of [`now`], 0 where it never was.
    paused_until: AtomicU64,
    back_since: AtomicU64,
    /// Somebody waits for the end of its pause.
    awaited: AtomicBool,
    /// A pause has begun, or takes another time than before.
    paused_anew: Notify,
    /// When live requests to it failed. Touched by failures, and at the end of a pause, alone.
    failures: Mutex<VecDeque<Instant>>,
    /// Why it is paused, and what the last check said.
    paused_for: ArcSwapOption<String>,
    checked: ArcSwapOption<String>,
    /// Which of its addresses was reached last, from 1; 0 is unknown.
    reached: AtomicUsize,
    /// It has shown another certificate than the one of its own.
    pub(super) shows_another: AtomicBool,
    /// How many of its connections were not believed: what is kept of them is not asked again.
    pub(super) disbelieved: AtomicU64,
    /// Its idle connections.
    pub(super) reserve: Arc<Reserve>,
    queue: Arc<Queue>,
}

impl Standing {
    pub(super) fn new(queue: Arc<Queue>) -> Arc<Self> {
        Arc::new(Self {
            in_flight: AtomicUsize::new(0),
            unwell: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            paused_until: AtomicU64::new(0),
            back_since: AtomicU64::new(0),
            awaited: AtomicBool::new(false),
            paused_anew: Notify::new(),
            failures: Mutex::default(),
            paused_for: ArcSwapOption::empty(),
            checked: ArcSwapOption::empty(),
            reached: AtomicUsize::new(0),
            shows_another: AtomicBool::new(false),
            disbelieved: AtomicU64::new(0),
            reserve: Arc::default(),
            queue,
        })
    }

    /// Requests and streams that are under way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Whether it may be asked.
    pub(super) fn is_up(&self) -> bool {
        !self.unwell.load(Relaxed) && !self.paused.load(Relaxed)
    }

    /// Whether active checks found it unwell, so that nothing but a check brings it back.
    pub(super) fn is_unwell(&self) -> bool {
        self.unwell.load(Relaxed)
    }

    /// Why it is out.
    pub(super) fn reason(&self) -> Option<Arc<String>> {
        if self.is_unwell() {
            return self.checked.load_full();
        }
        self.paused_for.load_full().filter(|_| !self.is_up())
    }

    /// How long its pause still takes.
    pub(super) fn pause_left(&self) -> Duration {
        Duration::from_millis(self.paused_until.load(Relaxed).saturating_sub(now()))
    }

    /// Takes a place among its requests, if there is one.
    pub(super) fn take(self: &Arc<Self>, limit: Option<usize>) -> Option<Slot> {
        // Counted first, so that two at once cannot both take the last place.
        let before = self.in_flight.fetch_add(1, Relaxed);
        let slot = Slot { standing: self.clone() };
        if limit.is_some_and(|limit| before >= limit) { None } else { Some(slot) }
    }

    /// Whether there is a place among its requests.
    pub(super) fn has_place(&self, limit: Option<usize>) -> bool {
        limit.is_none_or(|limit| self.in_flight() < limit)
    }

    /// Whether a server that came back a short while ago takes this request, for which `draw` was drawn from 0 to 1:
    /// the longer it is back, the likelier.
    pub(super) fn takes_its_share(&self, slow_start: Option<Duration>, draw: f64) -> bool {
        let (Some(whole), since @ 1..) = (slow_start, self.back_since.load(Relaxed)) else { return true };
        // Nothing by nothing is no number, and then the share is whole too.
        let share = (now().saturating_sub(since) as f64 / whole.as_millis() as f64).min(1.0);
        if share >= 1.0 {
            self.back_since.store(0, Relaxed);
        }
        draw < share.max(LEAST_SHARE)
    }

    /// A live request failed; whether that was one too many, so that the server is out, or out for longer.
    pub(super) fn failed(&self, passive: &Passive, reason: &str) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let now_instant = Instant::now();
        failures.push_back(now_instant);
        while failures.front().is_some_and(|first| now_instant.duration_since(*first) > passive.within) {
            failures.pop_front();
        }
        let fails = passive.fails.max(1) as usize;
        let is_paused = self.paused.load(Relaxed);
        if failures.len() < fails && !is_paused {
            return false;
        }
        failures.clear();
        let pause = u64::try_from(passive.pause.as_millis()).unwrap_or(u64::MAX / 4);
        self.paused_until.store(now().saturating_add(pause), Relaxed);
        self.paused_for.store(Some(Arc::new(reason.to_owned())));
        self.paused.store(true, Relaxed);
        self.paused_anew.notify_one();
        true
    }

    /// Waits for the end of its pause, however often that is put off or brought forward, unless somebody does already;
    /// whether the pause ended by that.
    pub(super) async fn outlasts_pause(&self) -> bool {
        if self.awaited.swap(true, Relaxed) {
            return false;
        }
        loop {
            let _ = tokio::time::timeout(self.pause_left(), self.paused_anew.notified()).await;
            // No other pause begins meanwhile, which nobody would wait for.
            let _failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            if self.pause_left().is_zero() {
                self.awaited.store(false, Relaxed);
                return self.ends_pause();
            }
        }
    }

    /// Ends a pause; whether there was one.
    pub(super) fn ends_pause(&self) -> bool {
        let was_paused = self.paused.swap(false, Relaxed);
        if was_paused {
            self.came_back();
        }
        was_paused
    }

    /// Active checks have come to another result.
    pub(super) fn set_well(&self, well: bool, reason: &str) {
        self.checked.store(Some(Arc::new(reason.to_owned())));
        self.unwell.store(!well, Relaxed);
        if well {
            self.came_back();
        }
    }

    fn came_back(&self) {
        self.back_since.store(now().max(1), Relaxed);
        self.queue.wake_all();
    }

    /// Which of its addresses was reached last.
    pub(super) fn reached(&self) -> Option<usize> {
        self.reached.load(Relaxed).checked_sub(1)
    }

    /// Notes which of its addresses was reached, or that it is to be found out again.
    pub(super) fn set_reached(&self, index: Option<usize>) {
        self.reached.store(index.map_or(0, |index| index + 1), Relaxed);
    }
}

/// A place among the requests of a server, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    standing: Arc<Standing>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.standing.in_flight.fetch_sub(1, Relaxed);
        self.standing.queue.wake_one();
    }
}

/// Milliseconds since the first time that anybody asked.
fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn standing() -> Arc<Standing> {
        Standing::new(Arc::default())
    }

    fn passive(fails: u32, within: Duration) -> Passive {
        Passive { fails, within, pause: Duration::from_secs(30) }
    }

    #[test]
    fn so_many_failures_within_the_span_take_a_server_out() {
        let (standing, rules) = (standing(), passive(3, Duration::from_secs(60)));
        assert!(!standing.failed(&rules, "refused"));
        assert!(!standing.failed(&rules, "refused"));
        assert!(standing.is_up());
        assert!(standing.failed(&rules, "reset"));
        assert!(!standing.is_up());
        assert_eq!(standing.reason().unwrap().as_str(), "reset");
        assert!(standing.pause_left() > Duration::from_secs(29));
    }

    #[test]
    fn what_a_check_says_is_no_reason_for_a_pause_nor_the_other_way_round() {
        let standing = standing();
        let reason = || standing.reason().map(|reason| reason.as_str().to_owned());
        assert!(standing.failed(&passive(1, Duration::from_secs(60)), "refused"));
        standing.set_well(false, "its check timed out");
        assert_eq!(reason().as_deref(), Some("its check timed out"));
        standing.failed(&passive(1, Duration::from_secs(60)), "reset");
        assert_eq!(reason().as_deref(), Some("its check timed out"));
        standing.set_well(true, "it answers its checks");
        assert_eq!(reason().as_deref(), Some("reset"));
        assert!(standing.ends_pause());
        assert_eq!(reason(), None);
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let (standing, rules) = (standing(), passive(2, Duration::ZERO));
        standing.failed(&rules, "refused");
        std::thread::sleep(Duration::from_millis(2));
        assert!(!standing.failed(&rules, "refused"));
    }

    #[tokio::test]
    async fn one_waits_for_the_end_of_a_pause_however_often_it_is_put_off() {
        let (standing, begun) = (standing(), Instant::now());
        let mut rules = passive(1, Duration::from_secs(60));
        rules.pause = Duration::from_secs(3600);
        assert!(standing.failed(&rules, "refused"));
        let waiting = standing.clone();
        let first = tokio::spawn(async move { waiting.outlasts_pause().await });
        tokio::task::yield_now().await;
        assert!(standing.ends_pause() && standing.is_up() && !standing.ends_pause());
        rules.pause = Duration::from_millis(300);
        for _ in 0..2 {
            assert!(standing.failed(&rules, "refused"));
            assert!(!standing.outlasts_pause().await, "another waits");
        }
        assert!(!standing.is_up());
        assert!(first.await.unwrap() && standing.is_up());
        assert!(begun.elapsed() >= rules.pause);
        assert!(standing.failed(&rules, "refused") && standing.outlasts_pause().await);
    }

    #[test]
    fn a_server_that_is_unwell_stays_out_when_its_pause_ends() {
        let standing = standing();
        standing.set_well(false, "answered 500");
        standing.failed(&passive(1, Duration::from_secs(60)), "refused");
        assert!(standing.ends_pause());
        assert!(!standing.is_up());
        standing.set_well(true, "answered 200");
        assert!(standing.is_up());
    }

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let standing = standing();
        let first = standing.take(Some(2)).unwrap();
        let _second = standing.take(Some(2)).unwrap();
        assert!(standing.take(Some(2)).is_none());
        assert_eq!(standing.in_flight(), 2);
        drop(first);
        assert!(standing.take(Some(2)).is_some());
    }

    #[test]
    fn a_server_that_is_back_takes_few_requests_at_first() {
        let standing = standing();
        let slow_start = Some(Duration::from_secs(3600));
        assert!(standing.takes_its_share(slow_start, 0.99), "it was never away");
        standing.set_well(false, "");
        standing.set_well(true, "");
        assert!(standing.takes_its_share(slow_start, 0.04));
        assert!(!standing.takes_its_share(slow_start, 0.1));
        assert!(standing.takes_its_share(None, 0.99));
        assert!(standing.takes_its_share(Some(Duration::ZERO), 0.99));
    }
}

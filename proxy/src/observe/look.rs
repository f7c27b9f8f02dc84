//! What was counted of a route so far: the differences of two looks are what happened between them.

use super::cells::Histogram;
use super::record::{Record, Rejection};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::SystemTime;

/// How much of a path is kept with an error.
const LONGEST: usize = 200;

/// One route, at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct RouteLook {
    /// Requests answered, and those among them that failed.
    pub requests: u64,
    /// Requests that failed, or were answered 500 or above.
    pub errors: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Open event streams.
    pub event_streams: u64,
    /// How long requests took.
    pub durations: Durations,
    /// The error that came last.
    pub last_error: Option<Arc<LastError>>,
}

/// How long requests took, all in all.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Durations {
    count: u64,
    /// Seconds.
    sum: f64,
    /// Upper bounds in seconds, and how many took no longer.
    buckets: Vec<(f64, u64)>,
}

impl Durations {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        self.count += histogram.count();
        self.sum += histogram.sum();
        match self.buckets.is_empty() {
            true => self.buckets = histogram.buckets().collect(),
            false => {
                self.buckets.iter_mut().zip(histogram.buckets()).for_each(|(own, (_, more))| own.1 += more);
            }
        }
    }

    /// What came since an earlier look.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |at: usize| earlier.buckets.get(at).map_or(0, |(_, count)| *count);
        let bucket = |(at, (bound, count)): (usize, &(f64, u64))| (*bound, count.saturating_sub(before(at)));
        Self {
            count: self.count.saturating_sub(earlier.count),
            sum: self.sum - earlier.sum,
            buckets: self.buckets.iter().enumerate().map(bucket).collect(),
        }
    }

    /// Seconds that a request took in the middle of all; `None` where there was none.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Seconds within which this share of the requests was answered, as far as the buckets tell.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let rank = self.count as f64 * share;
        let (mut below, mut counted) = (0.0, 0);
        for (bound, count) in self.buckets.iter().filter(|_| self.count > 0) {
            if *count as f64 >= rank {
                let within = (rank - counted as f64) / (*count - counted).max(1) as f64;
                return Some(below + (bound - below) * within);
            }
            (below, counted) = (*bound, *count);
        }
        // Longer than the last bound: how much is not known.
        (self.count > 0).then_some(below)
    }
}

/// The error that a route had last, or that kept a client from reaching one.
#[derive(Debug, Clone)]
pub(crate) struct LastError {
    pub(super) at: SystemTime,
    /// `None` where nothing was answered.
    status: Option<u16>,
    pub(super) reason: &'static str,
    detail: String,
    request: Option<String>,
}

impl LastError {
    /// A client that went away is no error of the route, and neither is a file that is not there.
    pub(super) fn of(record: &Record<'_>) -> Option<Self> {
        let (reason, detail) = match record.exchange.fault() {
            Some((failure, _)) if failure.is_everyday() => return None,
            Some((failure, detail)) => (failure.reason(), detail),
            None if record.status < 500 => return None,
            None => ("status", answered(record)),
        };
        let path: String = record.request.uri.path().chars().take(LONGEST).collect();
        let request = (!record.exchange.is_unread()).then(|| format!("{} {path}", record.request.method));
        Some(Self { at: SystemTime::now(), status: Some(record.status), reason, detail, request })
    }

    /// The one of two that came last.
    pub(super) fn later(one: Option<Arc<Self>>, other: Option<Arc<Self>>) -> Option<Arc<Self>> {
        one.into_iter().chain(other).max_by_key(|error| error.at)
    }

    pub(super) fn of_rejection(rejection: &Rejection) -> Self {
        let failure = &rejection.failure;
        Self {
            at: SystemTime::now(),
            status: rejection.answered.map(|_| failure.status().as_u16()),
            reason: failure.reason(),
            detail: failure.detail(None),
            request: None,
        }
    }

    /// A handshake failed.
    pub(super) fn handshake(reason: &'static str, detail: &str) -> Self {
        Self { at: SystemTime::now(), status: None, reason, detail: detail.to_owned(), request: None }
    }

    /// For `/routes`.
    pub(crate) fn json(&self) -> Value {
        json!({
            "at": super::in_words(self.at),
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
            "request": self.request,
        })
    }
}

/// Nothing failed on the way: whoever answered meant it.
fn answered(record: &Record<'_>) -> String {
    match &record.exchange.reached {
        Some(reached) => format!("upstream {} answered so itself", reached.upstream()),
        None => "the rules answer so".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(count: u64, sum: f64, counts: [u64; 3]) -> Durations {
        Durations { count, sum, buckets: [0.1, 0.5, 1.0].into_iter().zip(counts).collect() }
    }

    #[test]
    fn the_difference_of_two_looks_is_what_came_between_them() {
        let earlier = durations(10, 1.0, [10, 10, 10]);
        let later = durations(14, 3.0, [10, 14, 14]);
        let between = later.since(&earlier);
        assert_eq!(between, durations(4, 2.0, [0, 4, 4]));
        assert_eq!(between.mean(), Some(0.5));
        assert!(between.quantile(0.5).is_some_and(|middle| (middle - 0.3).abs() < 1e-9));
    }

    #[test]
    fn where_nothing_came_there_is_no_duration() {
        let nothing = durations(3, 1.0, [3, 3, 3]).since(&durations(3, 1.0, [3, 3, 3]));
        assert_eq!((nothing.mean(), nothing.quantile(0.95)), (None, None));
    }

    #[test]
    fn what_took_longer_than_the_last_bound_is_told_as_that() {
        assert_eq!(durations(2, 20.0, [0, 0, 0]).quantile(0.95), Some(1.0));
    }
}

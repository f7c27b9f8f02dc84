//! What counts: each worker has cells of its own, and whoever reads adds them up.
//!
//! A cell that several workers wrote to would travel from processor to processor with every request.

use arc_swap::ArcSwap;
use prometheus::proto::{self, Bucket, Metric, MetricType};
use std::cell::Cell as Local;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

thread_local! {
    /// Which worker this thread is; those that are none share cells.
    static WORKER: Local<usize> = const { Local::new(usize::MAX) };
}

/// From now on this thread counts as the worker with this number, from 0.
pub(crate) fn count_as_worker(number: usize) {
    WORKER.set(number);
}

/// One for each worker, and one for all other threads.
#[derive(Debug)]
pub(crate) struct PerWorker<T> {
    workers: Box<[Apart<T>]>,
    others: Apart<T>,
}

/// On cache lines of its own, which processors fetch in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl<T: Default> PerWorker<T> {
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| Apart::default()).collect(), others: Apart::default() }
    }
}

impl<T> PerWorker<T> {
    /// That of the thread that asks.
    pub(crate) fn mine(&self) -> &T {
        &self.workers.get(WORKER.get()).unwrap_or(&self.others).0
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.workers.iter().chain([&self.others]).map(|apart| &apart.0)
    }
}

impl PerWorker<Counter> {
    /// Over all workers.
    pub(super) fn sum(&self) -> u64 {
        self.all().map(Counter::get).sum()
    }
}

/// What is looked up often and without a lock, and is seldom added to.
#[derive(Debug)]
pub(super) struct Map<T>(ArcSwap<HashMap<u64, Arc<T>>>);

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(ArcSwap::default())
    }
}

impl<T> Map<T> {
    pub(super) fn get(&self, key: u64) -> Option<Arc<T>> {
        self.0.load().get(&key).cloned()
    }

    pub(super) fn has(&self, key: u64) -> bool {
        self.0.load().contains_key(&key)
    }

    pub(super) fn len(&self) -> usize {
        self.0.load().len()
    }

    /// What is there, or else this.
    pub(super) fn get_or_add(&self, key: u64, make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(known) = self.get(key) {
            return known;
        }
        let made = Arc::new(make());
        self.0.rcu(|map| {
            let mut more = HashMap::clone(map);
            more.entry(key).or_insert_with(|| made.clone());
            more
        });
        self.get(key).unwrap_or(made)
    }

    /// Keeps what is wanted, by its key.
    pub(super) fn retain(&self, wanted: impl Fn(u64, &T) -> bool) {
        if self.all().iter().all(|(key, value)| wanted(*key, value)) {
            return;
        }
        self.0.rcu(|map| -> HashMap<_, _> {
            map.iter()
                .filter(|(key, value)| wanted(**key, value))
                .map(|(key, value)| (*key, value.clone()))
                .collect()
        });
    }

    pub(super) fn all(&self) -> Arc<HashMap<u64, Arc<T>>> {
        self.0.load_full()
    }
}

/// What a family's series are made of.
pub(super) trait Cell: Send + Sync + 'static {
    const KIND: MetricType;

    /// Adds what another one counted.
    fn add(&self, other: &Self);

    /// Puts the value into a series of the page.
    fn tell(&self, series: &mut Metric);
}

/// Goes up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn inc(&self) {
        self.inc_by(1);
    }

    pub(crate) fn inc_by(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Cell for Counter {
    const KIND: MetricType = MetricType::COUNTER;

    fn add(&self, other: &Self) {
        self.inc_by(other.get());
    }

    fn tell(&self, series: &mut Metric) {
        let mut counter = proto::Counter::default();
        counter.set_value(self.get() as f64);
        series.set_counter(counter);
    }
}

/// Goes up and down. A worker's own may be below zero, where another one counted up; their sum is not.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(super) fn inc(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(super) fn dec(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    pub(super) fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }

    /// How many are open.
    pub(super) fn count(&self) -> u64 {
        self.get().try_into().unwrap_or_default()
    }
}

impl Cell for Gauge {
    const KIND: MetricType = MetricType::GAUGE;

    fn add(&self, other: &Self) {
        self.0.fetch_add(other.get(), Relaxed);
    }

    fn tell(&self, series: &mut Metric) {
        let mut gauge = proto::Gauge::default();
        gauge.set_value(self.get() as f64);
        series.set_gauge(gauge);
    }
}

/// Durations, counted by how long they were.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// Seconds.
    bounds: &'static [f64],
    /// How many were no longer than each bound and longer than the one before; those beyond the last bound at the end.
    counts: Box<[AtomicU64]>,
    nanoseconds: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, nanoseconds: AtomicU64::new(0) }
    }

    pub(super) fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if let Some(count) = self.counts.get(self.bounds.partition_point(|bound| *bound < seconds)) {
            count.fetch_add(1, Relaxed);
        }
        self.nanoseconds.fetch_add(duration.as_nanos().try_into().unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// Seconds.
    pub(super) fn sum(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds.load(Relaxed)).as_secs_f64()
    }

    /// Each bound in seconds, and how many were no longer.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        self.bounds.iter().zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count.load(Relaxed);
            Some((*bound, *below))
        })
    }
}

impl Cell for Histogram {
    const KIND: MetricType = MetricType::HISTOGRAM;

    fn add(&self, other: &Self) {
        for (own, more) in self.counts.iter().zip(&other.counts) {
            own.fetch_add(more.load(Relaxed), Relaxed);
        }
        self.nanoseconds.fetch_add(other.nanoseconds.load(Relaxed), Relaxed);
    }

    fn tell(&self, series: &mut Metric) {
        let bucket = |(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        };
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(self.buckets().map(bucket).collect());
        histogram.set_sample_count(self.count());
        histogram.set_sample_sum(self.sum());
        series.set_histogram(histogram);
    }
}

//! Families of series, each bounded: what would be one too many is counted under `_overflow`.

use arc_swap::ArcSwap;
use prometheus::core::{AtomicF64, AtomicI64, AtomicU64, Collector, GenericCounter, GenericGauge};
use prometheus::{
    Error, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts,
    Registry,
};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// How many series a family has at most; a scrape must stay readable whatever the rules say.
const MOST: usize = 2000;
/// Stands for each label of what is too much.
const OVERFLOW: &str = "_overflow";

/// A family whose series only go up.
pub(super) type Counters = Arc<Family<GenericCounter<AtomicU64>>>;
/// A family whose series go up and down.
pub(super) type Gauges = Arc<Family<GenericGauge<AtomicI64>>>;
/// A family of points in time, or other fractions.
pub(super) type Fractions = Arc<Family<GenericGauge<AtomicF64>>>;
/// A family of durations.
pub(super) type Histograms = Arc<Family<Histogram>>;

/// Makes a series, or finds it.
type Make<M> = Box<dyn Fn(&[&str]) -> M + Send + Sync>;

/// The series of one name, found by their labels' values without a lock.
pub(crate) struct Family<M> {
    make: Make<M>,
    series: ArcSwap<HashMap<u64, M>>,
    /// Held while a series is added, so that two threads cannot both take the last place.
    adding: Mutex<()>,
    /// Counts what had no place; `None` where somebody else does.
    overflow: Option<IntCounter>,
    /// Takes all series off the page.
    reset: Box<dyn Fn() + Send + Sync>,
}

impl<M: Clone> Family<M> {
    fn new(make: impl Fn(&[&str]) -> M + Send + Sync + 'static, overflow: Option<IntCounter>) -> Self {
        let (series, adding, reset) = (ArcSwap::default(), Mutex::new(()), Box::new(|| {}));
        Self { make: Box::new(make), series, adding, overflow, reset }
    }

    /// A family that may be emptied, by this.
    fn emptied_by(self, reset: impl Fn() + Send + Sync + 'static) -> Self {
        Self { reset: Box::new(reset), ..self }
    }

    /// The series with these values, in the order of the labels.
    pub(super) fn with_label_values(&self, values: &[&str]) -> M {
        let series = self.series.load();
        match series.get(&key(values)) {
            Some(known) => known.clone(),
            None if series.len() < MOST => self.add(values, MOST),
            None => self.overflowing(values.len()),
        }
    }

    /// The series with these values, if there is one already.
    pub(super) fn known(&self, values: &[&str]) -> Option<M> {
        self.series.load().get(&key(values)).cloned()
    }

    /// Every series there is.
    pub(super) fn all(&self) -> Vec<M> {
        self.series.load().values().cloned().collect()
    }

    fn overflowing(&self, labels: usize) -> M {
        self.overflow.iter().for_each(GenericCounter::inc);
        let values = vec![OVERFLOW; labels];
        match self.series.load().get(&key(&values)) {
            Some(known) => known.clone(),
            None => self.add(&values, MOST + 1),
        }
    }

    fn add(&self, values: &[&str], most: usize) -> M {
        let adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut series = HashMap::clone(&self.series.load());
        if series.len() >= most && !series.contains_key(&key(values)) {
            drop(adding);
            return self.overflowing(values.len());
        }
        let made = (self.make)(values);
        series.insert(key(values), made.clone());
        self.series.store(Arc::new(series));
        made
    }
}

impl<A: prometheus::core::Atomic> Family<GenericGauge<A>> {
    /// Forgets every series: those that still hold are told anew before the next scrape.
    pub(super) fn clear(&self) {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        self.series.store(Arc::default());
        (self.reset)();
    }
}

impl Family<GenericCounter<AtomicU64>> {
    /// Over all series.
    pub(super) fn sum(&self) -> u64 {
        self.series.load().values().map(GenericCounter::get).sum()
    }
}

impl Family<GenericGauge<AtomicI64>> {
    /// Over all series.
    pub(super) fn sum(&self) -> u64 {
        let sum: i64 = self.series.load().values().map(GenericGauge::get).sum();
        sum.try_into().unwrap_or_default()
    }
}

impl<M> std::fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("series", &self.series.load().len()).finish_non_exhaustive()
    }
}

fn key(values: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    values.hash(&mut hasher);
    hasher.finish()
}

/// Makes families and registers them.
pub(super) struct Families {
    registry: Registry,
    overflow: IntCounterVec,
}

impl Families {
    pub(super) fn new(registry: Registry) -> Result<Self, Error> {
        let help = "What was counted under `_overflow` because its family had no place for a further series.";
        let overflow = IntCounterVec::new(Opts::new("vordr_metrics_overflow_total", help), &["family"])?;
        registry.register(Box::new(overflow.clone()))?;
        Ok(Self { registry, overflow })
    }

    /// Registers what has no labels.
    pub(super) fn add<T: Collector + Clone + 'static>(&self, made: Result<T, Error>) -> Result<T, Error> {
        let made = made?;
        self.registry.register(Box::new(made.clone()))?;
        Ok(made)
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<Counters, Error> {
        let family = self.add(IntCounterVec::new(Opts::new(name, help), labels))?;
        Ok(Arc::new(Family::new(
            move |values| family.with_label_values(values),
            Some(self.overflow_of(name)),
        )))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<Gauges, Error> {
        let family = self.add(IntGaugeVec::new(Opts::new(name, help), labels))?;
        let (made, overflow) = (family.clone(), Some(self.overflow_of(name)));
        let made = Family::new(move |values| made.with_label_values(values), overflow);
        Ok(Arc::new(made.emptied_by(move || family.reset())))
    }

    pub(super) fn fractions(&self, name: &str, help: &str, labels: &[&str]) -> Result<Fractions, Error> {
        let family = self.add(GaugeVec::new(Opts::new(name, help), labels))?;
        let (made, overflow) = (family.clone(), Some(self.overflow_of(name)));
        let made = Family::new(move |values| made.with_label_values(values), overflow);
        Ok(Arc::new(made.emptied_by(move || family.reset())))
    }

    pub(super) fn seconds(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<Histograms, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let family = self.add(HistogramVec::new(options, labels))?;
        Ok(Arc::new(Family::new(
            move |values| family.with_label_values(values),
            Some(self.overflow_of(name)),
        )))
    }

    /// Series of several families that share their labels, looked up together.
    pub(super) fn bundles<M: Clone>(&self, make: impl Fn(&[&str]) -> M + Send + Sync + 'static) -> Family<M> {
        // Each family within counts what it has no place for.
        Family::new(make, None)
    }

    fn overflow_of(&self, family: &str) -> IntCounter {
        self.overflow.with_label_values(&[family])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_family_stops_at_its_limit_and_counts_the_rest_under_overflow() {
        let registry = Registry::new();
        let make = Families::new(registry.clone()).unwrap();
        let family = make.counters("requests_total", "Requests.", &["server", "route"]).unwrap();
        for number in 0..MOST + 3 {
            family.with_label_values(&["a.test", &number.to_string()]).inc();
        }
        family.with_label_values(&["a.test", "0"]).inc();
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let series = text.lines().filter(|line| line.starts_with("requests_total{")).count();
        assert_eq!(series, MOST + 1);
        for line in [
            r#"requests_total{route="0",server="a.test"} 2"#,
            r#"requests_total{route="1999",server="a.test"} 1"#,
            r#"requests_total{route="_overflow",server="_overflow"} 3"#,
            r#"vordr_metrics_overflow_total{family="requests_total"} 3"#,
        ] {
            assert!(text.contains(line), "{line}");
        }
        assert_eq!(family.sum(), MOST as u64 + 4);
    }

    #[test]
    fn what_is_not_told_again_is_no_longer_on_the_page() {
        let registry = Registry::new();
        let make = Families::new(registry.clone()).unwrap();
        let family = make.gauges("up", "Up.", &["upstream"]).unwrap();
        for upstream in ["kept", "removed"] {
            family.with_label_values(&[upstream]).set(1);
        }
        family.clear();
        family.with_label_values(&["kept"]).set(0);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(text.contains(r#"up{upstream="kept"} 0"#) && !text.contains("removed"), "{text}");
    }

    #[test]
    fn values_are_told_apart_wherever_one_ends() {
        assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
    }

    #[test]
    fn what_is_counted_down_was_counted_up_in_the_same_series() {
        let make = Families::new(Registry::new()).unwrap();
        let family = make.gauges("open", "Open.", &["route"]).unwrap();
        for number in 0..2 * MOST {
            family.with_label_values(&[&number.to_string()]).inc();
        }
        for number in 0..2 * MOST {
            family.with_label_values(&[&number.to_string()]).dec();
        }
        assert!(family.series.load().values().all(|series| series.get() == 0));
    }
}

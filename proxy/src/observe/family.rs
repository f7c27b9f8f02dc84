//! Families of series, each bounded: what would be one too many is counted under `_overflow`.

use super::cells::{Cell, Counter, Gauge, Histogram, Map, PerWorker};
use super::named::Named;
use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// How many series a family has at most; a scrape must stay readable whatever the rules say.
const MOST: usize = 2000;
/// How many of them are kept for coarser ones, where clients could take the others.
const KEPT: usize = 500;
/// Stands for each label of what is too much.
pub(super) const OVERFLOW: &str = "_overflow";

/// A family whose series only go up.
pub(super) type Counters = Arc<Family<Counter>>;
/// A family whose series go up and down.
pub(super) type Gauges = Arc<Family<Gauge>>;
/// A family of durations.
pub(super) type Histograms = Arc<Family<Histogram>>;

/// The series of one name. Each worker finds its own cell of a series by the labels' values, without a lock.
pub(crate) struct Family<C> {
    header: Header,
    series: Map<Series>,
    /// Held while a series is added, so that two threads cannot both take the last place.
    adding: Mutex<()>,
    cells: PerWorker<Map<C>>,
    empty: Box<dyn Fn() -> C + Send + Sync>,
    /// Counts what had no place; `None` in the family that does so.
    overflow: Option<Counters>,
}

/// A name, or words, that are written in the source.
type Text = &'static str;

/// What a family is called.
#[derive(Debug)]
struct Header {
    name: Text,
    help: Text,
    labels: Vec<Text>,
}

/// One series: its labels.
#[derive(Debug)]
struct Series {
    labels: Vec<LabelPair>,
    /// The rules do not name it any more, and it has been told for the last time.
    told: AtomicBool,
}

/// A family as the page of metrics sees it.
pub(super) trait Told: std::fmt::Debug + Send + Sync {
    fn name(&self) -> Text;

    /// The family with the present values.
    fn tell(&self) -> MetricFamily;

    /// Forgets the series of what the rules do not name any more, once they have been told for the last time.
    fn forget(&self, named: &Named);
}

impl<C: Cell> Family<C> {
    fn new(
        header: Header,
        workers: usize,
        overflow: Option<Counters>,
        empty: impl Fn() -> C + Send + Sync + 'static,
    ) -> Self {
        let (series, adding, cells) = (Map::default(), Mutex::new(()), PerWorker::new(workers));
        Self { header, series, adding, cells, empty: Box::new(empty), overflow }
    }

    /// This thread's cell of the series with these values, in the order of the labels.
    pub(super) fn with_label_values(&self, values: &[&str]) -> Arc<C> {
        let (mine, key) = (self.cells.mine(), key(values));
        mine.get(key).unwrap_or_else(|| {
            let key = if self.takes(values) { key } else { self.overflowing(values.len()) };
            mine.get_or_add(key, &self.empty)
        })
    }

    /// The same where clients choose among values: once they have filled what is theirs, that of `coarser` ones, for
    /// which places are kept.
    pub(super) fn with_either(&self, values: &[&str], coarser: &[&str]) -> Arc<C> {
        let (mine, own) = (self.cells.mine(), key(values));
        mine.get(own).unwrap_or_else(|| {
            let known = !values.iter().zip(coarser).any(|both| both == (&OVERFLOW, &OVERFLOW));
            let key = if known && self.takes_within(values, MOST - KEPT) {
                own
            } else if known && self.takes_within(coarser, MOST) {
                self.count_overflow();
                key(coarser)
            } else {
                self.overflowing(values.len())
            };
            mine.get_or_add(key, &self.empty)
        })
    }

    /// Whether these values have a series of their own, be it a new one.
    pub(super) fn takes(&self, values: &[&str]) -> bool {
        !values.contains(&OVERFLOW) && self.takes_within(values, MOST)
    }

    /// Whether they have one, or may have it while there are fewer than `most`.
    fn takes_within(&self, values: &[&str], most: usize) -> bool {
        let key = key(values);
        if self.series.has(key) || self.series.len() >= most {
            return self.series.has(key);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = self.series.has(key) || self.series.len() < most;
        if takes {
            self.series.get_or_add(key, || Series::new(&self.header.labels, values));
        }
        takes
    }

    /// Whether there is a series by this key.
    pub(super) fn has(&self, key: u64) -> bool {
        self.series.has(key)
    }

    fn count_overflow(&self) {
        if let Some(overflow) = &self.overflow {
            overflow.with_label_values(&[self.header.name]).inc();
        }
    }

    fn overflowing(&self, labels: usize) -> u64 {
        self.count_overflow();
        let values = vec![OVERFLOW; labels];
        let key = key(&values);
        self.series.get_or_add(key, || Series::new(&self.header.labels, &values));
        key
    }

    /// The series with these values over all threads.
    pub(super) fn total(&self, values: &[&str]) -> C {
        self.over_all(key(values))
    }

    fn over_all(&self, key: u64) -> C {
        let total = (self.empty)();
        self.cells.all().filter_map(|cells| cells.get(key)).for_each(|cell| total.add(&cell));
        total
    }

    /// Over all series.
    pub(super) fn sum(&self) -> C {
        let total = (self.empty)();
        self.cells.all().for_each(|cells| cells.all().values().for_each(|cell| total.add(cell)));
        total
    }
}

impl<C: Cell> Told for Family<C> {
    fn name(&self) -> Text {
        self.header.name
    }

    fn tell(&self) -> MetricFamily {
        let series = self.series.all();
        let told = series.iter().map(|(key, series)| {
            let mut told = Metric::from_label(series.labels.clone());
            self.over_all(*key).tell(&mut told);
            told
        });
        self.header.family(C::KIND, told.collect())
    }

    fn forget(&self, named: &Named) {
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        self.series.retain(|_, series| {
            let gone = !named.holds(&series.labels);
            !(series.told.swap(gone, Relaxed) && gone)
        });
        let left = self.series.all();
        self.cells.all().for_each(|cells| cells.retain(|key, _| left.contains_key(&key)));
    }
}

impl<C> std::fmt::Debug for Family<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Series {
    fn new(names: &[&str], values: &[&str]) -> Self {
        Self { labels: pairs(names, values), told: AtomicBool::new(false) }
    }
}

/// Labels in the order of their names, as a page has them.
fn pairs(names: &[&str], values: &[&str]) -> Vec<LabelPair> {
    let pair = |(name, value): (&&str, &&str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    let mut pairs: Vec<_> = names.iter().zip(values).map(pair).collect();
    pairs.sort_by(|a, b| a.name().cmp(b.name()));
    pairs
}

/// Of label values: the same for the same ones.
pub(super) fn key(values: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    values.hash(&mut hasher);
    hasher.finish()
}

impl Header {
    fn new(name: Text, help: Text, labels: &[Text]) -> Self {
        Self { name, help, labels: labels.to_vec() }
    }

    fn family(&self, kind: MetricType, mut series: Vec<Metric>) -> MetricFamily {
        let values = |series: &Metric| -> Vec<String> {
            series.get_label().iter().map(|label| label.value().to_owned()).collect()
        };
        series.sort_by_cached_key(values);
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(kind);
        family.set_metric(series);
        family
    }
}

/// Gauges that are told anew before each scrape, and of nothing else than what is told.
#[derive(Debug)]
pub(super) struct Readings {
    header: Header,
    series: Mutex<Vec<Metric>>,
    overflow: Counters,
}

impl Readings {
    /// [`Readings::set`] where several readings may have the same values: these become one.
    pub(super) fn set_merged<'v, const N: usize>(
        &self,
        readings: impl IntoIterator<Item = ([&'v str; N], f64)>,
        merge: impl Fn(f64, f64) -> f64,
    ) {
        let mut merged = BTreeMap::new();
        for (values, value) in readings {
            merged.entry(values).and_modify(|known| *known = merge(*known, value)).or_insert(value);
        }
        self.set(merged);
    }

    /// Takes the place of what was told before. What is too much is left out: readings cannot be added up.
    pub(super) fn set<'v, const N: usize>(&self, readings: impl IntoIterator<Item = ([&'v str; N], f64)>) {
        let mut readings = readings.into_iter();
        let told = readings.by_ref().take(MOST).map(|(values, value)| {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            let mut told = Metric::from_gauge(gauge);
            told.set_label(pairs(&self.header.labels, &values));
            told
        });
        *self.series.lock().unwrap_or_else(PoisonError::into_inner) = told.collect();
        self.overflow.with_label_values(&[self.header.name]).inc_by(readings.count() as u64);
    }
}

impl Told for Readings {
    fn name(&self) -> Text {
        self.header.name
    }

    fn tell(&self) -> MetricFamily {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.header.family(MetricType::GAUGE, series)
    }

    fn forget(&self, _: &Named) {}
}

/// Makes families, and keeps them for the page.
pub(super) struct Families {
    workers: usize,
    overflow: Counters,
    made: Vec<Arc<dyn Told>>,
}

impl Families {
    /// For so many workers.
    pub(super) fn new(workers: usize) -> Self {
        let help = "How often a series was looked up that had no place in its family, where `_overflow` counts for it.";
        let header = Header::new("vordr_metrics_overflow_total", help, &["family"]);
        let overflow = Arc::new(Family::new(header, workers, None, Counter::default));
        Self { workers, made: vec![overflow.clone()], overflow }
    }

    pub(super) fn counters(&mut self, name: Text, help: Text, labels: &[Text]) -> Counters {
        self.cells(Header::new(name, help, labels), Counter::default)
    }

    pub(super) fn gauges(&mut self, name: Text, help: Text, labels: &[Text]) -> Gauges {
        self.cells(Header::new(name, help, labels), Gauge::default)
    }

    /// Durations, told apart by these bounds, in seconds.
    pub(super) fn seconds(
        &mut self,
        name: Text,
        help: Text,
        labels: &[Text],
        bounds: &'static [f64],
    ) -> Histograms {
        self.cells(Header::new(name, help, labels), move || Histogram::new(bounds))
    }

    pub(super) fn readings(&mut self, name: Text, help: Text, labels: &[Text]) -> Arc<Readings> {
        let (header, series) = (Header::new(name, help, labels), Mutex::default());
        self.keep(Readings { header, series, overflow: self.overflow.clone() })
    }

    /// What is to be looked up for each request by each worker on its own.
    pub(super) fn per_worker<T: Default>(&self) -> PerWorker<T> {
        PerWorker::new(self.workers)
    }

    /// All that were made so far.
    pub(super) fn made(&self) -> Vec<Arc<dyn Told>> {
        self.made.clone()
    }

    fn cells<C: Cell>(
        &mut self,
        header: Header,
        empty: impl Fn() -> C + Send + Sync + 'static,
    ) -> Arc<Family<C>> {
        self.keep(Family::new(header, self.workers, Some(self.overflow.clone()), empty))
    }

    fn keep<T: Told + 'static>(&mut self, family: T) -> Arc<T> {
        let family = Arc::new(family);
        // From nothing on, so that the first lookup in vain is a rise.
        self.overflow.with_label_values(&[family.name()]);
        self.made.push(family.clone());
        family
    }
}

#[cfg(test)]
mod tests;

//! Families of series, each bounded: what would be one too many is counted under `_overflow`.

use super::cells::{Cell, Counter, Gauge, Histogram, Map, PerWorker};
use super::named::Named;
use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// How many series a family has at most; a scrape must stay readable whatever the rules say.
const MOST: usize = 2000;
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

    /// Whether these values have a series of their own, be it a new one.
    pub(super) fn takes(&self, values: &[&str]) -> bool {
        let key = key(values);
        if values.contains(&OVERFLOW) {
            return false;
        }
        if self.series.has(key) || self.series.len() >= MOST {
            return self.series.has(key);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let takes = self.series.has(key) || self.series.len() < MOST;
        if takes {
            self.series.get_or_add(key, || Series::new(&self.header.labels, values));
        }
        takes
    }

    /// Whether there is a series by this key.
    pub(super) fn has(&self, key: u64) -> bool {
        self.series.has(key)
    }

    fn overflowing(&self, labels: usize) -> u64 {
        if let Some(overflow) = &self.overflow {
            overflow.with_label_values(&[self.header.name]).inc();
        }
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
mod tests {
    use super::super::cells::count_as_worker;
    use super::*;
    use std::thread;
    use std::time::Duration;

    /// The page's lines that are no comments.
    fn page(families: &[Arc<dyn Told>]) -> Vec<String> {
        let told: Vec<_> = families
            .iter()
            .map(|family| family.tell())
            .filter(|told| !told.get_metric().is_empty())
            .collect();
        let text = prometheus::TextEncoder::new().encode_to_string(&told).unwrap_or_default();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// Does this as each of the workers at once.
    fn as_workers(workers: usize, what: impl Fn(usize) + Sync) {
        thread::scope(|scope| {
            for worker in 0..workers {
                let what = &what;
                scope.spawn(move || {
                    count_as_worker(worker);
                    what(worker);
                });
            }
        });
    }

    #[test]
    fn what_workers_count_in_cells_of_their_own_is_one_series() {
        let mut make = Families::new(3);
        let requests = make.counters("requests_total", "Requests.", &["route"]);
        let open = make.gauges("open", "Open.", &["route"]);
        let seconds = make.seconds("seconds", "Durations.", &["route"], &[0.1, 1.0]);
        let both = open.with_label_values(&["/"]);
        // The last one is one more than there are, as other threads are.
        as_workers(4, |worker| {
            let cell = requests.with_label_values(&["/"]);
            (0..1000).for_each(|_| cell.inc());
            open.with_label_values(&["/"]).inc();
            seconds.with_label_values(&["/"]).observe(Duration::from_millis(60 * worker as u64));
        });
        both.dec();
        assert_eq!(
            page(&make.made()[1..]),
            [
                r#"requests_total{route="/"} 4000"#,
                r#"open{route="/"} 3"#,
                r#"seconds_bucket{route="/",le="0.1"} 2"#,
                r#"seconds_bucket{route="/",le="1"} 4"#,
                r#"seconds_bucket{route="/",le="+Inf"} 4"#,
                r#"seconds_sum{route="/"} 0.36"#,
                r#"seconds_count{route="/"} 4"#,
            ]
        );
        assert_eq!((requests.sum().get(), open.total(&["/"]).get()), (4000, 3));
    }

    #[test]
    fn no_two_workers_count_in_one_cell() {
        let family = Families::new(2).counters("requests_total", "Requests.", &[]);
        let cells = Mutex::new(Vec::new());
        as_workers(2, |_| {
            cells.lock().unwrap_or_else(PoisonError::into_inner).push(family.with_label_values(&[]))
        });
        let cells = cells.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert!(!Arc::ptr_eq(&cells[0], &cells[1]));
        assert!(Arc::ptr_eq(&family.with_label_values(&[]), &family.with_label_values(&[])));
    }

    #[test]
    fn a_family_stops_at_its_limit_whoever_adds_to_it_and_counts_the_rest_under_overflow() {
        let mut make = Families::new(2);
        let family = make.counters("requests_total", "Requests.", &["server", "route"]);
        as_workers(2, |worker| {
            for number in 0..MOST {
                family.with_label_values(&["a.test", &(number + worker * 3).to_string()]).inc();
            }
        });
        let page = page(&make.made());
        assert_eq!(page.len(), MOST + 2);
        let value = |series: &str| page.iter().find_map(|line| line.strip_prefix(series));
        let lookups = value(r#"vordr_metrics_overflow_total{family="requests_total"}"#);
        assert!(lookups.is_some_and(|lookups| lookups != " 0"), "{lookups:?}");
        assert_eq!(value(r#"requests_total{route="_overflow",server="_overflow"}"#), lookups);
        assert_eq!(family.sum().get(), 2 * MOST as u64);
    }

    #[test]
    fn what_is_not_told_again_is_no_longer_on_the_page() {
        let mut make = Families::new(1);
        let family = make.readings("up", "Up.", &["upstream"]);
        family.set([(["kept"], 1.0), (["removed"], 1.0)]);
        family.set([(["kept"], 0.0)]);
        assert_eq!(page(&make.made()[1..]), [r#"up{upstream="kept"} 0"#]);
    }

    #[test]
    fn what_the_rules_do_not_name_any_more_is_told_once_and_forgotten() {
        let mut make = Families::new(1);
        let family = make.counters("requests_total", "Requests.", &["server", "route"]);
        for route in ["/kept", "/removed"] {
            family.with_label_values(&["a.test", route]).inc();
        }
        let families = make.made();
        let named = Named::of_route("a.test", "/kept");
        let scrape = || {
            families.iter().for_each(|family| family.forget(&named));
            page(&families[1..]).len()
        };
        assert_eq!((scrape(), scrape(), scrape()), (2, 1, 1));
        assert_eq!(family.sum().get(), 1);
    }

    #[test]
    fn values_are_told_apart_wherever_one_ends() {
        assert_ne!(key(&["a", "bc"]), key(&["ab", "c"]));
    }

    #[test]
    fn what_is_counted_down_was_counted_up_in_the_same_series() {
        let family = Families::new(1).gauges("open", "Open.", &["route"]);
        for number in 0..2 * MOST {
            family.with_label_values(&[&number.to_string()]).inc();
        }
        for number in 0..2 * MOST {
            family.with_label_values(&[&number.to_string()]).dec();
        }
        assert!(family.cells.all().all(|cells| cells.all().values().all(|cell| cell.get() == 0)));
    }
}

//! The families of routes, and the series of one route, looked up once for an exchange.

use super::cells::{Counter, Gauge, Histogram, Map, PerWorker};
use super::family::{Counters, Families, Gauges, Histograms, OVERFLOW, key};
use super::look::{LastError, RouteLook};
use super::record::{Record, labels};
use crate::exchange::Exchange;
use arc_swap::{ArcSwap, ArcSwapOption};
use http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Seconds, for requests.
pub(super) const BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Every family that tells of requests by their route.
#[derive(Debug)]
pub(crate) struct Routes {
    known: PerWorker<Map<Route>>,
    families: Arc<RouteFamilies>,
}

/// The families themselves.
#[derive(Debug)]
struct RouteFamilies {
    in_flight: Gauges,
    request_bytes: Counters,
    response_bytes: Counters,
    event_streams: Gauges,
    requests: Counters,
    duration: Histograms,
    time_to_first_byte: Histograms,
}

/// What one worker counts of one route.
#[derive(Debug)]
struct Route {
    server: String,
    route: String,
    in_flight: Arc<Gauge>,
    request_bytes: Arc<Counter>,
    response_bytes: Arc<Counter>,
    event_streams: Arc<Gauge>,
    requests: Counter,
    /// Of all its requests, whatever series they are told in.
    durations: Histogram,
    /// By method and status; there are few, and they are looked through.
    answers: ArcSwap<Vec<Arc<Answers>>>,
    errors: AtomicU64,
    last_error: ArcSwapOption<LastError>,
    families: Arc<RouteFamilies>,
}

/// What one worker counts of a route's answers with one status to one method.
#[derive(Debug)]
struct Answers {
    method: &'static str,
    status: u16,
    requests: Arc<Counter>,
    duration: Arc<Histogram>,
    time_to_first_byte: Arc<Histogram>,
}

impl Routes {
    pub(super) fn new(make: &mut Families) -> Self {
        let route = &["server", "route"];
        let full = &["server", "route", "method", "code_class"];
        let families = RouteFamilies {
            in_flight: make.gauges("vordr_http_requests_in_flight", "Requests under way.", route),
            request_bytes: make.counters("vordr_http_request_bytes_total", "Bytes of request bodies.", route),
            response_bytes: make.counters(
                "vordr_http_response_bytes_total",
                "Bytes of response bodies.",
                route,
            ),
            event_streams: make.gauges("vordr_event_streams_active", "Open event streams.", route),
            requests: make.counters(
                "vordr_http_requests_total",
                "Requests answered.",
                &["server", "route", "method", "code"],
            ),
            duration: make.seconds(
                "vordr_http_request_duration_seconds",
                "From a request's first byte to its answer's last; without WebSockets and event streams.",
                full,
                BUCKETS,
            ),
            time_to_first_byte: make.seconds(
                "vordr_http_time_to_first_byte_seconds",
                "From a request's first byte to its answer's first; without WebSockets and event streams.",
                full,
                BUCKETS,
            ),
        };
        Self { known: make.per_worker(), families: Arc::new(families) }
    }

    /// The exchange has a route, or is refused one: it is under way until the guard is dropped.
    pub(super) fn begin(&self, exchange: &Exchange) -> InFlight {
        let (server, route) = labels(exchange);
        let route = self.route(server, route);
        route.in_flight.inc();
        InFlight { route }
    }

    /// What was counted of a route so far; `None` where nothing came by it.
    pub(crate) fn look(&self, server: &str, route: &str) -> Option<RouteLook> {
        let key = key(&[server, route]);
        let mut look = None;
        for route in self.known.all().filter_map(|known| known.get(key)) {
            route.add_to(look.get_or_insert_default());
        }
        look
    }

    /// All requests.
    pub(super) fn total(&self) -> u64 {
        self.families.requests.sum().get()
    }

    /// Requests under way.
    pub(super) fn in_flight(&self) -> u64 {
        self.families.in_flight.sum().count()
    }

    /// How many event streams are open.
    pub(super) fn open_event_streams(&self) -> u64 {
        self.families.event_streams.sum().count()
    }

    /// Forgets the routes whose series are gone.
    pub(super) fn forget(&self) {
        self.known.all().for_each(|known| known.retain(|key, _| self.families.in_flight.has(key)));
    }

    /// This worker's counts of a route; those of all that is too much, where the families have no place for it.
    fn route(&self, server: &str, route: &str) -> Arc<Route> {
        let (mine, values) = (self.known.mine(), [server, route]);
        mine.get(key(&values)).unwrap_or_else(|| {
            let values = if self.families.in_flight.takes(&values) { values } else { [OVERFLOW; 2] };
            mine.get_or_add(key(&values), || Route::new(values, &self.families))
        })
    }
}

/// An exchange under way on a route.
#[derive(Debug)]
pub(crate) struct InFlight {
    route: Arc<Route>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.route.in_flight.dec();
    }
}

impl InFlight {
    /// Its answer is an event stream.
    pub(crate) fn event_stream_opened(&self) {
        self.route.event_streams.inc();
    }

    /// It has ended.
    pub(super) fn finished(&self, record: &Record<'_>) {
        let route = &*self.route;
        let answers = route.answers(method(&record.request.method), record.status);
        answers.requests.inc();
        route.requests.inc();
        if let Some(error) = LastError::of(record) {
            route.failed(error);
        }
        if record.tunnel.is_some() {
            return;
        }
        route.request_bytes.inc_by(record.exchange.bytes_in);
        route.response_bytes.inc_by(record.exchange.bytes_out);
        if record.exchange.event_stream {
            route.event_streams.dec();
        }
        if record.is_stream() {
            return;
        }
        let duration = record.duration();
        answers.duration.observe(duration);
        route.durations.observe(duration);
        if let Some(first_byte) = record.time_to_first_byte() {
            answers.time_to_first_byte.observe(first_byte);
        }
    }
}

impl Route {
    fn new(values: [&str; 2], families: &Arc<RouteFamilies>) -> Self {
        let [server, route] = values.map(str::to_owned);
        Self {
            server,
            route,
            in_flight: families.in_flight.with_label_values(&values),
            request_bytes: families.request_bytes.with_label_values(&values),
            response_bytes: families.response_bytes.with_label_values(&values),
            event_streams: families.event_streams.with_label_values(&values),
            requests: Counter::default(),
            durations: Histogram::new(BUCKETS),
            answers: ArcSwap::default(),
            errors: AtomicU64::new(0),
            last_error: ArcSwapOption::empty(),
            families: families.clone(),
        }
    }

    /// One error is kept, so that nothing grows.
    fn failed(&self, error: LastError) {
        self.errors.fetch_add(1, Relaxed);
        self.last_error.store(Some(Arc::new(error)));
    }

    fn add_to(&self, look: &mut RouteLook) {
        look.errors += self.errors.load(Relaxed);
        look.in_flight += self.in_flight.count();
        look.event_streams += self.event_streams.count();
        look.last_error = LastError::later(look.last_error.take(), self.last_error.load_full());
        look.requests += self.requests.get();
        look.durations.add(&self.durations);
    }

    fn answers(&self, method: &'static str, status: u16) -> Arc<Answers> {
        let fits = |known: &&Arc<Answers>| known.status == status && known.method == method;
        if let Some(known) = self.answers.load().iter().find(fits) {
            return known.clone();
        }
        let made = Arc::new(self.make_answers(method, status));
        self.answers.rcu(|known| {
            let mut more = Vec::clone(known);
            more.push(made.clone());
            more
        });
        made
    }

    fn make_answers(&self, method: &'static str, status: u16) -> Answers {
        let (server, route) = (self.server.as_str(), self.route.as_str());
        let class = class(status);
        let (full, coarser) = ([server, route, method, class], [server, route, OVERFLOW, class]);
        let exact = [server, route, method, &status.to_string()];
        Answers {
            method,
            status,
            requests: self.families.requests.with_either(&exact, &coarser),
            duration: self.families.duration.with_either(&full, &coarser),
            time_to_first_byte: self.families.time_to_first_byte.with_either(&full, &coarser),
        }
    }
}

/// The nine standard methods; all others are one, as anybody can make them up.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "CONNECT" => "CONNECT",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "PATCH" => "PATCH",
        _ => "OTHER",
    }
}

/// A status's class, as a label.
pub(super) fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

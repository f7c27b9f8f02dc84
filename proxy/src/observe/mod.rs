//! What people see of a running vordr: a log line, metrics and a status for whatever happens.

mod access_log;
mod access_logs;
mod cells;
mod clock;
mod connections;
mod error_line;
mod error_log;
mod family;
mod frames;
mod json;
mod limit_store;
mod logs;
mod look;
mod metrics;
mod named;
mod nginx;
mod open_logs;
mod outputs;
mod record;
mod refusals;
mod rejected;
mod routes;
mod scrape;
mod status;
mod stream;
mod tls;
mod traces;
mod upstreams;
mod websockets;
mod words;
mod writable;
mod writer;

pub(crate) use cells::{Gauge, count_as_worker};
pub(crate) use clock::in_words;
pub(crate) use connections::Counted;
pub(crate) use logs::{Log, Logs};
pub(crate) use look::RouteLook;
pub(crate) use open_logs::OpenLogs;
pub(crate) use record::{Record, Rejection};
pub(crate) use routes::InFlight;
pub(crate) use scrape::scrape;
pub(crate) use status::status;
pub(crate) use upstreams::InUse;
pub(crate) use websockets::Meter;
pub(crate) use writable::unwritable_logs;

use crate::exchange::{Connections, Exchange, Failure, Limited, Party};
use crate::start_error::StartError;
use crate::trace::Exports;
use arc_swap::ArcSwap;
use error_line::Failed;
use error_log::ErrorLogs;
use http::StatusCode;
use http::request::Parts;
use look::LastError;
use metrics::Metrics;
use refusals::{Refusals, Turned};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};
use vordr_rules::table::{Address, Level, Table};

/// Logs, metrics and counts; one for each vordr, whatever is reloaded.
#[derive(Debug)]
pub(crate) struct Observer {
    logs: ArcSwap<Logs>,
    workers: usize,
    pub(crate) metrics: Metrics,
    /// Spans on their way out.
    pub(crate) exports: Exports,
    pub(crate) started: Instant,
    loads: Mutex<Loads>,
    refusals: Refusals,
}

/// What became of the rules that were loaded.
#[derive(Debug, Clone)]
pub(crate) struct Loads {
    /// When rules were last taken in.
    pub at: SystemTime,
    /// Why the last ones were not.
    pub problem: Option<String>,
}

impl Observer {
    /// Opens the logs; counts what so many workers do.
    pub(crate) fn start(table: &Arc<Table>, workers: usize) -> Result<Arc<Self>, StartError> {
        let metrics =
            Metrics::new(workers).map_err(|error| StartError::Worker(std::io::Error::other(error)))?;
        metrics.config_loaded();
        Ok(Arc::new(Self {
            logs: ArcSwap::from_pointee(Logs::open(table, workers, &metrics.dropped_lines)?),
            workers,
            metrics,
            exports: Exports::default(),
            started: Instant::now(),
            refusals: Refusals::new(workers),
            loads: Mutex::new(Loads { at: SystemTime::now(), problem: None }),
        }))
    }

    /// What vordr itself has to say.
    pub(crate) fn log(&self) -> Log {
        Log(self.logs.load())
    }

    /// Opens the logs that newer rules name.
    pub(crate) fn open_logs(&self, table: &Arc<Table>) -> Result<Logs, StartError> {
        Logs::open(table, self.workers, &self.metrics.dropped_lines)
    }

    /// Writes to these from now on. Whatever was handed to the old ones is still written, and so are the lines of those
    /// who hold to the old rules, as long as somebody keeps what is given back.
    pub(crate) fn take_logs(&self, logs: Logs) -> Arc<OpenLogs> {
        let before = self.logs.load_full();
        self.logs.store(Arc::new(logs.after(&before)));
        before.now.clone()
    }

    /// Opens the files of the logs anew, those of older rules too, as far as these can be.
    pub(crate) fn reopen_logs(&self) -> Result<(), StartError> {
        let (logs, dropped) = (self.logs.load_full(), &self.metrics.dropped_lines);
        logs.now.reopen(self.workers, dropped)?;
        for older in logs.older() {
            if let Err(error) = older.reopen(self.workers, dropped) {
                let reason = error.in_full();
                self.log().warn("a log of older rules not opened anew", &[("reason", &reason)]);
            }
        }
        Ok(())
    }

    /// Newer rules are in force.
    pub(crate) fn reloaded(&self) {
        self.metrics.config_loaded();
        *self.loads.lock().unwrap_or_else(PoisonError::into_inner) =
            Loads { at: SystemTime::now(), problem: None };
    }

    /// Newer rules were not taken in.
    pub(crate) fn reload_failed(&self, problem: String) {
        self.metrics.config_refused();
        self.loads.lock().unwrap_or_else(PoisonError::into_inner).problem = Some(problem);
    }

    /// What became of the rules that were loaded.
    pub(crate) fn loads(&self) -> Loads {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections and requests, as nginx's `stub_status` tells them.
    pub(crate) fn stub_status(&self) -> String {
        self.metrics.stub_status()
    }

    /// How many connections there are, for a request that has just come.
    pub(crate) fn connections(&self) -> Connections {
        self.metrics.connections()
    }

    /// A request was given a location, or was refused one.
    pub(crate) fn exchange_started(&self, exchange: &Exchange) -> InFlight {
        self.metrics.routes.begin(exchange)
    }

    /// A WebSocket was opened: the first of its two lines.
    pub(crate) fn websocket_opened(&self, record: &Record<'_>) -> Meter {
        self.write(record);
        self.metrics.websockets.opened(record.exchange)
    }

    /// An exchange has been answered, or was not to be; `in_use` is the connection that it was answered over.
    pub(crate) fn exchange_finished(
        &self,
        record: &Record<'_>,
        in_flight: &InFlight,
        in_use: Option<&InUse>,
    ) {
        let exchange = record.exchange;
        in_flight.finished(record);
        self.metrics.finished(record);
        if let (Some(reached), Some(in_use)) = (&exchange.reached, in_use) {
            in_use.finished(reached);
        }
        if let Some(failure) = &exchange.failure {
            self.count_failure(exchange, failure);
        }
        if let (None, Some(error)) = (exchange.route(), LastError::of(record)) {
            self.refusals.add(Turned::Request, exchange.public.client.as_str(), error);
        }
        self.tell_of_failure(record);
    }

    /// Nothing more becomes of an exchange: its line is written.
    pub(crate) fn exchange_over(&self, record: &Record<'_>) {
        self.write(record);
    }

    /// What was to be done behind an answer was not.
    pub(crate) fn failed_afterwards(&self, exchange: &Exchange, request: &Parts, reason: &str) {
        let (server, route) = record::labels(exchange);
        let path = request.uri.path();
        let fields = [("server", server), ("route", route), ("path", path), ("reason", reason)];
        let message = "what a request was to do afterwards was not done";
        self.tell_of(exchange, |logs| logs.write(Level::Error, message, &fields));
    }

    /// An upstream's answer is not kept, though the rules say where.
    pub(crate) fn not_stored(&self, exchange: &Exchange, request: &Parts, reason: &str) {
        let (server, route) = record::labels(exchange);
        let path = request.uri.path();
        let fields = [("server", server), ("route", route), ("path", path), ("reason", reason)];
        self.tell_of(exchange, |logs| logs.write(Level::Warn, "an answer is not stored", &fields));
    }

    fn count_failure(&self, exchange: &Exchange, failure: &Failure) {
        match failure.party() {
            Party::Upstream if !matches!(failure, Failure::Status(_)) => {
                self.metrics.upstreams.failed(exchange, failure)
            }
            Party::Client if !failure.is_everyday() => {
                let (server, route) = record::labels(exchange);
                self.metrics.rejected.with_label_values(&[server, route, failure.reason()]).inc();
            }
            _ => {}
        }
    }

    /// A limit that refuses nobody would have refused this request.
    pub(crate) fn would_be_refused(
        &self,
        exchange: &Exchange,
        request: &Parts,
        failure: &Failure,
        limited: &Limited,
    ) {
        let failed = Failed { exchange, request, failure, limited: Some(limited) };
        self.tell_of(exchange, |logs| logs.limited(&failed, limited.level));
    }

    /// A limit makes a request wait for its turn, or would.
    pub(crate) fn delayed(&self, exchange: &Exchange, request: &Parts, limited: &Limited) {
        let failure = &Failure::RateLimit(StatusCode::SERVICE_UNAVAILABLE);
        let failed = Failed { exchange, request, failure, limited: Some(limited) };
        self.tell_of(exchange, |logs| logs.delayed(&failed, limited.level));
    }

    /// An attempt failed and is made again, or something else is done in its place.
    pub(crate) fn retried(&self, exchange: &Exchange, request: &Parts, failure: &Failure) {
        self.metrics.upstreams.retried(exchange, failure);
        let failed = Failed { exchange, request, failure, limited: None };
        self.tell_of(exchange, |logs| logs.failed(&failed));
    }

    /// A head was refused, and answered as the rules say.
    pub(crate) fn head_refused(&self, record: &Record<'_>) {
        let exchange = record.exchange;
        if let Some(failure) = &exchange.failure {
            let labels = [record::OTHER, record::OTHER, failure.reason()];
            self.metrics.rejected.with_label_values(&labels).inc();
        }
        if let Some(error) = LastError::of(record) {
            self.refusals.add(Turned::Request, exchange.public.client.as_str(), error);
        }
        self.tell_of_failure(record);
        self.write(record);
    }

    fn tell_of_failure(&self, record: &Record<'_>) {
        if let Some(failed) = Failed::of(record) {
            self.tell_of(record.exchange, |logs| logs.failed(&failed));
        }
    }

    /// A request was refused before it reached a route.
    pub(crate) fn rejected(&self, rejection: &Rejection) {
        self.metrics
            .rejected
            .with_label_values(&[record::OTHER, record::OTHER, rejection.failure.reason()])
            .inc();
        self.refusals.add(Turned::Request, &rejection.client(), LastError::of_rejection(rejection));
        let logs = self.logs.load();
        logs.now.tell_of_rejection(rejection);
        logs.now.write_rejection(rejection);
    }

    /// A client came to a listener with TLS and did not get as far as a request.
    pub(crate) fn handshake_failed(
        &self,
        listener: &Address,
        client: &str,
        reason: &'static str,
        detail: &str,
    ) {
        self.metrics.tls.failed(listener, reason);
        self.refusals.add(Turned::Handshake, client, LastError::handshake(reason, detail));
        // Whoever scans the internet fails at handshakes all day long: that is for who looks closely.
        let fields = [
            ("address", listener.to_string()),
            ("client_ip", client.to_owned()),
            ("reason", reason.to_owned()),
            ("detail", detail.to_owned()),
        ];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.logs.load().now.tell_of_connection(listener, "TLS handshake failed", &fields);
    }

    /// Waits until every line has been handed to the system.
    pub(crate) fn flush(&self) {
        self.logs.load().flush();
    }

    fn write(&self, record: &Record<'_>) {
        self.logs.load().tell_of(record.exchange, |logs| logs.write(record));
    }

    fn tell_of(&self, exchange: &Exchange, tell: impl FnOnce(ErrorLogs<'_>)) {
        self.logs.load().tell_of(exchange, |logs| tell(logs.of_request(exchange)));
    }
}

/// Counts something as open until it is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    open: Arc<Gauge>,
}

impl Guard {
    pub(crate) fn new(open: Arc<Gauge>) -> Self {
        open.inc();
        Self { open }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.open.dec();
    }
}

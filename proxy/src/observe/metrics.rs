//! Prometheus metrics. Labels come from the rules alone, never from a client.

use super::Guard;
use super::family::{Counters, Families, Fractions, Gauges, Histograms};
use super::record::{Record, labels};
use super::websockets::WebSockets;
use crate::exchange::{Exchange, Failure};
use http::Method;
use prometheus::{Error, Gauge, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds, for requests.
const REQUEST_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Every family.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Counters,
    requests_in_flight: Gauges,
    duration: Histograms,
    time_to_first_byte: Histograms,
    request_bytes: Counters,
    response_bytes: Counters,
    pub(super) rejected: Counters,
    preflights: Counters,
    pub(super) connections_active: Gauges,
    pub(super) connections_total: Counters,
    upstream_requests: Counters,
    upstream_duration: Histograms,
    upstream_connect: Histograms,
    upstream_errors: Counters,
    pub(super) upstream_retries: Counters,
    upstream_dns_last_success: Fractions,
    pub(super) websockets: WebSockets,
    upstream_up: Gauges,
    upstream_connections: Gauges,
    event_streams: Gauges,
    reload_successful: IntGauge,
    reload_timestamp: Gauge,
    reloads: Counters,
    generations: IntGauge,
    pub(crate) dropped_lines: IntCounter,
    /// All requests, and those that ended in an error, for `/status`.
    pub(crate) total: IntCounter,
    /// Requests that ended in a failure.
    pub(crate) errors: IntCounter,
}

impl Metrics {
    pub(super) fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let make = Families::new(registry.clone())?;
        let route = &["server", "route"];
        let full = &["server", "route", "method", "code_class"];
        make.add(IntGaugeVec::new(Opts::new("vordr_build_info", "The version that runs."), &["version"]))?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            requests: make.counters(
                "vordr_http_requests_total",
                "Requests answered.",
                &["server", "route", "method", "code"],
            )?,
            requests_in_flight: make.gauges("vordr_http_requests_in_flight", "Requests under way.", route)?,
            duration: make.seconds(
                "vordr_http_request_duration_seconds",
                "From a request's first byte to its answer's last; without WebSockets and event streams.",
                full,
                REQUEST_BUCKETS,
            )?,
            time_to_first_byte: make.seconds(
                "vordr_http_time_to_first_byte_seconds",
                "From a request's first byte to its answer's first; without WebSockets and event streams.",
                full,
                REQUEST_BUCKETS,
            )?,
            request_bytes: make.counters(
                "vordr_http_request_bytes_total",
                "Bytes of request bodies.",
                route,
            )?,
            response_bytes: make.counters(
                "vordr_http_response_bytes_total",
                "Bytes of response bodies.",
                route,
            )?,
            rejected: make.counters(
                "vordr_http_rejected_total",
                "Requests that vordr refused.",
                &["server", "route", "reason"],
            )?,
            preflights: make.counters(
                "vordr_cors_preflights_total",
                "CORS preflights.",
                &["route", "result"],
            )?,
            connections_active: make.gauges(
                "vordr_connections_active",
                "Open client connections.",
                &["listener", "protocol"],
            )?,
            connections_total: make.counters(
                "vordr_connections_total",
                "Client connections accepted.",
                &["listener", "protocol"],
            )?,
            upstream_requests: make.counters(
                "vordr_upstream_requests_total",
                "Requests that an upstream answered.",
                &["upstream", "peer", "code_class"],
            )?,
            upstream_duration: make.seconds(
                "vordr_upstream_request_duration_seconds",
                "From choosing a server to the head of its answer.",
                &["upstream"],
                REQUEST_BUCKETS,
            )?,
            upstream_connect: make.seconds(
                "vordr_upstream_connect_duration_seconds",
                "Connecting to a server, TLS included.",
                &["upstream"],
                REQUEST_BUCKETS,
            )?,
            upstream_errors: make.counters(
                "vordr_upstream_errors_total",
                "Attempts that failed.",
                &["upstream", "reason"],
            )?,
            upstream_retries: make.counters(
                "vordr_upstream_retries_total",
                "Attempts made again.",
                &["upstream", "reason"],
            )?,
            upstream_dns_last_success: make.fractions(
                "vordr_upstream_dns_last_success_timestamp_seconds",
                "When a name was resolved last.",
                &["upstream"],
            )?,
            websockets: WebSockets::new(&make)?,
            upstream_up: make.gauges(
                "vordr_upstream_up",
                "Whether a server may be asked: while its name has an address.",
                &["upstream", "peer"],
            )?,
            upstream_connections: make.gauges(
                "vordr_upstream_connections",
                "Connections to upstreams that carry a request or a stream.",
                &["upstream", "state"],
            )?,
            event_streams: make.gauges("vordr_event_streams_active", "Open event streams.", route)?,
            reload_successful: make.add(IntGauge::new(
                "vordr_config_last_reload_successful",
                "Whether the last load of the rules succeeded.",
            ))?,
            reload_timestamp: make.add(Gauge::new(
                "vordr_config_last_reload_success_timestamp_seconds",
                "When rules were loaded last.",
            ))?,
            reloads: make.counters("vordr_config_reloads_total", "Loads of the rules.", &["result"])?,
            generations: make.add(IntGauge::new(
                "vordr_config_generations_live",
                "Generations of rules that exchanges still use.",
            ))?,
            dropped_lines: make.add(IntCounter::new(
                "vordr_log_dropped_lines_total",
                "Log lines dropped because too many waited.",
            ))?,
            total: IntCounter::new("total", "All requests.")?,
            errors: IntCounter::new("errors", "Failed requests.")?,
            registry,
        })
    }

    /// In Prometheus's text format.
    pub(crate) fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    pub(super) fn config_loaded(&self) {
        self.reload_successful.set(1);
        self.reload_timestamp.set(seconds(SystemTime::now()));
        self.reloads.with_label_values(&["success"]).inc();
        self.generations.set(1);
    }

    /// Notes when a name was resolved last.
    pub(crate) fn resolved(&self, name: &str, at: SystemTime) {
        self.upstream_dns_last_success.with_label_values(&[name]).set(seconds(at));
    }

    pub(super) fn in_flight(&self, exchange: &Exchange) -> IntGauge {
        let (server, route) = labels(exchange);
        self.requests_in_flight.with_label_values(&[server, route])
    }

    /// Requests under way, for `/status`.
    pub(super) fn in_flight_family(&self) -> &Gauges {
        &self.requests_in_flight
    }

    /// Notes whether a server may be asked.
    pub(crate) fn server_is_up(&self, upstream: &str, peer: &str, up: bool) {
        self.upstream_up.with_label_values(&[upstream, peer]).set(up.into());
    }

    /// A connection to an upstream carries an exchange, until the guard is dropped.
    pub(crate) fn upstream_connection(&self, upstream: &str) -> Guard {
        Guard::new(self.upstream_connections.with_label_values(&[upstream, "active"]))
    }

    /// An event stream began.
    pub(crate) fn event_stream_opened(&self, exchange: &Exchange) {
        let (server, route) = labels(exchange);
        self.event_streams.with_label_values(&[server, route]).inc();
    }

    pub(super) fn upstream_failed(&self, exchange: &Exchange, failure: &Failure) {
        let upstream = exchange.reached.as_ref().map_or("", |reached| reached.upstream());
        self.upstream_errors.with_label_values(&[upstream, failure.reason()]).inc();
    }

    pub(super) fn finished(&self, record: &Record<'_>) {
        let exchange = record.exchange;
        let (server, route) = labels(exchange);
        let method = method(&record.request.method);
        let mut code = itoa::Buffer::new();
        self.total.inc();
        if exchange.failure.is_some() {
            self.errors.inc();
        }
        self.requests.with_label_values(&[server, route, method, code.format(record.status)]).inc();
        if let Some(granted) = exchange.preflight {
            self.preflights.with_label_values(&[route, if granted { "granted" } else { "denied" }]).inc();
        }
        if let Some(tunnel) = record.tunnel {
            self.websockets.ended(record, tunnel);
        } else {
            self.answered(record, &[server, route, method, class(record.status)]);
            if exchange.upgrade {
                self.websockets.refused(exchange, code.format(record.status));
            }
        }
        self.upstream_answered(exchange);
    }

    fn answered(&self, record: &Record<'_>, labels: &[&str; 4]) {
        let [server, route, ..] = *labels;
        self.request_bytes.with_label_values(&[server, route]).inc_by(record.exchange.bytes_in);
        self.response_bytes.with_label_values(&[server, route]).inc_by(record.exchange.bytes_out);
        if record.is_stream() {
            return self.event_streams.with_label_values(&[server, route]).dec();
        }
        self.duration.with_label_values(labels).observe(record.duration().as_secs_f64());
        if let Some(first_byte) = record.time_to_first_byte() {
            self.time_to_first_byte.with_label_values(labels).observe(first_byte.as_secs_f64());
        }
    }

    fn upstream_answered(&self, exchange: &Exchange) {
        let Some(reached) = &exchange.reached else { return };
        let upstream = reached.upstream();
        if let Some(connect) = reached.connect {
            self.upstream_connect.with_label_values(&[upstream]).observe(connect.as_secs_f64());
        }
        if let (Some(status), Some(answered)) = (reached.status, reached.answered) {
            self.upstream_requests
                .with_label_values(&[upstream, &reached.endpoint.peer, class(status)])
                .inc();
            let duration = answered.duration_since(reached.chosen).as_secs_f64();
            self.upstream_duration.with_label_values(&[upstream]).observe(duration);
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

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_names_are_those_of_the_documentation() {
        let metrics = Metrics::new().unwrap();
        metrics.config_loaded();
        let text = metrics.render();
        for name in ["vordr_build_info", "vordr_config_generations_live 1", "process_cpu_seconds_total"] {
            assert!(text.contains(name), "{text}");
        }
    }
}

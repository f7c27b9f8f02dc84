//! Prometheus metrics. Labels come from the rules alone, never from a client.

use super::family::{Counters, Families, Gauges};
use super::limit_store::LimitStore;
use super::nginx::Handled;
use super::record::{Record, labels};
use super::routes::Routes;
use super::tls::Tls;
use super::upstreams::Upstreams;
use super::websockets::WebSockets;
use crate::exchange::Failure;
use prometheus::{Error, Gauge, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use std::time::{SystemTime, UNIX_EPOCH};

/// Every family.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) routes: Routes,
    pub(crate) upstreams: Upstreams,
    pub(crate) tls: Tls,
    pub(crate) limit_store: LimitStore,
    acme_renewals: Counters,
    pub(super) rejected: Counters,
    preflights: Counters,
    pub(super) connections_active: Gauges,
    pub(super) connections_total: Counters,
    pub(crate) websockets: WebSockets,
    reload_successful: IntGauge,
    reload_timestamp: Gauge,
    reloads: Counters,
    pub(crate) generations: IntGauge,
    pub(crate) dropped_lines: IntCounter,
    /// Connections on which the head of a request has begun, and has not ended.
    pub(crate) heads: IntGauge,
    pub(super) handled: Handled,
    /// All requests, and those that ended in an error, for `/status`.
    pub(crate) total: IntCounter,
    /// Requests that ended in a failure.
    pub(crate) errors: IntCounter,
}

impl Metrics {
    pub(super) fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let make = Families::new(registry.clone())?;
        make.add(IntGaugeVec::new(Opts::new("vordr_build_info", "The version that runs."), &["version"]))?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            routes: Routes::new(&make)?,
            upstreams: Upstreams::new(&make)?,
            tls: Tls::new(&make)?,
            limit_store: LimitStore::new(&make)?,
            acme_renewals: make.counters(
                "vordr_acme_renewals_total",
                "Orders for certificates from ACME.",
                &["result"],
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
            websockets: WebSockets::new(&make)?,
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
            heads: IntGauge::new("heads", "Heads under way.")?,
            handled: Handled::default(),
            total: IntCounter::new("total", "All requests.")?,
            errors: IntCounter::new("errors", "Failed requests.")?,
            registry,
        })
    }

    /// In Prometheus's text format.
    pub(crate) fn render(&self) -> String {
        self.upstreams.add_up();
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// An order for a certificate came to its end.
    pub(crate) fn acme_renewed(&self, issued: bool) {
        self.acme_renewals.with_label_values(&[if issued { "success" } else { "failure" }]).inc();
    }

    pub(super) fn config_loaded(&self) {
        self.reload_successful.set(1);
        self.reload_timestamp.set(seconds(SystemTime::now()));
        self.reloads.with_label_values(&["success"]).inc();
    }

    pub(super) fn config_refused(&self) {
        self.reload_successful.set(0);
        self.reloads.with_label_values(&["failure"]).inc();
    }

    pub(super) fn finished(&self, record: &Record<'_>) {
        let exchange = record.exchange;
        self.total.inc();
        if exchange.failure.is_some() {
            self.errors.inc();
        }
        if let Some(granted) = exchange.preflight {
            let (_, route) = labels(exchange);
            self.preflights.with_label_values(&[route, if granted { "granted" } else { "denied" }]).inc();
        }
        match record.tunnel {
            Some(tunnel) => self.websockets.ended(record, tunnel),
            None if exchange.upgrade || exchange.failure == Some(Failure::WebSocketOff) => {
                self.websockets.refused(exchange, record.status);
            }
            None => {}
        }
    }
}

/// Since 1970, in seconds.
pub(super) fn seconds(time: SystemTime) -> f64 {
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
        for name in ["vordr_build_info", "vordr_config_generations_live", "process_cpu_seconds_total"] {
            assert!(text.contains(name), "{text}");
        }
    }
}

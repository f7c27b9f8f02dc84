//! Prometheus metrics. Labels come from the rules alone, never from a client.

use super::cells::{Counter, Gauge, PerWorker};
use super::family::{Counters, Families, Gauges, Told};
use super::limit_store::LimitStore;
use super::named::Named;
use super::nginx::Handled;
use super::record::{Record, labels};
use super::routes::Routes;
use super::tls::Tls;
use super::traces::Traces;
use super::upstreams::Upstreams;
use super::websockets::WebSockets;
use crate::exchange::Failure;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Error, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Every family.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// What no request changes.
    registry: Registry,
    families: Vec<Arc<dyn Told>>,
    pub(crate) routes: Routes,
    pub(crate) upstreams: Upstreams,
    pub(crate) tls: Tls,
    pub(crate) limit_store: LimitStore,
    pub(crate) traces: Traces,
    acme_renewals: Counters,
    pub(super) rejected: Counters,
    preflights: Counters,
    pub(super) connections_active: Gauges,
    pub(super) connections_total: Counters,
    pub(crate) websockets: WebSockets,
    reload_successful: IntGauge,
    reload_timestamp: prometheus::Gauge,
    reloads: Counters,
    pub(crate) generations: IntGauge,
    pub(crate) dropped_lines: IntCounter,
    /// Connections on which the head of a request has begun, and has not ended.
    pub(crate) heads: PerWorker<Arc<Gauge>>,
    /// Connections, from the moment that they were accepted.
    pub(super) accepted: PerWorker<Counter>,
    pub(super) handled: Handled,
    /// Requests that ended in a failure.
    errors: PerWorker<Counter>,
}

impl Metrics {
    /// For so many workers.
    pub(super) fn new(workers: usize) -> Result<Self, Error> {
        let registry = Registry::new();
        register(
            &registry,
            IntGaugeVec::new(Opts::new("vordr_build_info", "The version that runs."), &["version"])?,
        )?
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1);
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let make = &mut Families::new(workers);
        Ok(Self {
            routes: Routes::new(make),
            upstreams: Upstreams::new(make),
            tls: Tls::new(make),
            limit_store: LimitStore::new(make),
            traces: Traces::new(make),
            acme_renewals: make.counters(
                "vordr_acme_renewals_total",
                "Orders for certificates from ACME.",
                &["result"],
            ),
            rejected: make.counters(
                "vordr_http_rejected_total",
                "Requests that vordr refused.",
                &["server", "route", "reason"],
            ),
            preflights: make.counters(
                "vordr_cors_preflights_total",
                "CORS preflights.",
                &["route", "result"],
            ),
            connections_active: make.gauges(
                "vordr_connections_active",
                "Open client connections.",
                &["listener", "protocol"],
            ),
            connections_total: make.counters(
                "vordr_connections_total",
                "Client connections accepted.",
                &["listener", "protocol"],
            ),
            websockets: WebSockets::new(make),
            reload_successful: register(
                &registry,
                IntGauge::new(
                    "vordr_config_last_reload_successful",
                    "Whether the last load of the rules succeeded.",
                )?,
            )?,
            reload_timestamp: register(
                &registry,
                prometheus::Gauge::new(
                    "vordr_config_last_reload_success_timestamp_seconds",
                    "When rules were loaded last.",
                )?,
            )?,
            reloads: make.counters("vordr_config_reloads_total", "Loads of the rules.", &["result"]),
            generations: register(
                &registry,
                IntGauge::new(
                    "vordr_config_generations_live",
                    "Generations of rules that exchanges still use.",
                )?,
            )?,
            dropped_lines: register(
                &registry,
                IntCounter::new("vordr_log_dropped_lines_total", "Log lines that were lost.")?,
            )?,
            heads: make.per_worker(),
            accepted: make.per_worker(),
            handled: Handled::default(),
            errors: make.per_worker(),
            families: make.made(),
            registry,
        })
    }

    /// Forgets the series of what these rules do not name, once they have been told for the last time.
    pub(super) fn forget(&self, named: &Named) {
        self.families.iter().for_each(|family| family.forget(named));
        // Those that hold cells come last, so that none of the cells that went is held on.
        self.routes.forget();
        self.upstreams.forget(named);
    }

    /// All requests.
    pub(crate) fn total(&self) -> u64 {
        self.routes.total()
    }

    /// Requests that ended in a failure.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.sum()
    }

    /// In Prometheus's text format.
    pub(crate) fn render(&self) -> String {
        let mut families = self.registry.gather();
        families.extend(self.families.iter().map(|family| family.tell()));
        // The format has no family without a series.
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
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
        if exchange.has_failed() {
            self.errors.mine().inc();
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

fn register<T: Collector + Clone + 'static>(registry: &Registry, made: T) -> Result<T, Error> {
    registry.register(Box::new(made.clone()))?;
    Ok(made)
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
        let metrics = Metrics::new(1).unwrap();
        metrics.config_loaded();
        let text = metrics.render();
        for name in ["vordr_build_info", "vordr_config_generations_live", "process_cpu_seconds_total"] {
            assert!(text.contains(name), "{text}");
        }
    }
}

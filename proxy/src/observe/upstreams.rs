//! The families of upstreams, and the series of one server, looked up once for an exchange.

use super::Guard;
use super::family::{Counters, Families, Family, Fractions, Gauges};
use super::metrics::seconds;
use super::routes::{BUCKETS, class};
use crate::exchange::{Exchange, Failure, Reached};
use crate::upstream::PoolReport;
use prometheus::{Error, Histogram, IntCounter, IntGauge, IntGaugeVec, Opts};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Every family of upstreams.
#[derive(Debug)]
pub(crate) struct Upstreams {
    servers: Family<Arc<Server>>,
    connections: Gauges,
    errors: Counters,
    retries: Counters,
    dns_last_success: Fractions,
    up: Gauges,
}

/// The series of one server of a pool.
#[derive(Debug)]
struct Server {
    upstream: String,
    peer: String,
    in_use: IntGauge,
    duration: Histogram,
    connect: Histogram,
    requests: Counters,
    /// By the hundreds of the status, from 1; looked up when they are needed first.
    by_class: [OnceLock<IntCounter>; 5],
}

impl Upstreams {
    pub(super) fn new(make: &Families) -> Result<Self, Error> {
        let requests = make.counters(
            "vordr_upstream_requests_total",
            "Requests that an upstream answered.",
            &["upstream", "peer", "code_class"],
        )?;
        let duration = make.seconds(
            "vordr_upstream_request_duration_seconds",
            "From choosing a server to the head of its answer.",
            &["upstream"],
            BUCKETS,
        )?;
        let connect = make.seconds(
            "vordr_upstream_connect_duration_seconds",
            "Connecting to a server, TLS included.",
            &["upstream"],
            BUCKETS,
        )?;
        let connections = make.gauges(
            "vordr_upstream_connections",
            "Connections to upstreams that carry a request or a stream.",
            &["upstream", "state"],
        )?;
        // Told by /status for each server, and by the metrics for the pool.
        let in_use = IntGaugeVec::new(Opts::new("in_use", "Connections in use."), &["upstream", "peer"])?;
        let reason = &["upstream", "reason"];
        Ok(Self {
            connections,
            errors: make.counters("vordr_upstream_errors_total", "Attempts that failed.", reason)?,
            retries: make.counters("vordr_upstream_retries_total", "Attempts made again.", reason)?,
            dns_last_success: make.fractions(
                "vordr_upstream_dns_last_success_timestamp_seconds",
                "When that name of its servers was resolved that was resolved longest ago.",
                &["upstream"],
            )?,
            up: make.gauges(
                "vordr_upstream_up",
                "Whether a server may be asked: its name has an address, and it is well as far as is known.",
                &["upstream", "peer"],
            )?,
            servers: make.bundles(move |values| {
                let [upstream, peer] = [0, 1].map(|at| values.get(at).copied().unwrap_or_default());
                Arc::new(Server {
                    upstream: upstream.to_owned(),
                    peer: peer.to_owned(),
                    in_use: in_use.with_label_values(&[upstream, peer]),
                    duration: duration.with_label_values(&[upstream]),
                    connect: connect.with_label_values(&[upstream]),
                    requests: requests.clone(),
                    by_class: Default::default(),
                })
            }),
        })
    }

    /// A connection to a server carries an exchange, until the guard is dropped.
    pub(crate) fn connection(&self, reached: &Reached) -> InUse {
        let server = self.servers.with_label_values(&[reached.upstream(), &reached.endpoint.peer]);
        InUse { _counted: Guard::new(server.in_use.clone()), server }
    }

    /// Adds up the connections of each pool, before they are shown.
    pub(super) fn add_up(&self) {
        let mut pools: BTreeMap<String, i64> = BTreeMap::new();
        for server in self.servers.all() {
            *pools.entry(server.upstream.clone()).or_default() += server.in_use.get();
        }
        for (upstream, connections) in pools {
            self.connections.with_label_values(&[&upstream, "active"]).set(connections);
        }
    }

    /// Tells how these pools stand, and of no other: what newer rules do not have is nobody's trouble any more.
    pub(super) fn stand(&self, pools: &[PoolReport]) {
        self.up.clear();
        self.dns_last_success.clear();
        for pool in pools {
            for peer in &pool.peers {
                self.up.with_label_values(&[&pool.name, &peer.address]).set(peer.up.into());
            }
            if let Some(at) = pool.resolved {
                self.dns_last_success.with_label_values(&[&pool.name]).set(seconds(at));
            }
        }
    }

    /// An attempt failed.
    pub(super) fn failed(&self, exchange: &Exchange, failure: &Failure) {
        self.errors.with_label_values(&[name(exchange), failure.reason()]).inc();
    }

    /// An attempt failed and is made again.
    pub(super) fn retried(&self, exchange: &Exchange, failure: &Failure) {
        self.failed(exchange, failure);
        self.retries.with_label_values(&[name(exchange), failure.reason()]).inc();
    }
}

fn name(exchange: &Exchange) -> &str {
    exchange.reached.as_ref().map_or("", Reached::upstream)
}

/// A connection to a server that carries an exchange.
#[derive(Debug)]
pub(crate) struct InUse {
    server: Arc<Server>,
    _counted: Guard,
}

impl InUse {
    /// The exchange has ended.
    pub(super) fn finished(&self, reached: &Reached) {
        if let Some(connect) = reached.connect {
            self.server.connect.observe(connect.as_secs_f64());
        }
        if let (Some(status), Some(answered)) = (reached.status, reached.answered) {
            self.server.answered(status);
            self.server.duration.observe(answered.duration_since(reached.chosen).as_secs_f64());
        }
    }
}

impl Server {
    fn answered(&self, status: u16) {
        let counter = || self.requests.with_label_values(&[&self.upstream, &self.peer, class(status)]);
        match self.by_class.get(usize::from(status / 100).saturating_sub(1)) {
            Some(known) => known.get_or_init(counter).inc(),
            None => counter().inc(),
        }
    }
}

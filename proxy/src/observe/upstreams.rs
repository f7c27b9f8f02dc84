//! The families of upstreams, and the series of one server, looked up once for an exchange.

use super::cells::{Counter, Gauge, Histogram, Map, PerWorker};
use super::family::{Counters, Families, Gauges, Histograms, Readings, key};
use super::metrics::seconds;
use super::named::Named;
use super::routes::{BUCKETS, class};
use crate::exchange::{Exchange, Failure, Reached};
use crate::upstream::PoolReport;
use std::sync::{Arc, OnceLock};

/// Every family of upstreams.
#[derive(Debug)]
pub(crate) struct Upstreams {
    servers: PerWorker<Map<Server>>,
    families: ServerFamilies,
    errors: Counters,
    retries: Counters,
    dns_last_success: Arc<Readings>,
    up: Arc<Readings>,
}

/// The families that tell of connections and answers.
#[derive(Debug)]
struct ServerFamilies {
    connections: Gauges,
    requests: Counters,
    duration: Histograms,
    connect: Histograms,
}

/// What one worker counts of one server of a pool.
#[derive(Debug)]
struct Server {
    upstream: String,
    peer: String,
    connections: Arc<Gauge>,
    duration: Arc<Histogram>,
    connect: Arc<Histogram>,
    requests: Counters,
    /// By the hundreds of the status, from 1; looked up when they are needed first.
    by_class: [OnceLock<Arc<Counter>>; 5],
}

impl Upstreams {
    pub(super) fn new(make: &mut Families) -> Self {
        let reason = &["upstream", "reason"];
        Self {
            servers: make.per_worker(),
            families: ServerFamilies::new(make),
            errors: make.counters("vordr_upstream_errors_total", "Attempts that failed.", reason),
            retries: make.counters("vordr_upstream_retries_total", "Attempts made again.", reason),
            dns_last_success: make.readings(
                "vordr_upstream_dns_last_success_timestamp_seconds",
                "When that name of its servers was resolved that was resolved longest ago.",
                &["upstream"],
            ),
            up: make.readings(
                "vordr_upstream_up",
                "Whether a server may be asked: its name has an address, and it is well as far as is known.",
                &["upstream", "peer"],
            ),
        }
    }

    /// A connection to a server carries an exchange, until the guard is dropped.
    pub(crate) fn connection(&self, reached: &Reached) -> InUse {
        let (upstream, peer) = (reached.upstream(), reached.endpoint.counted.as_str());
        let server = self
            .servers
            .mine()
            .get_or_add(key(&[upstream, peer]), || Server::new(upstream, peer, &self.families));
        server.connections.inc();
        InUse { server }
    }

    /// Forgets the servers that these rules do not name.
    pub(super) fn forget(&self, named: &Named) {
        let held = |_, server: &Server| named.holds_peer(&server.upstream, &server.peer);
        self.servers.all().for_each(|servers| servers.retain(held));
    }

    /// Tells how these pools stand, and of no other: what newer rules do not have is nobody's trouble any more.
    pub(super) fn stand(&self, pools: &[PoolReport]) {
        let peers = pools.iter().flat_map(|pool| pool.peers.iter().map(move |peer| (pool, peer)));
        // A server that a pool has twice may be asked if either may.
        self.up
            .set_merged(peers.map(|(pool, peer)| ([&*pool.name, &*peer.address], peer.up.into())), f64::max);
        let resolved = pools.iter().filter_map(|pool| Some(([&*pool.name], pool.resolved.map(seconds)?)));
        self.dns_last_success.set_merged(resolved, f64::min);
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
    // A request that names no upstream reaches none.
    let meant = || exchange.table.upstreams.get(exchange.proxy()?.upstream.0);
    let meant = || meant().map_or("", |upstream| upstream.name.as_str());
    exchange.reached.as_ref().map_or_else(meant, Reached::upstream)
}

/// A connection to a server that carries an exchange.
#[derive(Debug)]
pub(crate) struct InUse {
    server: Arc<Server>,
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.server.connections.dec();
    }
}

impl InUse {
    /// The exchange has ended.
    pub(super) fn finished(&self, reached: &Reached) {
        if let Some(connect) = reached.connect {
            self.server.connect.observe(connect);
        }
        if let (Some(status), Some(answered)) = (reached.status, reached.answered) {
            self.server.answered(status);
            self.server.duration.observe(answered.duration_since(reached.chosen));
        }
    }
}

impl ServerFamilies {
    fn new(make: &mut Families) -> Self {
        Self {
            connections: make.gauges(
                "vordr_upstream_connections",
                "Connections to upstreams that carry a request or a stream.",
                &["upstream", "state"],
            ),
            requests: make.counters(
                "vordr_upstream_requests_total",
                "Requests that an upstream answered.",
                &["upstream", "peer", "code_class"],
            ),
            duration: make.seconds(
                "vordr_upstream_request_duration_seconds",
                "From choosing a server to the head of its answer.",
                &["upstream"],
                BUCKETS,
            ),
            connect: make.seconds(
                "vordr_upstream_connect_duration_seconds",
                "Connecting to a server, TLS included.",
                &["upstream"],
                BUCKETS,
            ),
        }
    }
}

impl Server {
    fn new(upstream: &str, peer: &str, families: &ServerFamilies) -> Self {
        Self {
            upstream: upstream.to_owned(),
            peer: peer.to_owned(),
            connections: families.connections.with_label_values(&[upstream, "active"]),
            duration: families.duration.with_label_values(&[upstream]),
            connect: families.connect.with_label_values(&[upstream]),
            requests: families.requests.clone(),
            by_class: Default::default(),
        }
    }

    fn answered(&self, status: u16) {
        let counter = || self.requests.with_label_values(&[&self.upstream, &self.peer, class(status)]);
        match self.by_class.get(usize::from(status / 100).saturating_sub(1)) {
            Some(known) => known.get_or_init(counter).inc(),
            None => counter().inc(),
        }
    }
}

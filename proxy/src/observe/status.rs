//! `/status`: how vordr is, as JSON.

use super::websockets::WebSockets;
use crate::gate::{Store, StoreState};
use crate::shared::Shared;
use crate::upstream::{PeerReport, PoolReport};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use vordr_rules::table::{Server, Table};

/// The whole of `/status`.
pub(crate) fn status(shared: &Shared) -> Value {
    let observer = &*shared.observer;
    let metrics = &observer.metrics;
    let current = shared.current();
    let loads = observer.loads();
    let upstreams: Vec<Value> = current.upstreams.report().iter().map(pool).collect();
    let limit_store = current.limit_store.as_ref().map(|store| limit_store(store));
    let store_is_down = limit_store.as_ref().is_some_and(|store| store["up"] == false);
    // A pool whose servers requests name has none of its own.
    let has_peers = |upstream: &Value| upstream["peers"].as_array().is_some_and(|peers| !peers.is_empty());
    let degraded =
        store_is_down || upstreams.iter().any(|upstream| upstream["up"] == 0 && has_peers(upstream));
    json!({
        "status": if degraded { "degraded" } else { "healthy" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": observer.started.elapsed().as_secs(),
        "config": { "generation": current.number, "loaded_at": rfc3339(loads.at), "last_error": loads.problem },
        "connections": { "active": metrics.connections_active.sum().count(), "lifetime": metrics.connections_total.sum().get() },
        "requests": {
            "total": metrics.total(),
            "errors": metrics.errors(),
            "in_flight": metrics.routes.in_flight(),
        },
        "websockets": websockets(&metrics.websockets),
        "event_streams": { "active": metrics.routes.open_event_streams() },
        "upstreams": upstreams,
        "refusals": observer.refusals.json(),
        "certificates": certificates(shared, &current.table),
        "limit_store": limit_store,
    })
}

/// One for each server with TLS; `null` where there is none to show yet.
fn certificates(shared: &Shared, table: &Table) -> Vec<Value> {
    let servers = table.servers.iter().filter(|server| server.tls.is_some());
    let certificate = |server: &Server| {
        let not_after = shared.certificates.not_after(server);
        json!({
            "server": server.name(),
            "hosts": server.hosts,
            "acme": server.tls.as_ref().is_some_and(|tls| tls.acme.is_some()),
            "not_after": not_after.map(rfc3339),
            "days_left": not_after.map(days_left),
        })
    };
    servers.map(certificate).collect()
}

/// Whole days; below zero where it has run out.
fn days_left(not_after: SystemTime) -> i64 {
    let days = |time: Duration| i64::try_from(time.as_secs() / 86_400).unwrap_or(i64::MAX);
    match not_after.duration_since(SystemTime::now()) {
        Ok(left) => days(left),
        Err(over) => -days(over.duration()) - 1,
    }
}

/// `null` without `limit-store`.
fn limit_store(store: &Store) -> Value {
    let state = store.state();
    let problem = match &state {
        StoreState::Down(problem) => Some(problem),
        StoreState::Unknown | StoreState::Up => None,
    };
    json!({ "address": store.address(), "up": state == StoreState::Up, "problem": problem })
}

fn websockets(websockets: &WebSockets) -> Value {
    let (lifetime, messages) = (websockets.total.sum().get(), websockets.messages.sum());
    let hundredths = (messages as f64 * 100.0 / lifetime.max(1) as f64).round();
    json!({
        "active": websockets.active.sum().count(),
        "lifetime": lifetime,
        "messages": messages,
        "messages_per_connection": hundredths / 100.0,
    })
}

fn pool(pool: &PoolReport) -> Value {
    let up = pool.peers.iter().filter(|peer| peer.up).count();
    json!({ "name": pool.name, "up": up, "peers": pool.peers.iter().map(peer).collect::<Vec<_>>() })
}

fn peer(report: &PeerReport) -> Value {
    let mut peer = json!({ "address": report.address, "up": report.up, "in_flight": report.in_flight });
    let Some(fields) = peer.as_object_mut() else { return peer };
    if let Some(problem) = &report.problem {
        fields.insert("problem".to_owned(), problem.as_str().into());
    }
    // An address that is in the rules is not told twice.
    if report.addresses.iter().any(|(address, _)| *address != report.address) {
        let addresses = report.addresses.iter().map(|(address, up)| json!({ "address": address, "up": up }));
        fields.insert("addresses".to_owned(), addresses.collect());
    }
    peer
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

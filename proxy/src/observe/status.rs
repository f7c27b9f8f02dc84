//! `/status`: how vordr is, as JSON.

use super::websockets::WebSockets;
use crate::shared::Shared;
use crate::upstream::NameStatus;
use serde_json::{Value, json};
use std::time::SystemTime;
use vordr_rules::table::ServerAddress;

/// The whole of `/status`.
pub(crate) fn status(shared: &Shared) -> Value {
    let observer = &*shared.observer;
    let metrics = &observer.metrics;
    let current = shared.current();
    let table = &current.table;
    let names = current.upstreams.names();
    let loads = observer.loads();
    let upstreams: Vec<Value> = table
        .upstreams
        .iter()
        .map(|upstream| {
            let in_flight =
                |address: &ServerAddress| metrics.upstreams.in_use(&upstream.name, &address.to_string());
            let peers: Vec<Value> = upstream
                .servers
                .iter()
                .map(|server| peer(&server.address, &names, in_flight(&server.address)))
                .collect();
            let up = peers.iter().filter(|peer| peer["up"] == true).count();
            json!({ "name": upstream.name, "up": up, "peers": peers })
        })
        .collect();
    let degraded = upstreams.iter().any(|upstream| upstream["up"] == 0);
    json!({
        "status": if degraded { "degraded" } else { "healthy" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": observer.started.elapsed().as_secs(),
        "config": { "generation": current.number, "loaded_at": rfc3339(loads.at), "last_error": loads.problem },
        "connections": { "active": metrics.connections_active.sum(), "lifetime": metrics.connections_total.sum() },
        "requests": {
            "total": metrics.total.get(),
            "errors": metrics.errors.get(),
            "in_flight": metrics.routes.in_flight.sum(),
        },
        "websockets": websockets(&metrics.websockets),
        "upstreams": upstreams,
    })
}

fn websockets(websockets: &WebSockets) -> Value {
    let (lifetime, messages) = (websockets.total.sum(), websockets.messages.get());
    let hundredths = (messages as f64 * 100.0 / lifetime.max(1) as f64).round();
    json!({
        "active": websockets.active.sum(),
        "lifetime": lifetime,
        "messages": messages,
        "messages_per_connection": hundredths / 100.0,
    })
}

fn peer(address: &ServerAddress, names: &[NameStatus], in_flight: i64) -> Value {
    let mut peer =
        json!({ "address": address.to_string(), "up": is_up(address, names), "in_flight": in_flight });
    let problem = known(address, names).and_then(|known| known.problem.clone());
    if let (Some(problem), Some(peer)) = (problem, peer.as_object_mut()) {
        peer.insert("problem".to_owned(), problem.into());
    }
    peer
}

/// A server is up while its name has an address; whether it answers is for health checks to tell.
pub(crate) fn is_up(address: &ServerAddress, names: &[NameStatus]) -> bool {
    known(address, names).is_none_or(|known| known.addresses > 0)
}

fn known<'n>(address: &ServerAddress, names: &'n [NameStatus]) -> Option<&'n NameStatus> {
    match address {
        ServerAddress::Name(name, _) => names.iter().find(|known| known.name == *name),
        _ => None,
    }
}

fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

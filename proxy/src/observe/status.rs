//! `/status`: how vordr is, as JSON.

use super::Observer;
use crate::shared::Shared;
use serde_json::{Value, json};

/// The whole of `/status`.
pub(crate) fn status(shared: &Shared) -> Value {
    let observer = &*shared.observer;
    let metrics = &observer.metrics;
    let table = shared.table.load();
    let names = shared.upstreams.names();
    let upstreams: Vec<Value> = table
        .upstreams
        .iter()
        .map(|upstream| {
            let peers: Vec<Value> =
                upstream.servers.iter().map(|server| peer(&server.address, &names)).collect();
            let up = peers.iter().filter(|peer| peer["up"] == true).count();
            json!({ "name": upstream.name, "up": up, "peers": peers })
        })
        .collect();
    let degraded = upstreams.iter().any(|upstream| upstream["up"] == 0);
    json!({
        "status": if degraded { "degraded" } else { "healthy" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": observer.started.elapsed().as_secs(),
        "config": { "generation": 1, "loaded_at": loaded_at(observer), "last_error": null },
        "connections": { "active": metrics.connections_active.sum(), "lifetime": metrics.connections_total.sum() },
        "requests": {
            "total": metrics.total.get(),
            "errors": metrics.errors.get(),
            "in_flight": metrics.in_flight_family().sum(),
        },
        "websockets": { "active": metrics.websockets_active.sum(), "lifetime": metrics.websockets_total.sum() },
        "upstreams": upstreams,
    })
}

/// A server is up while its name has an address; whether it answers is for health checks to tell.
fn peer(address: &vordr_rules::table::ServerAddress, names: &[crate::upstream::NameStatus]) -> Value {
    let known = match address {
        vordr_rules::table::ServerAddress::Name(name, _) => names.iter().find(|known| known.name == *name),
        _ => None,
    };
    let up = known.is_none_or(|known| known.addresses > 0);
    let mut peer = json!({ "address": address.to_string(), "up": up });
    if let (Some(problem), Some(peer)) =
        (known.and_then(|known| known.problem.as_ref()), peer.as_object_mut())
    {
        peer.insert("problem".to_owned(), problem.clone().into());
    }
    peer
}

fn loaded_at(observer: &Observer) -> String {
    jiff::Timestamp::try_from(observer.loaded_at)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

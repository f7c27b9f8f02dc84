//! `/routes`: each route, where it is written, and what was counted of it.

use crate::observe::RouteLook;
use crate::shared::Shared;
use serde_json::{Value, json};
use vordr_rules::table::{Location, Server, Table};

/// Every route.
pub(super) fn all(shared: &Shared) -> Value {
    let table = &shared.current().table;
    let locations = table.servers.iter().flat_map(|server| {
        server
            .locations
            .iter()
            .map(move |location| one(shared, table, server, location, &look(shared, server, location)))
    });
    locations.collect()
}

/// What was counted of a route so far.
pub(super) fn look(shared: &Shared, server: &Server, location: &Location) -> RouteLook {
    shared.observer.metrics.routes.look(server.name(), &location.name).unwrap_or_default()
}

/// One route, as it was looked at.
pub(super) fn one(
    shared: &Shared,
    table: &Table,
    server: &Server,
    location: &Location,
    look: &RouteLook,
) -> Value {
    json!({
        "server": server.name(),
        "route": location.name,
        "action": crate::server::summary(&location.action, (table, server)),
        "place": format!("{}:{}", location.place.file, location.place.line),
        "requests": look.requests,
        "errors": look.errors,
        "in_flight": look.in_flight,
        "websockets": shared.observer.metrics.websockets.open(server.name(), &location.name),
        "event_streams": look.event_streams,
        "last_error": look.last_error.as_ref().map(|error| error.json()),
    })
}

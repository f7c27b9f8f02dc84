//! What the rules name that are in use: labels come from them alone, and go with them.

use super::family::OVERFLOW;
use super::record::OTHER;
use crate::generation::Generation;
use prometheus::proto::LabelPair;
use std::collections::HashSet;
use std::sync::Arc;

/// The values that labels have by these rules.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Server and route; the server is left empty where a family does not tell of it.
    routes: HashSet<[String; 2]>,
    /// Upstream and server; the server is left empty in the same way.
    peers: HashSet<[String; 2]>,
    listeners: HashSet<String>,
}

impl Named {
    pub(crate) fn by(generations: &[Arc<Generation>]) -> Self {
        let mut named = Self::default();
        named.route(OTHER, OTHER);
        named.route(OVERFLOW, OVERFLOW);
        named.peer(OVERFLOW, OVERFLOW);
        named.listeners.insert(OVERFLOW.to_owned());
        for generation in generations {
            for server in &generation.table.servers {
                named.route(server.name(), OTHER);
                server.locations.iter().for_each(|location| named.route(server.name(), &location.name));
            }
            for pool in generation.upstreams.report() {
                // Servers that requests name are counted together.
                named.peer(&pool.name, &pool.name);
                pool.peers.iter().for_each(|peer| named.peer(&pool.name, &peer.address));
            }
            named
                .listeners
                .extend(generation.table.listeners.iter().map(|listener| listener.address.to_string()));
        }
        named
    }

    /// Whether all of these labels still mean something.
    pub(super) fn holds(&self, labels: &[LabelPair]) -> bool {
        let value = |name| labels.iter().find(|label| label.name() == name).map(LabelPair::value);
        let both = |first, second| [first, second].map(|name| value(name).unwrap_or_default().to_owned());
        match (value("route"), value("upstream"), value("listener")) {
            (Some(_), ..) => self.routes.contains(&both("server", "route")),
            (_, Some(_), _) => self.peers.contains(&both("upstream", "peer")),
            (.., Some(listener)) => self.listeners.contains(listener),
            _ => true,
        }
    }

    /// Whether a server is named, by its upstream and its address.
    pub(super) fn holds_peer(&self, upstream: &str, peer: &str) -> bool {
        self.peers.contains(&[upstream.to_owned(), peer.to_owned()])
    }

    fn route(&mut self, server: &str, route: &str) {
        self.routes.extend([server, ""].map(|server| [server.to_owned(), route.to_owned()]));
    }

    fn peer(&mut self, upstream: &str, peer: &str) {
        self.peers.extend([peer, ""].map(|peer| [upstream.to_owned(), peer.to_owned()]));
    }
}

#[cfg(test)]
impl Named {
    /// By rules with this route alone.
    pub(super) fn of_route(server: &str, route: &str) -> Self {
        let mut named = Self::default();
        named.route(server, route);
        named
    }
}

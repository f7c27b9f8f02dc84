//! How the pools stand, for `/status`, the metrics and `explain`.

use super::Upstreams;
use super::member::Member;
use super::pool::Pool;
use crate::exchange::Endpoint;
use std::sync::Arc;
use std::time::SystemTime;

/// How a pool stands.
#[derive(Debug)]
pub(crate) struct PoolReport {
    /// Its name.
    pub(crate) name: String,
    /// When that name of its servers was resolved that was resolved longest ago.
    pub(crate) resolved: Option<SystemTime>,
    /// Its servers, in the rules' order.
    pub(crate) peers: Vec<PeerReport>,
}

/// How a server of a pool stands.
#[derive(Debug)]
pub(crate) struct PeerReport {
    /// As the rules have it.
    pub(crate) address: String,
    /// Whether it may be asked, at one of its addresses.
    pub(crate) up: bool,
    /// Requests and streams under way.
    pub(crate) in_flight: usize,
    /// Why it is out, or its name not resolved.
    pub(crate) problem: Option<String>,
    /// Where its name leads to, and whether that may be asked.
    pub(crate) addresses: Vec<(String, bool)>,
}

impl Upstreams {
    /// How each pool stands.
    pub(crate) fn report(&self) -> Vec<PoolReport> {
        self.pools.iter().map(|pool| self.pool_report(pool)).collect()
    }

    fn pool_report(&self, pool: &Pool) -> PoolReport {
        let members = pool.members();
        let servers = pool.rules.servers.iter().zip(&pool.endpoints);
        let peers = servers.map(|(server, endpoint)| {
            let unresolved = self.names.problem(&server.address);
            peer_report(endpoint, &members, unresolved)
        });
        let resolved =
            pool.rules.servers.iter().filter_map(|server| self.names.last_success(&server.address));
        PoolReport { name: pool.rules.name.clone(), resolved: resolved.min(), peers: peers.collect() }
    }
}

fn peer_report(endpoint: &Arc<Endpoint>, members: &[Arc<Member>], unresolved: Option<String>) -> PeerReport {
    let own: Vec<&Arc<Member>> =
        members.iter().filter(|member| Arc::ptr_eq(&member.endpoint, endpoint)).collect();
    let out = own.iter().find_map(|member| member.standing.reason());
    PeerReport {
        address: endpoint.peer.clone(),
        up: own.iter().any(|member| member.standing.is_up()),
        in_flight: own.iter().map(|member| member.standing.in_flight()).sum(),
        problem: out.map(|reason| reason.to_string()).or(unresolved),
        addresses: own.iter().map(|member| (member.name.clone(), member.standing.is_up())).collect(),
    }
}

//! One server of a pool that can be connected to: an address of it.

use super::dial::Dialers;
use super::hash;
use super::patience::Patience;
use super::standing::Standing;
use super::sticky::Mark;
use crate::exchange::Endpoint;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// One address; or two of different families that stand for the same, tried side by side.
    Tcp(Vec<SocketAddr>),
    /// A Unix socket's path.
    Unix(String),
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(addresses) => {
                let texts: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
                f.write_str(&texts.join(" | "))
            }
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A server that can be connected to.
#[derive(Debug)]
pub(crate) struct Member {
    /// The server as the rules have it; several addresses of one name share it.
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) destination: Destination,
    /// The destination as text.
    pub(super) name: String,
    /// How many before it in its pool have the same destination.
    pub(super) place: usize,
    pub(super) weight: u32,
    /// How many requests it has at once; `None` is no limit.
    pub(super) connections: Option<usize>,
    /// What a key is held against, to find its server.
    pub(super) seed: u64,
    /// What clients are known by that stay with it.
    pub(super) mark: Option<Mark>,
    pub(super) standing: Arc<Standing>,
    pub(super) dialers: Dialers,
}

impl Member {
    pub(super) fn new(
        endpoint: &Arc<Endpoint>,
        destination: Destination,
        weight: u32,
        standing: Arc<Standing>,
        patience: &Patience,
    ) -> Self {
        let name = destination.to_string();
        Self {
            endpoint: endpoint.clone(),
            destination,
            seed: hash::of(name.as_bytes()),
            name,
            place: 0,
            weight,
            connections: None,
            mark: None,
            dialers: Dialers::new(patience, &standing.reserve),
            standing,
        }
    }

    /// Whether it takes another request.
    pub(super) fn has_place(&self) -> bool {
        self.standing.has_place(self.connections)
    }

    /// Whether both are the same server of a pool, which may have an address more than once.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.place == other.place && self.name == other.name
    }

    /// Its addresses, or its path, for the log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vordr_rules::table::ServerAddress;

    /// A server that is up.
    pub(in crate::upstream) fn member(address: &str, weight: u32) -> Arc<Member> {
        let address: SocketAddr = address.parse().unwrap();
        let endpoint = Endpoint::new("pool", &ServerAddress::Ip(address.ip(), address.port()));
        let standing = Standing::new(Arc::default());
        let destination = Destination::Tcp(vec![address]);
        Arc::new(Member::new(&Arc::new(endpoint), destination, weight, standing, &Patience::default()))
    }
}

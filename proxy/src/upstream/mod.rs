//! The pools behind vordr: their names resolved while it runs, their servers chosen, their failures named.

mod authority;
mod classify;
mod patience;
mod peer;
mod resolve;

pub(crate) use classify::classify;
pub(crate) use peer::Target;
pub(crate) use resolve::NameStatus;

use crate::exchange::Endpoint;
use crate::start_error::StartError;
use authority::Authorities;
use patience::Patience;
use resolve::Names;
use std::net::SocketAddr;
use std::sync::Arc;
use vordr_rules::table::{Action, Location, Proxy, ServerAddress, Settings, Table, Upstream, UpstreamServer};

/// Every pool's live state.
#[derive(Debug)]
pub(crate) struct Upstreams {
    names: Names,
    authorities: Authorities,
    patience: Patience,
    /// The servers of each pool, in the table's order.
    endpoints: Vec<Vec<Arc<Endpoint>>>,
}

impl Upstreams {
    /// Reads the authorities that certificates are checked against; resolving begins with [`Upstreams::resolve`].
    pub(crate) fn new(table: &Table, nameserver: Option<SocketAddr>) -> Result<Arc<Self>, StartError> {
        let mut names = Names::new(nameserver);
        let mut authorities = Authorities::new()?;
        for proxy in proxies(table) {
            if let Some(tls) = &proxy.tls {
                authorities.add(tls)?;
            }
            let servers = table.upstreams.get(proxy.upstream.0).map(|upstream| upstream.servers.as_slice());
            for server in servers.unwrap_or_default() {
                if let ServerAddress::Name(name, _) = &server.address {
                    names.add(name, proxy.resolve);
                }
            }
        }
        let endpoints = table.upstreams.iter().map(endpoints).collect();
        Ok(Arc::new(Self { names, authorities, patience: Patience::new(table), endpoints }))
    }

    /// Resolves every name, and again whenever an answer runs out, for ever.
    pub(crate) async fn resolve(self: Arc<Self>) {
        self.names.resolve().await;
    }

    /// How each name stands.
    pub(crate) fn names(&self) -> Vec<NameStatus> {
        self.names.status()
    }
}

/// Every `proxy` of the rules, those of `on-error` included.
fn proxies(table: &Table) -> impl Iterator<Item = &Proxy> {
    table.servers.iter().flat_map(|server| {
        let inner = server.locations.iter().flat_map(actions);
        inner.chain(fallbacks(&server.settings)).filter_map(|action| match action {
            Action::Proxy(proxy) => Some(&**proxy),
            _ => None,
        })
    })
}

fn actions(location: &Location) -> impl Iterator<Item = &Action> {
    std::iter::once(&location.action).chain(fallbacks(&location.settings))
}

fn fallbacks(settings: &Settings) -> impl Iterator<Item = &Action> {
    settings.on_error.iter().map(|on_error| &on_error.action)
}

fn endpoints(upstream: &Upstream) -> Vec<Arc<Endpoint>> {
    let named = |server: &UpstreamServer| Arc::new(Endpoint::new(&upstream.name, &server.address));
    upstream.servers.iter().map(named).collect()
}

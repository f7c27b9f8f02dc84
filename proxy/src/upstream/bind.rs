//! `bind` towards an upstream: connections come from an address that the rules choose.

use super::dial::Dialer;
use super::hash;
use crate::exchange::Failure;
use async_trait::async_trait;
use pingora_core::Result;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::upstreams::peer::HttpPeer;
use std::net::SocketAddr as InetSocketAddr;
use std::sync::Arc;

/// Connects as another does, from an address of its own.
#[derive(Debug)]
struct Bound {
    own: InetSocketAddr,
    dialer: Arc<Dialer>,
}

/// A dialer from this address; such connections are told apart by it from all others of the peer.
pub(super) fn bound(
    peer: &mut HttpPeer,
    own: InetSocketAddr,
    dialer: &Arc<Dialer>,
) -> Arc<dyn Connect + Send + Sync> {
    peer.group_key = hash::both(peer.group_key, hash::of(own.to_string().as_bytes()));
    Arc::new(Bound { own, dialer: dialer.clone() })
}

/// The address of a server that can be connected to from this one.
pub(super) fn reachable(
    own: InetSocketAddr,
    addresses: &[InetSocketAddr],
) -> std::result::Result<InetSocketAddr, Failure> {
    let fitting = addresses.iter().find(|address| address.is_ipv6() == own.is_ipv6());
    fitting
        .copied()
        .ok_or_else(|| Failure::Internal(format!("no address of the server is of {own}'s family")))
}

#[async_trait]
impl Connect for Bound {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        self.dialer.connect_from(Some(self.own), address).await
    }
}

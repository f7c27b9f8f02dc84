//! `proxy-protocol` towards an upstream: each connection begins with a PROXY header, ahead of TLS.

use super::hash;
use crate::exchange::Exchange;
use crate::proxy_header::{Introduced, write};
use async_trait::async_trait;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{ErrorType, OrErr, Result};
use std::net::{Ipv4Addr, SocketAddr as InetSocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// How long a connection is kept for its client's next request; nobody else's can use it.
const KEPT: Duration = Duration::from_secs(10);

/// Connects as another does, and says whom the connection is for.
#[derive(Debug)]
struct Announcing {
    header: Vec<u8>,
    dialer: Arc<dyn Connect + Send + Sync>,
}

/// A dialer that sends this header first; such connections are told apart by it from all others of the peer.
pub(super) fn announcing(
    peer: &mut HttpPeer,
    header: Vec<u8>,
    dialer: Arc<dyn Connect + Send + Sync>,
) -> Arc<dyn Connect + Send + Sync> {
    peer.group_key = hash::both(peer.group_key, hash::of(&header));
    peer.options.idle_timeout = Some(peer.options.idle_timeout.map_or(KEPT, |idle| idle.min(KEPT)));
    Arc::new(Announcing { header, dialer })
}

#[async_trait]
impl Connect for Announcing {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let mut stream = self.dialer.connect(address).await?;
        let sent = async {
            stream.write_all(&self.header).await?;
            stream.flush().await
        };
        sent.await.or_err(ErrorType::WriteError, "sending the PROXY header")?;
        Ok(stream)
    }
}

/// The header for an exchange's client. Where it came through others that are trusted, its port may not be known.
pub(super) fn header(version: u8, exchange: &Exchange) -> Vec<u8> {
    let public = &exchange.public;
    let client = InetSocketAddr::new(public.client.address, public.client_port.unwrap_or(0));
    let introduced = match exchange.arrival.ends {
        Some((_, to)) => Introduced::Client { client, to },
        None if exchange.is_by_socket() => Introduced::Itself,
        None => Introduced::Client { client, to: InetSocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0) },
    };
    write(version, introduced)
}

/// The header of a health check, which is nobody's but vordr's.
pub(super) fn of_a_check(version: u8) -> Vec<u8> {
    write(version, Introduced::Itself)
}

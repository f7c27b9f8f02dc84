//! How a request came, and who asks.

use super::handshake::Handshake;
use http::HeaderValue;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use vordr_rules::table::ListenerId;

/// How a request came.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The listener.
    pub listener: ListenerId,
    /// The connection's number, counted from 1 since vordr started; a stream of HTTP/2 has one of its own.
    pub connection: u64,
    /// Who is at the other end of the connection.
    pub peer: Client,
    /// Both ends of the connection, the client's first, as far as is known; `None` on a Unix socket.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// Both ends by the PROXY header that the connection began with, believed or not; `None` where none came, or one that
    /// names nobody.
    pub introduced: Option<(SocketAddr, SocketAddr)>,
    /// The port that was connected to; 0 on a Unix socket.
    pub local_port: u16,
    /// What the connection's TLS handshake came to; `None` in the clear.
    pub tls: Option<Arc<Handshake>>,
    /// Whether it came in the clear where TLS is spoken.
    pub lacks_tls: bool,
    /// Whether it is one stream of an HTTP/2 connection, which to Pingora looks like HTTP/1.1.
    pub http2: bool,
    /// When the first byte of its head came.
    pub started: Instant,
    /// When the connection was accepted.
    pub opened: Instant,
    /// How many requests have come on the connection, this one among them.
    pub requests: u64,
    /// How many bytes its head has.
    pub head: u64,
    /// Whether it came before the answer to the one before it was over.
    pub pipelined: bool,
}

/// How many connections of clients' there are, as nginx counts them.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// All of them.
    pub active: u64,
    /// Those on which a head is being read.
    pub reading: u64,
    /// Requests under way.
    pub writing: u64,
    /// Those that wait for a request.
    pub waiting: u64,
}

/// An address, and its text, which is written once for a connection and read several times in an exchange.
#[derive(Debug, Clone)]
pub struct Client {
    /// The address.
    pub address: IpAddr,
    /// The address as text.
    pub text: HeaderValue,
}

impl Client {
    /// Whoever is at the other end of a Unix socket: somebody on this machine.
    pub fn local() -> Self {
        IpAddr::V4(Ipv4Addr::LOCALHOST).into()
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        self.text.to_str().unwrap_or_default()
    }
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        let text = HeaderValue::try_from(address.to_string());
        Self { address, text: text.unwrap_or(HeaderValue::from_static("")) }
    }
}

/// The request as the public knows it, forwarded headers of trusted proxies believed.
#[derive(Debug, Clone)]
pub struct Public {
    /// The client.
    pub client: Client,
    /// Its port, where that is known.
    pub client_port: Option<u16>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host, with its port where one was written.
    pub host: HeaderValue,
    /// The port.
    pub port: u16,
    /// Whether the other end of the connection is a trusted proxy.
    pub through_trusted: bool,
    /// Whether the client's address is what a server or a location has taken from its header, or the PROXY header.
    pub is_told: bool,
}

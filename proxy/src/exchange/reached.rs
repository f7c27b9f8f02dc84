//! The server of a pool that a request was sent to.

use http::HeaderValue;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vordr_rules::table::ServerAddress;

/// A server of a pool, as headers, logs and metrics name it.
#[derive(Debug)]
pub struct Endpoint {
    /// The pool's name.
    pub upstream: String,
    /// The server, as the rules have it.
    pub peer: String,
    /// The server, as metrics know it: no client makes a name for one.
    pub counted: String,
    /// Its authority without the default port of http.
    pub http: HeaderValue,
    /// Its authority without the default port of https.
    pub https: HeaderValue,
}

/// An upstream that was reached, or was to be.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The server.
    pub endpoint: Arc<Endpoint>,
    /// Whether TLS is spoken with it.
    pub tls: bool,
    /// The cookie by which the client is to stay with it, where it does not have that yet.
    pub cookie: Option<HeaderValue>,
    /// When it was chosen.
    pub chosen: Instant,
    /// How long the connection took; `None` where a kept one was used.
    pub connect: Option<Duration>,
    /// Whether a kept connection was used.
    pub reused: bool,
    /// The status it answered.
    pub status: Option<u16>,
    /// When its answer's head came.
    pub answered: Option<Instant>,
    /// When its answer's end came.
    pub over: Option<Instant>,
    /// Bytes of the request's head and of its answer's, where the rules ask for them.
    pub heads: (u64, u64),
    /// When the present attempt began, and the address that it goes to; `None` before.
    pub attempt: Option<(Instant, Option<SocketAddr>)>,
}

impl Endpoint {
    /// A server of the pool `upstream`.
    pub fn new(upstream: &str, address: &ServerAddress) -> Self {
        let peer = address.to_string();
        let host = match address {
            ServerAddress::Srv(name) => name.as_str(),
            // A Unix socket has no authority, and HTTP/1.1 no request without one.
            ServerAddress::Unix(_) => "localhost",
            ServerAddress::Ip(..) | ServerAddress::Name(..) => peer.as_str(),
        };
        let authority = |usual: &str| {
            let authority = host.strip_suffix(usual).unwrap_or(host);
            HeaderValue::try_from(authority).unwrap_or(HeaderValue::from_static(""))
        };
        let (http, https) = (authority(":80"), authority(":443"));
        Self { upstream: upstream.to_owned(), counted: peer.clone(), peer, http, https }
    }

    /// None of the pool's servers: what is told is its name.
    pub fn of_pool(upstream: &str) -> Self {
        let name = || upstream.to_owned();
        let nobody = HeaderValue::from_static("");
        Self { upstream: name(), peer: name(), counted: name(), http: nobody.clone(), https: nobody }
    }

    /// A server that a request named.
    pub fn of_requests(upstream: &str, address: &ServerAddress) -> Self {
        Self { counted: upstream.to_owned(), ..Self::new(upstream, address) }
    }
}

impl Reached {
    /// The pool's name.
    pub fn upstream(&self) -> &str {
        &self.endpoint.upstream
    }

    /// The server's authority, as it stands in a Host header.
    pub fn authority(&self) -> &HeaderValue {
        if self.tls { &self.endpoint.https } else { &self.endpoint.http }
    }
}

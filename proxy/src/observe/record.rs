//! What is written of one exchange.

use crate::exchange::{Exchange, Failure};
use crate::websocket::Tunnel;
use http::HeaderMap;
use http::request::Parts;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use vordr_rules::table::Address;

/// An exchange, seen from its end (or, for a WebSocket, from its opening too).
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Its request's head.
    pub request: &'a Parts,
    /// The headers of the answer, as they were sent; `None` where there was none.
    pub answer: Option<&'a HeaderMap>,
    /// The status the client got; what the failure stands for where it got none.
    pub status: u16,
    /// When it ended, or opened.
    pub ended: Instant,
    /// The WebSocket whose end this tells of.
    pub tunnel: Option<&'a Tunnel>,
}

impl Record<'_> {
    /// Since the first byte of its head.
    pub(super) fn duration(&self) -> Duration {
        self.ended.duration_since(self.exchange.arrival.started)
    }

    /// Until the first byte of its answer.
    pub(super) fn time_to_first_byte(&self) -> Option<Duration> {
        Some(self.exchange.first_byte?.duration_since(self.exchange.arrival.started))
    }

    /// Whether it became, or was to become, a stream that lives as long as both sides like.
    pub(super) fn is_stream(&self) -> bool {
        self.status == 101 || self.exchange.event_stream
    }

    /// `HTTP/1.1`
    pub(crate) fn protocol(&self) -> &'static str {
        match self.request.version {
            _ if self.exchange.arrival.http2 => "HTTP/2",
            http::Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        }
    }
}

/// Stands for a server or a route where there is none.
pub(super) const OTHER: &str = "_other";

/// The labels of an exchange: its server, and its route as written.
pub(super) fn labels(exchange: &Exchange) -> (&str, &str) {
    let route = exchange.route().map_or(OTHER, |location| location.name.as_str());
    let server = exchange.server().map_or(OTHER, |server| server.name());
    (server, route)
}

/// A request that was refused before it reached a route.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// Why.
    pub failure: Failure,
    /// Where it came in, as the rules have it.
    pub listener: Address,
    /// Its connection's number.
    pub connection: u64,
    /// Its first line, where that came whole.
    pub line: Option<Box<[u8]>>,
    /// Whose it was; `None` on a Unix socket.
    pub peer: Option<SocketAddr>,
    /// When its first byte came, or its connection.
    pub since: Instant,
    /// Bytes of its answer's body; `None` where it was closed, or its stream reset, without an answer.
    pub answered: Option<u64>,
}

impl Rejection {
    /// It was answered with a body of so many bytes.
    pub(crate) fn answered(self, bytes: usize) -> Self {
        Self { answered: Some(bytes as u64), ..self }
    }

    /// Whose it was; `-` on a Unix socket.
    pub(super) fn client(&self) -> String {
        self.peer.map_or_else(|| "-".to_owned(), |peer| peer.ip().to_string())
    }
}

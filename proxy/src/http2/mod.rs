//! HTTP/2 from clients (RFC 9113): each stream is served as a connection of HTTP/1.1 that carries one request.
//!
//! Why it is done so is told in docs/decisions/0004-http2-streams-are-connections.md.

mod answer;
mod bounds;
mod connection;
mod faults;
mod frames;
mod request;
mod stream;
mod wire;

pub(crate) use connection::serve;
pub(crate) use frames::PREFACE;
pub(crate) use stream::Http2Stream;

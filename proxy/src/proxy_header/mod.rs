//! The PROXY protocol, versions 1 and 2: whom a connection is made for, said ahead of everything else
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).

mod read;
mod write;

pub(crate) use read::{Read, read};
pub(crate) use write::write;

use std::net::SocketAddr;

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// What version 1 begins with.
const WORD: &[u8] = b"PROXY ";

/// Whom a connection is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Introduced {
    /// For whoever makes it, as a health check is; or for somebody without an address.
    Itself,
    /// For this client, who connected `to` this address.
    Client { client: SocketAddr, to: SocketAddr },
}

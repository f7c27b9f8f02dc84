//! What a TLS handshake came to, as far as the exchanges on its connection care.

use http::HeaderValue;

/// The HTTP that client and vordr agreed upon in the handshake (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, or nothing was said.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A TLS handshake that succeeded.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// As the log writes it: `TLSv1.3`.
    pub version: &'static str,
    /// By OpenSSL's name.
    pub cipher: &'static str,
    /// The host that the client named; empty where it named none.
    pub name: String,
    /// Whether the client took up an earlier session.
    pub resumed: bool,
    /// What is spoken from now on.
    pub protocol: Protocol,
    /// Whose certificate the client showed, as RFC 4514 writes names; `None` where it showed none.
    pub subject: Option<HeaderValue>,
    /// The `client-ca` it was held against, and whether one was required: that of the server that SNI named.
    pub client_ca: Option<(String, bool)>,
}

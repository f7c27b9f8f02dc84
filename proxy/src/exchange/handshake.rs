//! What a TLS handshake came to, as far as the exchanges on its connection care.

use http::HeaderValue;
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use vordr_rules::table::ClientCa;

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
    /// By which group keys were agreed upon, as OpenSSL calls it.
    pub group: &'static str,
    /// The certificate that the client showed.
    pub shown: Option<CertificateDer<'static>>,
    /// What came of holding it against the authorities.
    pub verdict: Verdict,
    /// Whose certificate that is, as RFC 4514 writes names; `None` where none was shown that holds.
    pub subject: Option<HeaderValue>,
    /// The `client-ca` it was held against: that of the server that SNI named.
    pub client_ca: Option<Arc<ClientCa>>,
}

/// What came of holding a client's certificate against the authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// None was shown.
    NoneShown,
    /// It holds.
    Holds,
    /// It does not; why, in OpenSSL's words.
    Fails {
        /// Why.
        why: &'static str,
        /// Whether all that is wrong is that nobody knows who made it out.
        is_unknown: bool,
    },
}

impl Verdict {
    /// As nginx writes it.
    pub fn text(&self) -> String {
        match self {
            Self::NoneShown => "NONE".to_owned(),
            Self::Holds => "SUCCESS".to_owned(),
            Self::Fails { why, .. } => format!("FAILED:{why}"),
        }
    }
}

//! TLS of a server on its listeners.

use super::{Acme, TlsVersion};
use http::HeaderValue;
use std::time::Duration;

/// What a server shows and asks for in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Paths of the certificate chain and key, both PEM.
    pub certificate: Option<(String, String)>,
    /// The certificate comes from ACME.
    pub acme: Option<Acme>,
    /// Versions offered, lowest first; never empty.
    pub versions: Vec<TlsVersion>,
    /// CA file against which client certificates are checked, and whether one is required.
    pub client_ca: Option<(String, bool)>,
    /// `Strict-Transport-Security`.
    pub hsts: Option<Hsts>,
}

/// `hsts`: browsers are to come by https alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hsts {
    /// How long they shall keep to it.
    pub age: Duration,
    /// Whether sub-domains are meant too.
    pub subdomains: bool,
    /// The value of `Strict-Transport-Security` (RFC 6797, section 6.1).
    pub value: HeaderValue,
}

impl Hsts {
    /// Writes the header's value once for all answers.
    pub fn new(age: Duration, subdomains: bool) -> Self {
        let more = if subdomains { "; includeSubDomains" } else { "" };
        let value = HeaderValue::try_from(format!("max-age={}{more}", age.as_secs()));
        Self { age, subdomains, value: value.unwrap_or(HeaderValue::from_static("max-age=0")) }
    }
}

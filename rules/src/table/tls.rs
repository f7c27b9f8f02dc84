//! TLS of a server on its listeners.

use super::{Acme, TlsVersion};
use http::HeaderValue;
use std::time::Duration;

/// What a server shows and asks for in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Of which each client is shown one whose key it can verify; none where they come from ACME.
    pub certificates: Vec<CertificateFiles>,
    /// Every handshake is refused, and no certificate needed.
    pub rejects: bool,
    /// How clients take up an earlier session.
    pub sessions: Sessions,
    /// The certificate comes from ACME.
    pub acme: Option<Acme>,
    /// Versions offered, lowest first; never empty.
    pub versions: Vec<TlsVersion>,
    /// Clients are asked for certificates, and these held against authorities.
    pub client_ca: Option<ClientCa>,
    /// `Strict-Transport-Security`.
    pub hsts: Option<Hsts>,
}

/// The paths that a certificate is read from, as the rules have them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// The chain, PEM.
    pub chain: String,
    /// Its key, PEM.
    pub key: String,
    /// Passwords, one a line, that the key may be encrypted with.
    pub passwords: Option<String>,
}

/// `client-ca`: what clients' certificates are held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCa {
    /// The authorities' file, PEM, which clients are told of; `None` where no authority is known.
    pub file: Option<String>,
    /// A file of more of them, which clients are not told of.
    pub more: Option<String>,
    /// A file of lists of certificates that are revoked: each authority needs one.
    pub crl: Option<String>,
    /// How many certificates may stand between a client's and an authority's; `None`: as many as are sound.
    pub depth: Option<usize>,
    /// Whether a certificate must be shown.
    pub require: bool,
    /// What becomes of who shows none that holds.
    pub on_failure: ClientFailure,
}

/// `sessions`: how clients take up an earlier session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sessions {
    /// By tickets, which the client keeps.
    #[default]
    Tickets,
    /// By a number of what vordr keeps.
    Kept,
    /// Not at all.
    Off,
}

impl Sessions {
    /// All of them, with their names.
    pub const NAMES: [(Self, &'static str); 3] =
        [(Self::Tickets, "tickets"), (Self::Kept, "kept"), (Self::Off, "off")];

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }
}

/// What becomes of a client that shows no certificate that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientFailure {
    /// Its handshake fails.
    #[default]
    Close,
    /// It is answered 400.
    Answer,
    /// The same; but whose authority is not known is let in.
    Admit,
}

impl ClientFailure {
    /// All of them, with their names.
    pub const NAMES: [(Self, &'static str); 3] =
        [(Self::Close, "close"), (Self::Answer, "answer"), (Self::Admit, "admit")];

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }
}

impl ClientCa {
    /// The files that it is made of.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        [&self.file, &self.more, &self.crl].into_iter().flatten()
    }
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

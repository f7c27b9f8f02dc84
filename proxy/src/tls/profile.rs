//! What a handshake is done with: one `ServerConfig` for all servers of a listener that ask for the same.

use super::certificate::Certificate;
use super::certificates::Certificates;
use super::client::{Authorities, Judge, Verifier};
use super::provider;
use crate::exchange::Protocol;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache,
    StoresServerSessions,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, ServerConfig, SupportedProtocolVersion, version};
use std::io;
use std::sync::Arc;
use vordr_rules::table::{ClientCa, ListenerId, ServerTls, Sessions, Table, TlsVersion};

/// The protocols offered by ALPN, the most wanted first.
pub(super) const OFFERED: &[&[u8]] = &[b"h2", b"http/1.1"];

/// What was agreed upon.
pub(super) fn protocol(alpn: Option<&[u8]>) -> Protocol {
    if alpn == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 }
}

/// Both directions of a handshake, apart from the certificate: who asks for the same shares tickets too. Nobody else
/// does, as a ticket stands for the client certificate that was checked when it was given out.
#[derive(Debug)]
pub(super) struct Profile {
    versions: Vec<TlsVersion>,
    sessions: Sessions,
    /// The authorities' files as they were read, so that a new one is a new profile.
    authorities: Option<Authorities>,
    judge: Option<Arc<Judge>>,
    tickets: Arc<dyn ProducesTickets>,
    kept: Arc<dyn StoresServerSessions>,
}

/// How many sessions are kept for those who ask for the same.
const SESSIONS: usize = 4096;

/// Why clients cannot be asked for certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityFlaw {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// There is none in it, or one that cannot be read.
    #[error("there is no certificate in it that can be used (PEM, `-----BEGIN CERTIFICATE-----`)")]
    NoAuthority,
    /// The same of the lists of what is revoked.
    #[error(
        "there is no revocation list in it that can be used (PEM, `-----BEGIN X509 CRL-----`, version 2)"
    )]
    NoList,
    /// rustls refuses to begin.
    #[error("{0}")]
    Tls(#[from] Error),
}

impl Profile {
    /// What a server asks for, its authorities read.
    pub(super) fn read(tls: &ServerTls) -> Result<Self, AuthorityFlaw> {
        let authorities = tls.client_ca.as_ref().map(Authorities::read).transpose()?;
        let judge = authorities.as_ref().map(Authorities::judge).transpose()?.map(Arc::new);
        let kept: Arc<dyn StoresServerSessions> = match tls.sessions {
            Sessions::Off => Arc::new(NoServerSessionStorage {}),
            Sessions::Tickets | Sessions::Kept => ServerSessionMemoryCache::new(SESSIONS),
        };
        let (versions, sessions) = (tls.versions.clone(), tls.sessions);
        Ok(Self { versions, sessions, authorities, judge, tickets: Ticketer::new()?, kept })
    }

    /// Whether a server asks for this.
    pub(super) fn serves(&self, tls: &ServerTls) -> bool {
        let asks: Option<&ClientCa> = self.authorities.as_ref().map(Authorities::asks);
        self.versions == tls.versions && self.sessions == tls.sessions && asks == tls.client_ca.as_ref()
    }

    /// Whether the other one asks for the same, of the same authorities.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.versions == other.versions
            && self.sessions == other.sessions
            && self.authorities == other.authorities
    }

    /// Whoever holds clients' certificates against the authorities.
    pub(super) fn judge(&self) -> Option<Arc<Judge>> {
        self.judge.clone()
    }

    /// The configuration that goes with it, where certificates come from `shown`.
    pub(super) fn config(&self, shown: Shown) -> Result<ServerConfig, AuthorityFlaw> {
        let versions: Vec<_> = self.versions.iter().copied().map(spoken).collect();
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&versions)?;
        let builder = match &self.judge {
            None => builder.with_no_client_auth(),
            Some(judge) => builder.with_client_cert_verifier(Arc::new(Verifier(judge.clone()))),
        };
        let mut config = builder.with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = OFFERED.iter().map(|name| name.to_vec()).collect();
        config.session_storage = self.kept.clone();
        match self.sessions {
            Sessions::Tickets => config.ticketer = self.tickets.clone(),
            Sessions::Kept => {}
            Sessions::Off => config.send_tls13_tickets = 0,
        }
        // The server's order holds, as it is the one that is looked after.
        config.ignore_client_order = true;
        Ok(config)
    }
}

/// For a client that checks a challenge: it is shown one certificate, and offered nothing else.
pub(super) fn challenge(shown: &Certificate, protocol: &[u8]) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let resolver = SingleCertAndKey::from(CertifiedKey::clone(&shown.key()));
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

fn spoken(version: TlsVersion) -> &'static SupportedProtocolVersion {
    match version {
        TlsVersion::Tls12 => &version::TLS12,
        TlsVersion::Tls13 => &version::TLS13,
    }
}

/// Chooses the certificate: SNI names a host, the host has a server on this listener, the server has certificates, and
/// the client can verify one of them.
#[derive(Debug)]
pub(super) struct Shown {
    pub table: Arc<Table>,
    pub listener: ListenerId,
    pub certificates: Arc<Certificates>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default();
        let server = self.table.binding(self.listener, name)?.server;
        let held = self.certificates.of_server(self.table.servers.get(server.0)?, name);
        let fitting = held.iter().find(|certificate| certificate.is_for(hello.signature_schemes()));
        // Where none fits, rustls says why.
        fitting.or(held.first()).map(|certificate| certificate.key())
    }
}

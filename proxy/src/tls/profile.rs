//! What a handshake is done with: one `ServerConfig` for all servers of a listener that ask for the same.

use super::certificate::Certificate;
use super::certificates::Certificates;
use super::provider;
use crate::exchange::Protocol;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::io;
use std::sync::Arc;
use vordr_rules::table::{ListenerId, ServerTls, Table, TlsVersion};

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
    client_ca: Option<(String, bool)>,
    /// The authorities' file as it was read, so that a new one is a new profile.
    authorities: Vec<CertificateDer<'static>>,
    tickets: Arc<dyn ProducesTickets>,
}

/// Why clients cannot be asked for certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityFlaw {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// There is none in it, or one that cannot be read.
    #[error("there is no certificate in it that can be used (PEM, `-----BEGIN CERTIFICATE-----`)")]
    NoAuthority,
    /// rustls refuses to begin.
    #[error("{0}")]
    Tls(#[from] Error),
}

impl Profile {
    /// What a server asks for, its authorities read.
    pub(super) fn read(tls: &ServerTls) -> Result<Self, AuthorityFlaw> {
        let authorities = match &tls.client_ca {
            Some((path, _)) => read_authorities(path)?,
            None => Vec::new(),
        };
        let (versions, client_ca) = (tls.versions.clone(), tls.client_ca.clone());
        Ok(Self { versions, client_ca, authorities, tickets: Ticketer::new()? })
    }

    /// Whether a server asks for this.
    pub(super) fn serves(&self, tls: &ServerTls) -> bool {
        self.versions == tls.versions && self.client_ca == tls.client_ca
    }

    /// Whether the other one asks for the same, of the same authorities.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.versions == other.versions
            && self.client_ca == other.client_ca
            && self.authorities == other.authorities
    }

    /// The configuration that goes with it, where certificates come from `shown`.
    pub(super) fn config(&self, shown: Shown) -> Result<ServerConfig, AuthorityFlaw> {
        let versions: Vec<_> = self.versions.iter().copied().map(spoken).collect();
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&versions)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some((_, require)) => {
                let roots = Arc::new(roots(&self.authorities)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                let verifier = if *require { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().map_err(|_| AuthorityFlaw::NoAuthority)?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(shown));
        config.alpn_protocols = OFFERED.iter().map(|name| name.to_vec()).collect();
        config.ticketer = self.tickets.clone();
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

/// Reads the authorities that clients' certificates must come from.
pub(super) fn read_authorities(path: &str) -> Result<Vec<CertificateDer<'static>>, AuthorityFlaw> {
    let pem = std::fs::read(path)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| AuthorityFlaw::NoAuthority)?;
    roots(&found)?;
    Ok(found)
}

fn roots(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, AuthorityFlaw> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(|_| AuthorityFlaw::NoAuthority)?;
    }
    if roots.is_empty() { Err(AuthorityFlaw::NoAuthority) } else { Ok(roots) }
}

/// Chooses the certificate: SNI names a host, the host has a server on this listener, the server has a certificate.
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
        let shown = self.certificates.of_server(self.table.servers.get(server.0)?, name)?;
        Some(shown.key())
    }
}

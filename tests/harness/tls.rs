//! A client that speaks TLS, and remembers its sessions.

use super::certificates::{Authority, Pair};
use super::client::Client;
use super::within;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
};

/// A client that believes one authority.
#[derive(Clone)]
pub(crate) struct TlsClient {
    roots: Arc<RootCertStore>,
    versions: Vec<&'static SupportedProtocolVersion>,
    config: Arc<ClientConfig>,
}

/// A connection after its handshake.
pub(crate) struct Secured {
    pub(crate) client: Client,
    /// What the server showed.
    pub(crate) shown: CertificateDer<'static>,
    pub(crate) kind: HandshakeKind,
    pub(crate) version: ProtocolVersion,
    pub(crate) group: Option<NamedGroup>,
    pub(crate) alpn: Option<Vec<u8>>,
}

impl TlsClient {
    /// With TLS 1.2 and 1.3.
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::with_versions(authority, &[&TLS13, &TLS12])
    }

    /// With TLS 1.2 alone.
    pub(crate) fn of_tls12(authority: &Authority) -> Self {
        Self::with_versions(authority, &[&TLS12])
    }

    fn with_versions(authority: &Authority, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).expect("an authority");
        let (roots, versions) = (Arc::new(roots), versions.to_vec());
        let config = Arc::new(config(&roots, &versions, None));
        Self { roots, versions, config }
    }

    /// With a certificate of its own.
    pub(crate) fn showing(&self, pair: &Pair) -> Self {
        Self { config: Arc::new(config(&self.roots, &self.versions, Some(pair))), ..self.clone() }
    }

    /// Offering protocols by ALPN.
    pub(crate) fn offering(&self, protocols: &[&str]) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// Saying nobody's name.
    pub(crate) fn without_sni(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.enable_sni = false;
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// Connects, and demands a certificate for `name`.
    pub(crate) async fn connect(&self, address: SocketAddr, name: &str) -> io::Result<Secured> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let socket = within(TcpStream::connect(address)).await?;
        socket.set_nodelay(true)?;
        let stream = within(TlsConnector::from(self.config.clone()).connect(name, socket)).await?;
        let session = stream.get_ref().1;
        Ok(Secured {
            shown: session.peer_certificates().expect("a certificate")[0].clone(),
            kind: session.handshake_kind().expect("a handshake"),
            version: session.protocol_version().expect("a version"),
            group: session.negotiated_key_exchange_group().map(|group| group.name()),
            alpn: session.alpn_protocol().map(<[u8]>::to_vec),
            client: Client::over(stream),
        })
    }
}

fn config(
    roots: &Arc<RootCertStore>,
    versions: &[&'static SupportedProtocolVersion],
    shown: Option<&Pair>,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots.clone());
    match shown {
        None => builder.with_no_client_auth(),
        Some(pair) => builder
            .with_client_auth_cert(vec![pair.der.clone()], pair.key_der())
            .expect("a certificate and its key"),
    }
}

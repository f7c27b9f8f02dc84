//! A client that does nothing but TLS handshakes: `handshakes ADDRESS CA-FILE COUNT full|resumed`.
//!
//! TLS 1.3 with X25519 for all, so that every server does the same work. Each connection is ended in an orderly way,
//! which brings the tickets of the next one. A resumed run that is not resumed fails.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, RootCertStore};

/// How many are under way at a time, each with sessions of its own.
const CLIENTS: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let mut next = || words.next().ok_or("handshakes ADDRESS CA-FILE COUNT full|resumed");
    let address: SocketAddr = next()?.parse()?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(next()?)?)?;
    let (count, resumed): (usize, bool) = (next()?.parse()?, next()? == "resumed");
    let provider =
        CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519], ..aws_lc_rs::default_provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let clients = (0..CLIENTS).map(|_| tokio::spawn(client(config.clone(), address, count / CLIENTS, resumed)));
        for client in clients.collect::<Vec<_>>() {
            client.await??;
        }
        Ok(())
    })
}

async fn client(mut config: ClientConfig, address: SocketAddr, count: usize, resumed: bool) -> std::io::Result<()> {
    config.resumption = if resumed { Resumption::in_memory_sessions(4) } else { Resumption::disabled() };
    let connector = TlsConnector::from(Arc::new(config));
    // The first handshake of a resumed run is a full one, and one among many.
    for number in 0..count {
        let kind = handshake(&connector, address).await?;
        if resumed && number > 0 && kind != Some(HandshakeKind::Resumed) {
            return Err(std::io::Error::other("a session was not resumed"));
        }
    }
    Ok(())
}

async fn handshake(connector: &TlsConnector, address: SocketAddr) -> std::io::Result<Option<HandshakeKind>> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let name = ServerName::try_from("bench.test").map_err(std::io::Error::other)?;
    let mut stream = connector.connect(name, socket).await?;
    stream.shutdown().await?;
    // A server need not say goodbye to a client that has.
    let _ = stream.read(&mut [0]).await;
    Ok(stream.get_ref().1.handshake_kind())
}

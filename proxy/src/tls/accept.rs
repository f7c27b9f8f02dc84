//! A client's TLS handshake, and what it means that it failed.

use super::client::Judge;
use super::door::{Door, Entry};
use super::profile::protocol;
use crate::connection::{TLS_HANDSHAKE, Transport};
use crate::exchange::{Handshake, Verdict, subject};
use rustls::server::Acceptor;
use rustls::{
    CipherSuite, Error, HandshakeKind, NamedGroup, PeerIncompatible, ProtocolVersion, ServerConnection,
    SupportedCipherSuite,
};
use rustls_pki_types::UnixTime;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_rustls::LazyConfigAcceptor;

/// The alert of that name, fatal (RFC 8446, section 6).
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];

/// A connection without a handshake.
#[derive(Debug)]
pub(crate) enum NoHandshake {
    /// The client went away without a word, as probes do; or it has checked a challenge. All is well.
    Over,
    /// The client speaks HTTP in the clear; it can be answered.
    PlainHttp(Transport),
    /// The handshake failed.
    Failed(Failed),
}

/// Why a handshake failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// For the metrics.
    pub reason: &'static str,
    /// For the log.
    pub detail: String,
}

/// Does a handshake; how long it may take is for the caller to say.
pub(crate) async fn accept(door: &Door, transport: Transport) -> Result<(Transport, Handshake), NoHandshake> {
    match transport.first_byte().await {
        Ok(None) => return Err(NoHandshake::Over),
        Ok(Some(first)) if first.is_ascii_uppercase() => return Err(NoHandshake::PlainHttp(transport)),
        Ok(Some(TLS_HANDSHAKE)) => {}
        Ok(Some(_)) => return Err(NoHandshake::Failed(Failed::new("not_tls", "this is no TLS"))),
        // The client reset the connection before it said anything.
        Err(_) => return Err(NoHandshake::Over),
    }
    let start = pin!(LazyConfigAcceptor::new(Acceptor::default(), transport)).await.map_err(failed)?;
    let Some(entry) = door.entry(&start.client_hello()) else {
        return Err(NoHandshake::Failed(Failed::new("no_challenge", "no challenge is held for this name")));
    };
    if entry.rejects {
        let mut transport = start.io;
        // Who has gone needs no word.
        let _ = transport.write_all(UNRECOGNIZED_NAME).await;
        let _ = transport.shutdown().await;
        return Err(NoHandshake::Failed(Failed::new("rejected", "the rules reject this name")));
    }
    let mut stream = start.into_stream(entry.config.clone()).await.map_err(failed)?;
    if entry.is_challenge {
        // Whoever checked it has seen what it came for.
        let _ = stream.shutdown().await;
        return Err(NoHandshake::Over);
    }
    let handshake = handshake(stream.get_ref().1, entry);
    Ok((Transport::Tls(Box::new(stream)), handshake))
}

fn handshake(session: &ServerConnection, entry: Entry) -> Handshake {
    let chain = session.peer_certificates();
    let shown = chain.and_then(|chain| chain.first());
    let judged = |judge: Arc<Judge>| judge.verdict(chain, UnixTime::now());
    let verdict = entry.judge.map_or(Verdict::NoneShown, judged);
    Handshake {
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        },
        cipher: session.negotiated_cipher_suite().map(cipher).unwrap_or_default(),
        group: session
            .negotiated_key_exchange_group()
            .map(|group| self::group(group.name()))
            .unwrap_or_default(),
        name: session.server_name().unwrap_or_default().to_owned(),
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        protocol: protocol(session.alpn_protocol()),
        subject: shown.filter(|_| verdict == Verdict::Holds).and_then(subject),
        shown: shown.map(|shown| shown.clone().into_owned()),
        verdict,
        client_ca: entry.client_ca,
    }
}

/// OpenSSL's name of a group.
fn group(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::secp256r1 => "prime256v1",
        other => other.as_str().unwrap_or_default(),
    }
}

/// OpenSSL's name of a cipher, as programs that read nginx's logs know it.
fn cipher(suite: SupportedCipherSuite) -> &'static str {
    match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        other => other.as_str().unwrap_or_default(),
    }
}

fn failed(error: io::Error) -> NoHandshake {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let reason = match tls {
        None => "closed",
        Some(Error::PeerIncompatible(reason)) => incompatible(reason),
        Some(Error::NoCertificatesPresented) => "no_client_certificate",
        Some(Error::InvalidCertificate(_)) => "client_certificate",
        Some(Error::NoApplicationProtocol) => "no_protocol",
        Some(Error::AlertReceived(_)) => "refused_by_client",
        // What rustls says where no certificate is there to be shown.
        Some(Error::General(_)) => "no_certificate",
        Some(_) => "malformed",
    };
    NoHandshake::Failed(Failed { reason, detail: error.to_string() })
}

fn incompatible(reason: &PeerIncompatible) -> &'static str {
    match reason {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => "version",
        _ => "nothing_in_common",
    }
}

impl Failed {
    fn new(reason: &'static str, detail: &str) -> Self {
        Self { reason, detail: detail.to_owned() }
    }

    /// The handshake took too long.
    pub(crate) fn timeout() -> Self {
        Self::new("timeout", "the handshake was not done within `limits header-timeout`")
    }
}

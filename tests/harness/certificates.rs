//! Certificates made for one test, in a folder of its own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

/// A certificate authority that nobody knows.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("a test's authority")
    }

    /// One that is known by a name.
    pub(crate) fn named(name: &str) -> Self {
        Self::made_out_to(&[], name)
    }

    /// One whose certificate is made out to `localhost`, as if it were a server's.
    pub(crate) fn of_localhost() -> Self {
        Self::made_out_to(&["localhost"], "a test's authority")
    }

    fn made_out_to(hosts: &[&str], name: &str) -> Self {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of one's own");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("a file");
        Self { issuer, folder }
    }

    /// The certificate itself.
    pub(super) fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// The file to trust it by.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for one name, offered with TLS 1.2 and 1.3.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        self.identity_with(name, &[&version::TLS12, &version::TLS13])
    }

    /// A certificate for one name, offered with TLS 1.2 alone.
    pub(crate) fn identity_of_tls12(&self, name: &str) -> Identity {
        self.identity_with(name, &[&version::TLS12])
    }

    /// A certificate for names, to be put into files.
    pub(crate) fn pair(&self, names: &[&str]) -> Pair {
        self.pair_with(names, |_| {})
    }

    /// A certificate for names, with something special about it.
    pub(crate) fn pair_with(&self, names: &[&str], special: impl FnOnce(&mut CertificateParams)) -> Pair {
        self.pair_of(KeyPair::generate().expect("a key"), names, special)
    }

    /// The same with a key of another kind than ECDSA on P-256.
    pub(crate) fn pair_of(
        &self,
        key: KeyPair,
        names: &[&str],
        special: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        params.distinguished_name = rcgen::DistinguishedName::new();
        special(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair { chain: certificate.pem(), der: certificate.der().clone(), key }
    }

    /// A certificate for a client of this name.
    pub(crate) fn client(&self, name: &str) -> Pair {
        self.pair_with(&[], |params| params.distinguished_name.push(DnType::CommonName, name))
    }

    /// A certificate for one name, shown to those alone who show one of this authority's.
    pub(crate) fn identity_asking(&self, name: &str) -> Identity {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).expect("an authority");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let asking = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let pair = self.pair(&[name]);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(asking.build().expect("a verifier"))
            .with_single_cert(vec![pair.der.clone()], pair.key_der())
            .expect("a certificate and its key");
        Identity { config: Arc::new(config) }
    }

    fn identity_with(&self, name: &str, versions: &[&'static SupportedProtocolVersion]) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate and its key");
        Identity { config: Arc::new(config) }
    }
}

/// What an upstream shows in a TLS handshake.
pub(crate) struct Identity {
    config: Arc<ServerConfig>,
}

impl Identity {
    /// One that nobody else has signed, for `localhost`; and its certificate, PEM.
    pub(crate) fn of_its_own(is_ca: IsCa) -> (Self, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        params.is_ca = is_ca;
        let certificate = params.self_signed(&key).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a private key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate and its key");
        (Self { config: Arc::new(config) }, certificate.pem())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }

    /// Agrees on HTTP/2 by ALPN.
    pub(super) fn acceptor_of_http2(&self) -> TlsAcceptor {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A certificate and its key.
pub(crate) struct Pair {
    pub(crate) chain: String,
    pub(crate) der: CertificateDer<'static>,
    key: KeyPair,
}

impl Pair {
    /// The key, PEM.
    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// The key, DER.
    pub(super) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).expect("a private key")
    }

    /// Writes `NAME.pem` and `NAME.key`, the key for its owner alone, each by renaming; and the words of `tls` that
    /// name them.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> String {
        let [chain, key] = ["pem", "key"].map(|kind| folder.join(format!("{name}.{kind}")));
        let fresh = folder.join("fresh");
        std::fs::write(&fresh, &self.chain).expect("a file");
        std::fs::rename(&fresh, &chain).expect("its name");
        std::fs::write(&fresh, self.key_pem()).expect("a file");
        std::fs::set_permissions(&fresh, Permissions::from_mode(0o600)).expect("its mode");
        std::fs::rename(&fresh, &key).expect("its name");
        format!("cert {chain:?}; key {key:?}")
    }
}

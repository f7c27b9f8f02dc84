//! Pebble, the small ACME server of Let's Encrypt, with an authority and a name server of its own.

use super::{NameServer, eventually, free_port, within};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How Pebble shall be.
#[derive(Default)]
pub(crate) struct Manner {
    /// How many seconds a certificate lasts; 0 is Pebble's own five years.
    pub(crate) lifetime: u32,
    /// How many in a hundred good nonces are refused.
    pub(crate) refused_nonces: u32,
    /// The key of an external account, where one is asked for: its name, and in base64url.
    pub(crate) external: Option<(&'static str, &'static str)>,
}

/// A running Pebble; killed when it is dropped.
pub(crate) struct Pebble {
    manner: Manner,
    ports: Ports,
    folder: TempDir,
    names: NameServer,
    child: Option<Child>,
    /// What its certificates are held against.
    roots: Arc<RootCertStore>,
}

/// Where it listens, and where it looks challenges up.
struct Ports {
    directory: u16,
    management: u16,
    http: u16,
    tls: u16,
}

impl Pebble {
    /// Starts one that finds every name on loopback.
    pub(crate) async fn running() -> Self {
        Self::running_as(Manner::default()).await
    }

    /// Starts one in a manner.
    pub(crate) async fn running_as(manner: Manner) -> Self {
        let mut pebble = Self::away(manner).await;
        pebble.start().await;
        pebble
    }

    /// One that does not run yet.
    pub(crate) async fn away(manner: Manner) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        certify(folder.path());
        let [directory, management, http, tls] = [(); 4].map(|()| free_port());
        let names = NameServer::answering(Some(Ipv4Addr::LOCALHOST)).await;
        let ports = Ports { directory, management, http, tls };
        Self { manner, ports, folder, names, child: None, roots: Arc::new(RootCertStore::empty()) }
    }

    /// Starts it, with nothing that it knew before.
    pub(crate) async fn start(&mut self) {
        self.stop();
        let config = self.folder.path().join("pebble.json");
        std::fs::write(&config, self.config().to_string()).expect("a file");
        let said = std::fs::File::create(self.folder.path().join("said")).expect("a file");
        let child = Command::new("pebble")
            .args(["-strict", "-config", config.to_str().expect("a path")])
            .args(["-dnsserver", &self.names.address().to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("PEBBLE_WFE_NONCEREJECT", self.manner.refused_nonces.to_string())
            .stdin(Stdio::null())
            .stderr(said.try_clone().expect("a file"))
            .stdout(said)
            .spawn()
            .expect("pebble, which scripts/setup.sh installs");
        self.child = Some(child);
        let port = self.ports.directory;
        eventually("pebble", || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).await;
        let root = CertificateDer::from_pem_slice(self.managed("/roots/0").as_bytes()).expect("a root");
        let mut roots = RootCertStore::empty();
        roots.add(root).expect("a root");
        self.roots = Arc::new(roots);
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The directory's URL.
    pub(crate) fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.ports.directory)
    }

    /// The authority that its own certificate is from.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Where it asks for http-01.
    pub(crate) fn http_port(&self) -> u16 {
        self.ports.http
    }

    /// Where it asks for tls-alpn-01.
    pub(crate) fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    /// Where names lead, for Pebble.
    pub(crate) fn names(&self) -> &NameServer {
        &self.names
    }

    /// What it has said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// The certificate that is shown on its TLS port for a name, if Pebble issued it and it is good now.
    pub(crate) async fn vouched(&self, name: &str) -> Option<CertificateDer<'static>> {
        let socket = TcpStream::connect(("127.0.0.1", self.ports.tls)).await.expect("vordr");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let stream = within(TlsConnector::from(Arc::new(config)).connect(name, socket)).await.ok()?;
        stream.get_ref().1.peer_certificates()?.first().cloned()
    }

    /// What it says of a certificate that it issued.
    pub(crate) fn status(&self, certificate: &CertificateDer<'_>) -> String {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).expect("a certificate");
        self.managed(&format!("/cert-status-by-serial/{:x}", parsed.serial))
    }

    /// How many orders it was given.
    pub(crate) fn orders(&self) -> usize {
        self.said().matches("Added order ").count()
    }

    /// A page of its management address.
    pub(crate) fn managed(&self, path: &str) -> String {
        let url = format!("https://localhost:{}{path}", self.ports.management);
        let output =
            Command::new("curl").args(["-sS", "--cacert"]).arg(self.ca()).arg(url).output().expect("curl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn config(&self) -> serde_json::Value {
        let file = |name: &str| self.folder.path().join(name);
        let address = |port: u16| format!("127.0.0.1:{port}");
        let mut pebble = serde_json::json!({
            "listenAddress": address(self.ports.directory),
            "managementListenAddress": address(self.ports.management),
            "certificate": file("pebble.pem"),
            "privateKey": file("pebble.key"),
            "httpPort": self.ports.http,
            "tlsPort": self.ports.tls,
            "externalAccountBindingRequired": self.manner.external.is_some(),
        });
        if self.manner.lifetime > 0 {
            pebble["certificateValidityPeriod"] = self.manner.lifetime.into();
        }
        if let Some((name, key)) = self.manner.external {
            pebble["externalAccountMACKeys"] = serde_json::json!({ name: key });
        }
        serde_json::json!({ "pebble": pebble })
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An authority, and a certificate for `localhost` from it.
fn certify(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "the authority of a test's Pebble");
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    for (name, text) in
        [("ca.pem", authority.pem()), ("pebble.pem", certificate.pem()), ("pebble.key", key.serialize_pem())]
    {
        std::fs::write(folder.join(name), text).expect("a file");
    }
}

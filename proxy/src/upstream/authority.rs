//! TLS towards upstreams, made ready: the authorities that certificates are checked against, and vordr's own.

use super::own::OwnCertificates;
use crate::roots::{self, Trust};
use crate::start_error::StartError;
use crate::tls::read_key;
use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use vordr_rules::table::UpstreamTls;
use vordr_rules::{Diagnostic, Loaded};

/// The files of a certificate, of its key, and of the passwords of that.
type Client = ((String, String), Option<String>);

/// Authorities by their file, and vordr's own certificates by theirs, read once.
#[derive(Default)]
pub(super) struct Authorities {
    by_file: HashMap<String, Arc<CaType>>,
    clients: HashMap<Client, Arc<CertKey>>,
    by_words: HashMap<UpstreamTls, Secured>,
    /// How many the system has, once somebody needs them.
    system_roots: Option<usize>,
    /// In the place of any, where nothing is checked.
    nobody: Option<Arc<CaType>>,
}

/// One `tls` of a `proxy`, with its files read.
pub(super) struct Secured {
    pub verify: bool,
    pub ca: Option<Arc<CaType>>,
    pub client: Option<Arc<CertKey>>,
    pub own: OwnCertificates,
    /// Tells connections that were set up with other words, or other files, from these.
    pub key: u64,
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_file.keys()).finish()
    }
}

impl Authorities {
    /// Reads what `tls` names, so that nothing is left to go wrong when a connection is made.
    pub(super) fn add(&mut self, tls: &UpstreamTls) -> Result<(), StartError> {
        if self.by_words.contains_key(tls) {
            return Ok(());
        }
        self.read_files(tls)?;
        let ca = match &tls.ca {
            Some(path) => self.by_file.get(path).cloned(),
            None => self.nobody.clone().filter(|_| !tls.verify),
        };
        let client = client_of(tls).and_then(|client| self.clients.get(&client)).cloned();
        let named = ca.as_deref().filter(|_| tls.ca.is_some());
        let key = key(tls, named.unwrap_or_default(), client.as_deref());
        let own = OwnCertificates::of(named.unwrap_or_default());
        let secured = Secured { verify: tls.verify, ca, client, own, key };
        self.by_words.insert(tls.clone(), secured);
        Ok(())
    }

    /// Whom all these words need.
    pub(super) fn trust(&self) -> Trust {
        if self.system_roots.is_some() { Trust::System } else { Trust::Nobody }
    }

    /// What these words have become.
    pub(super) fn of(&self, tls: &UpstreamTls) -> Option<&Secured> {
        self.by_words.get(tls)
    }

    fn read_files(&mut self, tls: &UpstreamTls) -> Result<(), StartError> {
        self.read_named(tls)?;
        match &tls.ca {
            Some(_) => Ok(()),
            None if tls.verify => self.need_system_roots(),
            None => self.need_nobody(),
        }
    }

    fn read_named(&mut self, tls: &UpstreamTls) -> Result<(), StartError> {
        if let Some(client @ ((cert, key), passwords)) = &client_of(tls) {
            let pair = read_client(cert, key, passwords.as_deref()).map_err(|reason| {
                StartError::Upstream(format!(
                    "cannot use the certificate {cert} with the key {key}: {reason}"
                ))
            })?;
            self.clients.insert(client.clone(), Arc::new(pair));
        }
        if let Some(path) = tls.ca.as_ref().filter(|path| !self.by_file.contains_key(*path)) {
            let certificates = read(path)
                .map_err(|reason| StartError::Upstream(format!("cannot use the CA file {path}: {reason}")))?;
            self.by_file.insert(path.clone(), certificates.into());
        }
        Ok(())
    }

    /// Pingora wants an authority also where it checks nothing, and this system may have none.
    fn need_nobody(&mut self) -> Result<(), StartError> {
        if self.nobody.is_none() {
            let certificate = known_to_nobody().map_err(|error| StartError::Upstream(error.to_string()))?;
            self.nobody = Some(Arc::new([WrappedX509::new(certificate, parse_x509)]));
        }
        Ok(())
    }

    /// Reads the system's, at the first who needs them.
    fn need_system_roots(&mut self) -> Result<(), StartError> {
        let known = match self.system_roots {
            Some(known) => known,
            None => *self.system_roots.insert(check_system_roots()?),
        };
        if known == 0 {
            let text = "this system has no certificate authorities to check an https upstream against";
            return Err(StartError::Upstream(format!(
                "{text}; install ca-certificates, or name a file: tls ca=\"…\""
            )));
        }
        Ok(())
    }
}

/// What tells one `tls` from another: its words, and what the files hold that it names.
fn key(tls: &UpstreamTls, ca: &CaType, client: Option<&CertKey>) -> u64 {
    let mut hasher = DefaultHasher::new();
    tls.hash(&mut hasher);
    ca.iter().for_each(|authority| authority.borrow_raw_cert().hash(&mut hasher));
    if let Some(client) = client {
        let chain = [client.leaf()].into_iter().chain(client.intermediates());
        chain.for_each(|certificate| certificate.borrow_raw_cert().hash(&mut hasher));
        client.key().hash(&mut hasher);
    }
    hasher.finish()
}

/// An error for each file that cannot be used of those that are named for TLS with upstreams.
pub(crate) fn unusable_files(loaded: &Loaded) -> Vec<Diagnostic> {
    let mut authorities = Authorities::default();
    let mut known = HashSet::new();
    let said = loaded.upstream_tls.iter().filter(|said| known.insert(&said.value));
    said.filter_map(|said| {
        let error = authorities.read_named(&said.value).err()?;
        Some(Diagnostic::error("bad-upstream-tls", said.span, error.to_string()))
    })
    .collect()
}

fn read(path: &str) -> Result<Vec<WrappedX509>, String> {
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("it has no PEM certificate".to_owned());
    }
    for certificate in &certificates {
        // Pingora panics on what it cannot parse, so it is parsed here first.
        x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    }
    Ok(certificates
        .into_iter()
        .map(|certificate| WrappedX509::new(certificate.to_vec(), parse_x509))
        .collect())
}

fn client_of(tls: &UpstreamTls) -> Option<Client> {
    Some((tls.client.clone()?, tls.passwords.clone()))
}

/// A certificate and its key. Pingora panics on what it cannot use, so both are tried here first.
fn read_client(cert: &str, key: &str, passwords: Option<&str>) -> Result<CertKey, String> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|error| error.to_string())?;
    let key = read_key(key, passwords).map_err(|error| error.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let nobody = rustls::RootCertStore::empty();
            builder.with_root_certificates(nobody).with_client_auth_cert(chain.clone(), key.clone_key())
        })
        .map_err(|error| error.to_string())?;
    for certificate in &chain {
        x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    }
    let chain = chain.iter().map(|certificate| certificate.to_vec()).collect();
    Ok(CertKey::new(chain, key.secret_der().to_vec()))
}

/// An authority that has signed nothing.
fn known_to_nobody() -> Result<Vec<u8>, rcgen::Error> {
    let certificate = rcgen::CertificateParams::default().self_signed(&rcgen::KeyPair::generate()?)?;
    Ok(certificate.der().to_vec())
}

/// Pingora reads the system's authorities for every worker, and panics where it cannot: so they are read here
/// first, as Pingora reads them.
fn check_system_roots() -> Result<usize, StartError> {
    let store = roots::load().map_err(|error| {
        let text = "this system's certificate authorities cannot be read; install ca-certificates, or set SSL_CERT_FILE";
        StartError::Upstream(format!("{text}: {error}"))
    })?;
    Ok(store.len())
}

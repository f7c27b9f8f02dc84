//! The certificate authorities that upstreams' certificates are checked against.

use crate::start_error::StartError;
use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::HashMap;
use std::sync::Arc;
use vordr_rules::table::UpstreamTls;

/// Authorities by their file, and vordr's own certificates by theirs, read once.
pub(super) struct Authorities {
    by_file: HashMap<String, Arc<CaType>>,
    clients: HashMap<(String, String), Arc<CertKey>>,
    system_roots: usize,
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_file.keys()).finish()
    }
}

impl Authorities {
    pub(super) fn new() -> Result<Self, StartError> {
        Ok(Self { by_file: HashMap::new(), clients: HashMap::new(), system_roots: check_system_roots()? })
    }

    /// Reads what `tls` names, so that nothing is left to go wrong when a connection is made.
    pub(super) fn add(&mut self, tls: &UpstreamTls) -> Result<(), StartError> {
        if let Some(files @ (cert, key)) = &tls.client {
            let pair = read_client(cert, key).map_err(|reason| {
                StartError::Upstream(format!(
                    "cannot use the certificate {cert} with the key {key}: {reason}"
                ))
            })?;
            self.clients.insert(files.clone(), Arc::new(pair));
        }
        match &tls.ca {
            Some(path) if !self.by_file.contains_key(path) => {
                let certificates = read(path).map_err(|reason| {
                    StartError::Upstream(format!("cannot use the CA file {path}: {reason}"))
                })?;
                self.by_file.insert(path.clone(), certificates.into());
                Ok(())
            }
            Some(_) => Ok(()),
            None if tls.verify && self.system_roots == 0 => {
                let text = "this system has no certificate authorities to check an https upstream against";
                Err(StartError::Upstream(format!(
                    "{text}; install ca-certificates, or name a file: tls ca=\"…\""
                )))
            }
            None => Ok(()),
        }
    }

    /// The certificate that vordr shows.
    pub(super) fn client_of(&self, tls: &UpstreamTls) -> Option<Arc<CertKey>> {
        self.clients.get(tls.client.as_ref()?).cloned()
    }

    pub(super) fn of(&self, tls: &UpstreamTls) -> Option<Arc<CaType>> {
        self.by_file.get(tls.ca.as_ref()?).cloned()
    }
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

/// A certificate and its key. Pingora panics on what it cannot use, so both are tried here first.
fn read_client(cert: &str, key: &str) -> Result<CertKey, String> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| error.to_string())?;
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

/// Pingora reads the system's authorities for every worker, and panics where it cannot: so they are read here
/// first, as Pingora reads them.
fn check_system_roots() -> Result<usize, StartError> {
    let mut store = pingora_core::tls::RootCertStore::empty();
    pingora_core::tls::load_platform_certs_incl_env_into_store(&mut store).map_err(|error| {
        let text = "this system's certificate authorities cannot be read; install ca-certificates, or set SSL_CERT_FILE";
        StartError::Upstream(format!("{text}: {error}"))
    })?;
    Ok(store.len())
}

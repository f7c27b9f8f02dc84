//! The certificate authorities that upstreams' certificates are checked against.

use crate::start_error::StartError;
use pingora_core::protocols::tls::CaType;
use pingora_core::utils::tls::{WrappedX509, parse_x509};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::HashMap;
use std::sync::Arc;
use vordr_rules::table::UpstreamTls;

/// Authorities by their file, read once.
pub(super) struct Authorities {
    by_file: HashMap<String, Arc<CaType>>,
    system_roots: usize,
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_file.keys()).finish()
    }
}

impl Authorities {
    pub(super) fn new() -> Result<Self, StartError> {
        Ok(Self { by_file: HashMap::new(), system_roots: check_system_roots()? })
    }

    /// Reads what `tls` names, so that nothing is left to go wrong when a connection is made.
    pub(super) fn add(&mut self, tls: &UpstreamTls) -> Result<(), StartError> {
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

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
#[derive(Default)]
pub(super) struct Authorities {
    by_file: HashMap<String, Arc<CaType>>,
}

impl std::fmt::Debug for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_file.keys()).finish()
    }
}

impl Authorities {
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
            None if tls.verify => require_system_roots(),
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

/// Without them every certificate would be refused, and nobody would know why.
fn require_system_roots() -> Result<(), StartError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reason = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        let text = "this system has no certificate authorities; install ca-certificates, or name a file: tls ca=\"…\"";
        return Err(StartError::Upstream(format!("{text}{reason}")));
    }
    Ok(())
}

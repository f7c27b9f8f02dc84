//! The system's certificate authorities, as Pingora is to read them.

use pingora_core::Result;
use pingora_core::tls::{RootCertStore, load_ca_file_into_store, load_platform_certs_incl_env_into_store};

/// The one file that has them all, where the system has such a one and the environment names no folder. The system's
/// folder has the same again in hundreds of files, which takes longer to read than all the rest of a start.
pub(crate) fn file() -> Option<String> {
    if std::env::var_os("SSL_CERT_DIR").is_some() {
        return None;
    }
    let file = std::env::var_os("SSL_CERT_FILE").or_else(|| Some(openssl_probe::probe().cert_file?.into()));
    file?.into_string().ok()
}

/// Reads them.
pub(crate) fn load() -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match file() {
        Some(file) => load_ca_file_into_store(file, &mut roots)?,
        None => load_platform_certs_incl_env_into_store(&mut roots)?,
    }
    Ok(roots)
}

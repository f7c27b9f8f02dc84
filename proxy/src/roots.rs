//! The system's certificate authorities, as Pingora is to read them.

use pingora_core::Result;
use pingora_core::tls::{RootCertStore, load_ca_file_into_store, load_platform_certs_incl_env_into_store};
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whom a connector of Pingora's trusts. It reads the system's authorities twice, for each kind of HTTP, in milliseconds
/// that a start or a reload is longer by: only where somebody is checked against them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nobody: no upstream speaks TLS, or each names its own file or is not checked.
    Nobody,
    /// The system's authorities.
    System,
}

impl Trust {
    /// Makes what reads this file, or the system's where there is none. Pingora panics where it cannot read, and there
    /// may be no descriptors left.
    pub(crate) fn made<T>(self, make: impl FnOnce(Option<String>) -> T) -> io::Result<T> {
        let file = self.file();
        // What is found out here needs no panic.
        file.as_ref().map(File::open).transpose()?;
        let made = catch_unwind(AssertUnwindSafe(|| make(file)));
        made.map_err(|_| io::Error::other("the certificate authorities cannot be read"))
    }

    fn file(self) -> Option<String> {
        match self {
            // Without a file Pingora would look for the system's.
            Self::Nobody => Some("/dev/null".to_owned()),
            Self::System => file(),
        }
    }
}

/// The one file that has them all, where the system has such a one and the environment names no folder. The system's
/// folder has the same again in hundreds of files, which takes longer to read than all the rest of a start.
fn file() -> Option<String> {
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

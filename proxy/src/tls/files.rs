//! Certificates in files: read, and known again when they change.

use super::certificate::{Certificate, Flaw};
use super::locked::{self, Locked};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use std::io;
use std::os::unix::fs::MetadataExt;
use vordr_rules::table::CertificateFiles;

/// Why files do not make a certificate, in a line that names the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFlaw {
    /// The chain cannot be read.
    #[error("cannot read the certificate {0}: {1}")]
    Chain(String, io::Error),
    /// The key cannot be read.
    #[error("cannot read the key {0}: {1}")]
    Key(String, io::Error),
    /// The key's passwords cannot be read.
    #[error("cannot read the passwords {0}: {1}")]
    Passwords(String, io::Error),
    /// No password opens the key.
    #[error(
        "{0}: the key is encrypted, and no line of {1} opens it, or it is encrypted in a way that is not read here"
    )]
    Locked(String, String),
    /// They are no certificate and its key.
    #[error("{0}: {1}")]
    Content(String, Flaw),
}

impl FileFlaw {
    /// Whether the key is to blame, and not the chain.
    pub(super) fn is_the_keys(&self) -> bool {
        matches!(
            self,
            Self::Key(..)
                | Self::Passwords(..)
                | Self::Locked(..)
                | Self::Content(_, Flaw::NoKey | Flaw::WrongKey | Flaw::UnusableKey(_))
        )
    }

    /// Whether a file could not be read, which says nothing of what it holds.
    pub(super) fn may_pass(&self) -> bool {
        !matches!(self, Self::Content(..) | Self::Locked(..))
    }
}

/// Reads a chain and its key, which a file of passwords may open.
pub(super) fn read(files: &CertificateFiles) -> Result<Certificate, FileFlaw> {
    let CertificateFiles { chain, key, passwords } = files;
    let chain_pem = std::fs::read(chain).map_err(|error| FileFlaw::Chain(chain.clone(), error))?;
    let key_pem = std::fs::read(key).map_err(|error| FileFlaw::Key(key.clone(), error))?;
    let read = match opened((key, &key_pem), passwords.as_deref())? {
        Some(opened) => Certificate::from_opened(&chain_pem, opened),
        None => Certificate::from_pem(&chain_pem, &key_pem),
    };
    read.map_err(|flaw| match flaw {
        Flaw::NoCertificate | Flaw::Garbled => FileFlaw::Content(chain.clone(), flaw),
        Flaw::NoKey | Flaw::UnusableKey(_) | Flaw::WrongKey => FileFlaw::Content(key.clone(), flaw),
    })
}

/// A key that is shown to an upstream, which a file of passwords may open.
pub(crate) fn read_key(key: &str, passwords: Option<&str>) -> Result<PrivateKeyDer<'static>, FileFlaw> {
    let pem = std::fs::read(key).map_err(|error| FileFlaw::Key(key.to_owned(), error))?;
    let flaw = |_| FileFlaw::Content(key.to_owned(), Flaw::NoKey);
    match opened((key, &pem), passwords)? {
        Some(opened) => Ok(opened),
        None => PrivateKeyDer::from_pem_slice(&pem).map_err(flaw),
    }
}

/// An encrypted key, by a file of passwords; `None` where it is not encrypted, or there is no such file.
fn opened(
    (key, pem): (&str, &[u8]),
    passwords: Option<&str>,
) -> Result<Option<PrivateKeyDer<'static>>, FileFlaw> {
    let Some(file) = passwords else { return Ok(None) };
    let passwords = std::fs::read(file).map_err(|error| FileFlaw::Passwords(file.to_owned(), error))?;
    locked::open(pem, &passwords).map_err(|Locked| FileFlaw::Locked(key.to_owned(), file.to_owned()))
}

/// Whether everybody on this machine can read a file.
pub(super) fn is_open(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0)
}

/// How a file stands, behind whatever links lead to it: another one after any write, and after it was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stamp(Option<(u64, u64, u64, i64, i64)>);

impl Stamp {
    pub(crate) fn of(path: &str) -> Self {
        let stamp = |found: std::fs::Metadata| {
            // The time of change tells of writes that set the time of modification back.
            (found.dev(), found.ino(), found.size(), found.ctime(), found.ctime_nsec())
        };
        Self(std::fs::metadata(path).ok().map(stamp))
    }

    /// Of a chain, its key, and the passwords of that.
    pub(super) fn of_files(files: &CertificateFiles) -> [Self; 3] {
        let passwords = files.passwords.as_deref().map(Self::of).unwrap_or_default();
        [Self::of(&files.chain), Self::of(&files.key), passwords]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_is_replaced_or_linked_anew_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("a"), "one").unwrap();
        std::os::unix::fs::symlink("a", path("link")).unwrap();
        let before = Stamp::of(&path("link"));
        assert_eq!(Stamp::of(&path("link")), before);
        std::fs::write(path("b"), "two").unwrap();
        std::os::unix::fs::symlink("b", path("new")).unwrap();
        std::fs::rename(path("new"), path("link")).unwrap();
        let after = Stamp::of(&path("link"));
        assert_ne!(after, before);
        std::fs::write(path("c"), "two").unwrap();
        std::fs::rename(path("c"), path("b")).unwrap();
        assert_ne!(Stamp::of(&path("link")), after);
        assert_eq!(Stamp::of(&path("nowhere")), Stamp::default());
    }
}

//! A certificate with its key: read, held against each other, and ready to be shown.

use super::provider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

/// A chain of certificates with the key of the first one.
#[derive(Debug)]
pub(crate) struct Certificate {
    key: Arc<CertifiedKey>,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// The kind of a key, the most wanted first, as OpenSSL has them: the quickest to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// On any curve.
    Ecdsa,
    /// Ed25519.
    Ed25519,
    /// RSA.
    Rsa,
    /// Another that rustls knows.
    Other,
}

impl Kind {
    /// As it is written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ECDSA",
            Self::Ed25519 => "Ed25519",
            Self::Rsa => "RSA",
            Self::Other => "unusual",
        }
    }
}

/// Why a certificate cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    /// The chain's file has no certificate in it.
    #[error("there is no certificate in it (PEM, `-----BEGIN CERTIFICATE-----`)")]
    NoCertificate,
    /// The key's file has no key in it.
    #[error("there is no private key in it (PEM; an encrypted one needs its password)")]
    NoKey,
    /// The first certificate cannot be read.
    #[error("its first certificate cannot be read")]
    Garbled,
    /// The key is of a kind that is not spoken.
    #[error("its key cannot be used: {0}")]
    UnusableKey(String),
    /// The key is another certificate's.
    #[error("the key is not this certificate's")]
    WrongKey,
}

impl Certificate {
    /// Reads a chain, the server's own certificate first, and its key, both PEM.
    pub(crate) fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Flaw> {
        Self::from_opened(chain, PrivateKeyDer::from_pem_slice(key).map_err(|_| Flaw::NoKey)?)
    }

    /// Reads a chain, PEM, whose key is there already.
    pub(super) fn from_opened(chain: &[u8], key: PrivateKeyDer<'static>) -> Result<Self, Flaw> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| Flaw::NoCertificate)?;
        Self::from_der(chain, key)
    }

    /// Takes a chain, the server's own certificate first, and its key.
    pub(crate) fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Flaw> {
        let own = chain.first().ok_or(Flaw::NoCertificate)?;
        let (_, parsed) = X509Certificate::from_der(own).map_err(|_| Flaw::Garbled)?;
        let validity = parsed.validity();
        let (not_before, not_after) =
            (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
        let key = match parsed.version() {
            X509Version::V3 => {
                CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
                    Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Flaw::WrongKey,
                    Error::InvalidCertificate(_) => Flaw::Garbled,
                    other => Flaw::UnusableKey(other.to_string()),
                })?
            }
            _ => {
                let public_key = parsed.public_key().raw.to_vec();
                Self::old(chain, &key, &public_key)?
            }
        };
        Ok(Self { key: Arc::new(key), not_before, not_after })
    }

    /// Takes a certificate of a version before 3, as `openssl x509` makes them where nobody asks for an extension: rustls
    /// looks into none, and shows it all the same.
    fn old(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
        public_key: &[u8],
    ) -> Result<CertifiedKey, Flaw> {
        let key = any_supported_type(key).map_err(|error| Flaw::UnusableKey(error.to_string()))?;
        match key.public_key() {
            Some(its) if its.as_ref() != public_key => Err(Flaw::WrongKey),
            _ => Ok(CertifiedKey::new(chain, key)),
        }
    }

    /// Takes a certificate that answers a challenge: it has a critical extension (RFC 8737, section 3), and rustls
    /// refuses to look into one that it does not know.
    pub(crate) fn for_challenge(
        certificate: CertificateDer<'static>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Self, Flaw> {
        let key = any_supported_type(key).map_err(|error| Flaw::UnusableKey(error.to_string()))?;
        let key = Arc::new(CertifiedKey::new(vec![certificate], key));
        Ok(Self { key, not_before: UNIX_EPOCH, not_after: UNIX_EPOCH })
    }

    /// As rustls shows it.
    pub(crate) fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }

    /// The chain, the server's own certificate first.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// What kind its key is of.
    pub(crate) fn kind(&self) -> Kind {
        match self.key.key.algorithm() {
            SignatureAlgorithm::ECDSA => Kind::Ecdsa,
            SignatureAlgorithm::ED25519 => Kind::Ed25519,
            SignatureAlgorithm::RSA => Kind::Rsa,
            _ => Kind::Other,
        }
    }

    /// Whether a client can verify what its key signs that names these schemes.
    pub(super) fn is_for(&self, schemes: &[SignatureScheme]) -> bool {
        self.key.key.choose_scheme(schemes).is_some()
    }

    /// From when on it is valid.
    pub(crate) fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when it is valid.
    pub(crate) fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whether it is made out to a host; a wildcard asks for any name below.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let sample = match host.strip_prefix("*.") {
            Some(domain) => format!("any-name.{domain}"),
            None => host.trim_matches(['[', ']']).to_owned(),
        };
        let own = self.chain().first().and_then(|own| ParsedCertificate::try_from(own).ok());
        own.zip(ServerName::try_from(sample).ok())
            .is_some_and(|(own, name)| rustls::client::verify_server_name(&own, &name).is_ok())
    }
}

/// Seconds since 1970, which may lie before it.
fn time(timestamp: i64) -> SystemTime {
    let seconds = Duration::from_secs(timestamp.unsigned_abs());
    let time = if timestamp < 0 { UNIX_EPOCH.checked_sub(seconds) } else { UNIX_EPOCH.checked_add(seconds) };
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

    fn made(names: &[&str]) -> Made<rcgen::KeyPair> {
        generate_simple_self_signed(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn read(chain: &str, key: &str) -> Result<Certificate, Flaw> {
        Certificate::from_pem(chain.as_bytes(), key.as_bytes())
    }

    #[test]
    fn a_certificate_covers_its_names_and_one_label_below_its_wildcards() {
        let made = made(&["a.test", "*.b.test", "192.0.2.1"]);
        let certificate = read(&made.cert.pem(), &made.signing_key.serialize_pem()).unwrap();
        for host in ["a.test", "x.b.test", "*.b.test", "192.0.2.1"] {
            assert!(certificate.covers(host), "{host}");
        }
        for host in ["b.test", "x.a.test", "*.a.test", "y.x.b.test", "192.0.2.2"] {
            assert!(!certificate.covers(host), "{host}");
        }
    }

    /// Of version 1, until the year 2126.
    const OLD: &str = "\
-----BEGIN CERTIFICATE-----
MIIBIjCByQIUMfqHqUBiuLWWV0JaDNl7RTOdsAAwCgYIKoZIzj0EAwIwEzERMA8G
A1UEAwwIb2xkLnRlc3QwIBcNMjYxMTIxMjIwNzQ3WhgPMjEyNjEwMjgyMjA3NDda
MBMxETAPBgNVBAMMCG9sZC50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
SdGnZh6d4asjMnTGxxwku1NIJycJ6woLQ4obbo1nu6c6y0h2TVDbLe3pzu1f1alO
vI4hiKPdUbWQAMwXgKgVxzAKBggqhkjOPQQDAgNIADBFAiEAiRbDmD2rWpbJ7V2x
OB3drCZeiqkhPfYMQIDx+s1ZOagCIEvfGbYZu4/fjgRsFELaUPgYopi4pjv6UEFH
Z562Itub
-----END CERTIFICATE-----
";
    const KEY_OF_OLD: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrEmfQ1eOf/F/d/aB
wB1k9aYo0z5AcKPunNeArW8DoumhRANCAARJ0admHp3hqyMydMbHHCS7U0gnJwnr
CgtDihtujWe7pzrLSHZNUNst7enO7V/VqU68jiGIo91RtZAAzBeAqBXH
-----END PRIVATE KEY-----
";

    #[test]
    fn a_certificate_of_version_1_is_shown_with_its_own_key_alone() {
        let old = read(OLD, KEY_OF_OLD).unwrap();
        assert!(old.not_after() > SystemTime::now() && !old.covers("old.test"));
        let other = made(&["old.test"]).signing_key.serialize_pem();
        assert_eq!(read(OLD, &other).unwrap_err(), Flaw::WrongKey);
    }

    #[test]
    fn what_is_wrong_with_a_pair_is_told_apart() {
        let (one, other) = (made(&["a.test"]), made(&["a.test"]));
        let (chain, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        assert!(read(&chain, &key).is_ok());
        assert_eq!(read("", &key).unwrap_err(), Flaw::NoCertificate);
        assert_eq!(read(&key, &key).unwrap_err(), Flaw::NoCertificate);
        assert_eq!(read(&chain, &chain).unwrap_err(), Flaw::NoKey);
        assert_eq!(read(&chain, &other.signing_key.serialize_pem()).unwrap_err(), Flaw::WrongKey);
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(read(garbled, &key).unwrap_err(), Flaw::Garbled);
    }
}

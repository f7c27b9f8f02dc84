//! Certificates that vordr makes itself: one to show while the first order runs, and those that answer tls-alpn-01.

use super::failure::Failure;
use crate::tls::Certificate;
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::time::{Duration, SystemTime};

/// How long a certificate of one's own lasts: the metric shall not say that all is well for long.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// A certificate that nobody trusts, for these names.
pub(super) fn self_signed(names: &[String]) -> Result<Certificate, Failure> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name.push(DnType::CommonName, "vordr, until a certificate is issued");
    let (certificate, key) = signed_by_itself(params)?;
    Certificate::from_der(vec![certificate], key).map_err(Failure::state)
}

/// The answer to tls-alpn-01: a certificate with the digest of the key authorization in it (RFC 8737, section 3).
pub(super) fn challenge(name: &str, digest: &[u8]) -> Result<Certificate, Failure> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let (certificate, key) = signed_by_itself(params)?;
    Certificate::for_challenge(certificate, &key).map_err(Failure::state)
}

fn signed_by_itself(
    mut params: CertificateParams,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Failure> {
    let now = SystemTime::now();
    params.not_before = now.into();
    params.not_after = (now + LIFETIME).into();
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(Failure::state)?;
    Ok((certificate.der().clone(), key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_certificate_of_ones_own_covers_every_name() {
        let names = ["a.test".to_owned(), "b.test".to_owned()];
        let certificate = self_signed(&names).unwrap();
        assert!(names.iter().all(|name| certificate.covers(name)));
        assert!(certificate.not_after() < SystemTime::now() + LIFETIME * 2);
    }

    #[test]
    fn the_answer_to_a_challenge_can_be_shown_although_its_extension_is_critical() {
        assert!(challenge("a.test", &[7; 32]).is_ok());
    }
}

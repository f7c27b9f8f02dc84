//! Certificates that webpki does not judge: of a version before 3, as `openssl x509` makes them where nobody asks for an
//! extension, an authority's own, and those that are listed themselves. They are held against what is listed alone.

use super::signed::{Algorithms, Signed};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use webpki::Error;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

/// What certificates are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'l> {
    /// The authorities.
    pub authorities: &'l [CertificateDer<'static>],
    /// How many of them may stand between a certificate and the one who is its own issuer; `None`: each of them stands
    /// for itself.
    pub depth: Option<usize>,
    /// How they may have signed.
    pub algorithms: Algorithms,
}

impl Listed<'_> {
    /// Whether a client's certificate holds.
    pub(super) fn holds(&self, own: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let parsed = parse(own)?;
        if !is_for_clients(&parsed) {
            return Err(Error::UnsupportedCriticalExtension);
        }
        self.climbs(own, &parsed, now, self.depth.map(|depth| depth + 1))
    }

    fn climbs(
        &self,
        own: &CertificateDer<'_>,
        parsed: &X509Certificate<'_>,
        now: UnixTime,
        left: Option<usize>,
    ) -> Result<(), Error> {
        is_in_time(parsed, now)?;
        if self.authorities.contains(own) && (left.is_none() || is_its_own_issuer(parsed)) {
            return Ok(());
        }
        let left = match left {
            Some(0) => return Err(Error::MaximumPathDepthExceeded),
            left => left.map(|left| left - 1),
        };
        let signed = Signed::from_der(own)?;
        let mut outcome = Err(Error::UnknownIssuer);
        for authority in self.authorities.iter().filter(|authority| *authority != own) {
            let Ok(issuer) = parse(authority) else { continue };
            if issuer.subject().as_raw() != parsed.issuer().as_raw() || !may_sign(&issuer) {
                continue;
            }
            outcome = match signed.is_by(&issuer, self.algorithms) {
                true => self.climbs(authority, &issuer, now, left),
                false => Err(Error::InvalidSignatureForPublicKey),
            };
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }
}

fn parse<'c>(certificate: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>, Error> {
    X509Certificate::from_der(certificate).map(|(_, parsed)| parsed).map_err(|_| Error::BadDer)
}

/// Whether a certificate names itself as its issuer.
pub(super) fn is_its_own_issuer(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == certificate.subject().as_raw()
}

/// Whether nothing in it speaks against a client's showing it.
fn is_for_clients(certificate: &X509Certificate<'_>) -> bool {
    let uses = certificate.extended_key_usage().ok().flatten();
    let is_meant = uses.is_none_or(|uses| uses.value.client_auth || uses.value.any);
    let is_known = |parsed: &ParsedExtension<'_>| {
        matches!(
            parsed,
            ParsedExtension::BasicConstraints(_)
                | ParsedExtension::KeyUsage(_)
                | ParsedExtension::ExtendedKeyUsage(_)
                | ParsedExtension::SubjectAlternativeName(_)
        )
    };
    let mut extensions = certificate.extensions().iter();
    is_meant && extensions.all(|extension| !extension.critical || is_known(extension.parsed_extension()))
}

/// An authority says that it is one; before version 3 there was no way to.
pub(super) fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    if certificate.version() != X509Version::V3 {
        return is_its_own_issuer(certificate);
    }
    let says = certificate.basic_constraints().ok().flatten().is_some_and(|constraints| constraints.value.ca);
    let uses = certificate.key_usage().ok().flatten();
    says && uses.is_none_or(|uses| uses.value.key_cert_sign())
}

/// Whom one may sign for that is constrained to some names is webpki's to look into.
fn may_sign(issuer: &X509Certificate<'_>) -> bool {
    is_authority(issuer) && issuer.name_constraints().is_ok_and(|constraints| constraints.is_none())
}

fn is_in_time(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let at = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let moment =
        |seconds: i64| UnixTime::since_unix_epoch(Duration::from_secs(seconds.max(0).unsigned_abs()));
    match (at < from, at > until) {
        (true, _) => Err(Error::CertNotValidYet { time: now, not_before: moment(from) }),
        (_, true) => Err(Error::CertExpired { time: now, not_after: moment(until) }),
        _ => Ok(()),
    }
}

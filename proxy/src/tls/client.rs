//! Clients' certificates, held against the authorities of a `client-ca`.

use super::listed::{Listed, is_authority, is_its_own_issuer};
use super::profile::AuthorityFlaw;
use super::provider;
use super::revoked::Revoked;
use crate::exchange::Verdict;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use std::sync::Arc;
use vordr_rules::table::{ClientCa, ClientFailure};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, VerifiedPath, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What the files of a `client-ca` hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorities {
    asks: ClientCa,
    told: Vec<CertificateDer<'static>>,
    more: Vec<CertificateDer<'static>>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
}

impl Authorities {
    /// Reads the files.
    pub(super) fn read(asks: &ClientCa) -> Result<Self, AuthorityFlaw> {
        let certificates = |file: &Option<String>| match file {
            Some(file) => certificates_in(file),
            None => Ok(Vec::new()),
        };
        let (told, more) = (certificates(&asks.file)?, certificates(&asks.more)?);
        let revoked = asks.crl.as_deref().map_or(Ok(Vec::new()), lists_in)?;
        Ok(Self { asks: asks.clone(), told, more, revoked })
    }

    /// What they were asked for.
    pub(super) fn asks(&self) -> &ClientCa {
        &self.asks
    }

    /// Whoever holds certificates against them.
    pub(super) fn judge(&self) -> Result<Judge, AuthorityFlaw> {
        let all: Vec<_> = self.told.iter().chain(&self.more).cloned().collect();
        let (anchors, between) = self.anchors(&all);
        let anchor = |authority| Ok(anchor_from_trusted_cert(authority)?.to_owned());
        let anchors: Result<Vec<_>, webpki::Error> = anchors.iter().map(anchor).collect();
        let algorithms = provider().signature_verification_algorithms;
        let revoked = Revoked::of(&self.revoked, &all, algorithms.all);
        Ok(Judge {
            anchors: anchors.map_err(|_| AuthorityFlaw::NoAuthority)?,
            between,
            revoked: revoked.ok_or(AuthorityFlaw::NoList)?,
            hints: self.told.iter().filter_map(subject_of).collect(),
            all,
            asks: self.asks.clone(),
            algorithms,
        })
    }

    /// Where chains begin, and what may stand between. With a `depth` that is to be counted to the authority that is its
    /// own issuer; else each of them stands for itself. What is listed and is no authority begins none: only whoever
    /// shows just that comes in by it.
    fn anchors(&self, all: &[CertificateDer<'static>]) -> (Certificates, Certificates) {
        let signs = |listed: &&CertificateDer<'static>| {
            X509Certificate::from_der(listed).is_ok_and(|(_, parsed)| is_authority(&parsed))
        };
        let signing = all.iter().filter(signs).cloned();
        let is_own = |authority: &CertificateDer<'static>| {
            let parsed = X509Certificate::from_der(authority);
            parsed.is_ok_and(|(_, parsed)| is_its_own_issuer(&parsed))
        };
        match self.asks.depth {
            None => (signing.collect(), Vec::new()),
            Some(_) => signing.partition(is_own),
        }
    }
}

type Certificates = Vec<CertificateDer<'static>>;

fn subject_of(authority: &CertificateDer<'static>) -> Option<DistinguishedName> {
    let (_, parsed) = X509Certificate::from_der(authority).ok()?;
    Some(parsed.subject().as_raw().to_vec().into())
}

fn certificates_in(path: &str) -> Result<Vec<CertificateDer<'static>>, AuthorityFlaw> {
    let pem = std::fs::read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let mut found = found.map_err(|_| AuthorityFlaw::NoAuthority)?;
    let mut known = Vec::new();
    found.retain(|one| {
        !known.contains(one) && {
            known.push(one.clone());
            true
        }
    });
    if found.is_empty() { Err(AuthorityFlaw::NoAuthority) } else { Ok(found) }
}

fn lists_in(path: &str) -> Result<Vec<CertificateRevocationListDer<'static>>, AuthorityFlaw> {
    let pem = std::fs::read(path)?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or(AuthorityFlaw::NoList)
}

/// Holds clients' certificates against authorities.
#[derive(Debug)]
pub(super) struct Judge {
    asks: ClientCa,
    all: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    /// What clients need not show, as it is known.
    between: Vec<CertificateDer<'static>>,
    revoked: Revoked,
    hints: Arc<[DistinguishedName]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Judge {
    /// What comes of the chain that a client showed, its own certificate first.
    pub(super) fn verdict(&self, chain: Option<&[CertificateDer<'_>]>, now: UnixTime) -> Verdict {
        let Some((own, between)) = chain.and_then(<[_]>::split_first) else { return Verdict::NoneShown };
        match self.holds(own, between, now) {
            Ok(()) => Verdict::Holds,
            Err(flaw) => {
                let is_unknown = flaw == webpki::Error::UnknownIssuer;
                Verdict::Fails { why: words(&flaw, own, !between.is_empty()), is_unknown }
            }
        }
    }

    fn holds(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        use webpki::Error::{CaUsedAsEndEntity, UnknownIssuer, UnsupportedCertVersion};
        let between: Vec<_> = between.iter().chain(&self.between).cloned().collect();
        match self.chains_up(own, &between, now) {
            Err(UnsupportedCertVersion | CaUsedAsEndEntity | UnknownIssuer) => {
                let listed = Listed {
                    authorities: &self.all,
                    depth: self.asks.depth,
                    algorithms: self.algorithms.all,
                };
                listed.holds(own, now)?;
            }
            result => result?,
        }
        if self.revoked.is_empty() {
            return Ok(());
        }
        self.revoked.holds(own, (&between, &self.all), self.algorithms.all, now)
    }

    fn chains_up(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let depth = self.asks.depth.unwrap_or(usize::MAX);
        let short_enough = |path: &VerifiedPath<'_>| match path.intermediate_certificates().count() > depth {
            true => Err(webpki::Error::MaximumPathDepthExceeded),
            false => Ok(()),
        };
        let (algorithms, usage) = (self.algorithms.all, KeyUsage::client_auth());
        let parsed = EndEntityCert::try_from(own)?;
        parsed
            .verify_for_usage(algorithms, &self.anchors, between, now, usage, None, Some(&short_enough))
            .map(|_| ())
    }
}

/// OpenSSL's words for what is wrong.
fn words(flaw: &webpki::Error, own: &CertificateDer<'_>, has_more: bool) -> &'static str {
    match flaw {
        webpki::Error::UnknownIssuer if is_self_issued(own) => "self-signed certificate",
        webpki::Error::UnknownIssuer if has_more => "unable to get issuer certificate",
        webpki::Error::UnknownIssuer => "unable to verify the first certificate",
        webpki::Error::CertExpired { .. } => "certificate has expired",
        webpki::Error::CertNotValidYet { .. } => "certificate is not yet valid",
        webpki::Error::CertRevoked => "certificate revoked",
        webpki::Error::CrlExpired { .. } => "CRL has expired",
        webpki::Error::UnknownRevocationStatus => "unable to get certificate CRL",
        webpki::Error::MaximumPathDepthExceeded => "certificate chain too long",
        webpki::Error::InvalidSignatureForPublicKey => "certificate signature failure",
        webpki::Error::RequiredEkuNotFoundContext(_) => "unsuitable certificate purpose",
        webpki::Error::PathLenConstraintViolated => "path length constraint exceeded",
        webpki::Error::NameConstraintViolation => "permitted subtree violation",
        webpki::Error::UnsupportedCriticalExtension => "unhandled critical extension",
        _ => "certificate rejected",
    }
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| is_its_own_issuer(&parsed))
}

/// In a handshake: where failing ones are answered they are let through it, and judged when it is over.
#[derive(Debug)]
pub(super) struct Verifier(pub Arc<Judge>);

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.0.asks.require && self.0.asks.on_failure == ClientFailure::Close
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.0.hints
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.0.asks.on_failure == ClientFailure::Close {
            self.0.holds(own, between, now).map_err(|flaw| Error::InvalidCertificate(refusal(&flaw)))?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let mut schemes = self.0.algorithms.mapping.iter();
        let Some((_, algorithms)) = schemes.find(|(scheme, _)| *scheme == signed.scheme) else {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        };
        let key = key_of(certificate)?;
        let bad = |_| Error::InvalidCertificate(CertificateError::BadSignature);
        let key = RawPublicKeyEntity::try_from(&key).map_err(bad)?;
        let holds = |algorithm: &&dyn rustls_pki_types::SignatureVerificationAlgorithm| {
            key.verify_signature(*algorithm, message, signed.signature()).is_ok()
        };
        match algorithms.iter().any(holds) {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &key_of(certificate)?, signed, &self.0.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.algorithms.supported_schemes()
    }
}

/// A certificate's key, of whatever version the certificate is.
fn key_of(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    Ok(parsed.public_key().raw.to_vec().into())
}

fn refusal(flaw: &webpki::Error) -> CertificateError {
    match flaw {
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::CertRevoked => CertificateError::Revoked,
        webpki::Error::BadDer => CertificateError::BadEncoding,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => CertificateError::Other(rustls::OtherError(Arc::new(other.clone()))),
    }
}

#[cfg(test)]
mod tests;

//! Lists of certificates that their issuers have revoked (RFC 5280, section 5), of version 1 too, as `openssl ca` makes
//! them where nobody asks for an extension.

use super::listed::is_its_own_issuer;
use super::signed::{Algorithms, Signed};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use std::collections::HashSet;
use std::time::Duration;
use webpki::Error;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

/// What is revoked, by whom.
#[derive(Debug)]
pub(super) struct Revoked(Vec<List>);

#[derive(Debug)]
struct List {
    der: CertificateRevocationListDer<'static>,
    issuer: Vec<u8>,
    /// The keys of listed authorities that it was signed with, so that nobody has to look again in a handshake.
    keys: Vec<Vec<u8>>,
    /// Until when it is to be believed, in seconds since 1970.
    until: Option<i64>,
    numbers: HashSet<Vec<u8>>,
}

impl Revoked {
    /// Takes lists of these authorities, or of those below them; `None` where one cannot be read, or says what would
    /// have to be understood.
    pub(super) fn of(
        lists: &[CertificateRevocationListDer<'static>],
        authorities: &[CertificateDer<'static>],
        algorithms: Algorithms,
    ) -> Option<Self> {
        let authorities: Vec<_> = authorities.iter().filter_map(parse).collect();
        lists.iter().map(|der| List::of(der, &authorities, algorithms)).collect::<Option<_>>().map(Self)
    }

    /// Whether there is no list, so that nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether neither a certificate is revoked nor one of those that may lead from it to an authority: each issuer must
    /// have a list.
    pub(super) fn holds(
        &self,
        own: &CertificateDer<'_>,
        (between, authorities): (&[CertificateDer<'_>], &[CertificateDer<'static>]),
        algorithms: Algorithms,
        now: UnixTime,
    ) -> Result<(), Error> {
        let known: Vec<_> =
            between.iter().chain(authorities).filter_map(|der| Some((der, parse(der)?))).collect();
        let mut path = vec![own];
        let mut looked_at = 0;
        while let Some(der) = path.get(looked_at).copied() {
            looked_at += 1;
            let Some(certificate) = parse(der) else { continue };
            if authorities.contains(der) && is_its_own_issuer(&certificate) {
                continue;
            }
            let signed = Signed::from_der(der)?;
            let has_signed = |(_, upper): &&(_, X509Certificate<'_>)| {
                upper.subject().as_raw() == certificate.issuer().as_raw() && signed.is_by(upper, algorithms)
            };
            let signers: Vec<_> = known.iter().filter(has_signed).collect();
            let theirs = |list: &&List| {
                let mut signers = signers.iter().map(|(_, signer)| signer);
                list.issuer == certificate.issuer().as_raw()
                    && signers.any(|signer| list.is_by(signer, algorithms))
            };
            say(self.0.iter().filter(theirs), certificate.raw_serial(), now)?;
            for (upper, _) in signers {
                if between.contains(upper) && !path.contains(upper) {
                    path.push(upper);
                }
            }
        }
        Ok(())
    }
}

/// What the lists of one issuer say of a certificate: each may revoke it, and one has to be new enough.
fn say<'l>(lists: impl Iterator<Item = &'l List>, number: &[u8], now: UnixTime) -> Result<(), Error> {
    let mut outcome = Err(Error::UnknownRevocationStatus);
    for list in lists {
        match list.says(number, now) {
            Err(Error::CertRevoked) => return Err(Error::CertRevoked),
            said if outcome.is_err() => outcome = said,
            _ => {}
        }
    }
    outcome
}

fn parse<'c>(der: &'c CertificateDer<'_>) -> Option<X509Certificate<'c>> {
    X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed)
}

impl List {
    fn of(
        der: &CertificateRevocationListDer<'static>,
        authorities: &[X509Certificate<'_>],
        algorithms: Algorithms,
    ) -> Option<Self> {
        let (_, parsed) = CertificateRevocationList::from_der(der).ok()?;
        // A list of some certificates, or of changes, says so by an extension that has to be understood.
        let is_plain = !parsed.extensions().iter().any(|extension| extension.critical)
            && parsed
                .iter_revoked_certificates()
                .all(|one| !one.extensions().iter().any(|extension| extension.critical));
        let signed = Signed::from_der(der).ok()?;
        let signers = authorities.iter().filter(|authority| signed.is_by(authority, algorithms));
        is_plain.then(|| Self {
            der: der.clone(),
            issuer: parsed.issuer().as_raw().to_vec(),
            keys: signers.map(|signer| signer.public_key().raw.to_vec()).collect(),
            until: parsed.next_update().map(|time| time.timestamp()),
            numbers: parsed.iter_revoked_certificates().map(|one| plain(one.raw_serial()).to_vec()).collect(),
        })
    }

    fn is_by(&self, signer: &X509Certificate<'_>, algorithms: Algorithms) -> bool {
        self.keys.iter().any(|key| key == signer.public_key().raw)
            || Signed::from_der(&self.der).is_ok_and(|signed| signed.is_by(signer, algorithms))
    }

    fn says(&self, number: &[u8], now: UnixTime) -> Result<(), Error> {
        let at = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if self.numbers.contains(plain(number)) {
            return Err(Error::CertRevoked);
        }
        match self.until.filter(|until| at > *until) {
            Some(until) => {
                let next_update =
                    UnixTime::since_unix_epoch(Duration::from_secs(until.max(0).unsigned_abs()));
                Err(Error::CrlExpired { time: now, next_update })
            }
            None => Ok(()),
        }
    }
}

/// Without the zeros that only keep it from being negative.
fn plain(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(first..).unwrap_or_default()
}

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
    /// Until when it is to be believed, in seconds since 1970.
    until: Option<i64>,
    numbers: HashSet<Vec<u8>>,
}

impl Revoked {
    /// Takes lists; `None` where one cannot be read, or says what would have to be understood.
    pub(super) fn of(lists: &[CertificateRevocationListDer<'static>]) -> Option<Self> {
        lists.iter().map(List::of).collect::<Option<_>>().map(Self)
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
        let issuers: Vec<_> = between.iter().chain(authorities).filter_map(parse).collect();
        let above = |lower: &X509Certificate<'_>| -> Vec<_> {
            let leads_up = |der: &&CertificateDer<'_>| {
                parse(der).is_some_and(|upper| upper.subject().as_raw() == lower.issuer().as_raw())
            };
            between.iter().filter(leads_up).collect()
        };
        let mut path = vec![own];
        let mut looked_at = 0;
        while let Some(der) = path.get(looked_at).copied() {
            looked_at += 1;
            let Some(certificate) = parse(der) else { continue };
            if authorities.contains(der) && is_its_own_issuer(&certificate) {
                continue;
            }
            self.of_issuer(&certificate, &issuers, algorithms)
                .ok_or(Error::UnknownRevocationStatus)?
                .says(certificate.raw_serial(), now)?;
            for upper in above(&certificate) {
                if !path.contains(&upper) {
                    path.push(upper);
                }
            }
        }
        Ok(())
    }

    /// The list of whoever made out a certificate, signed with a key of that name.
    fn of_issuer(
        &self,
        certificate: &X509Certificate<'_>,
        issuers: &[X509Certificate<'_>],
        algorithms: Algorithms,
    ) -> Option<&List> {
        let name = certificate.issuer().as_raw();
        let is_theirs = |list: &&List| {
            let Ok(signed) = Signed::from_der(&list.der) else { return false };
            let mut named = issuers.iter().filter(|issuer| issuer.subject().as_raw() == name);
            list.issuer == name && named.any(|issuer| signed.is_by(issuer, algorithms))
        };
        self.0.iter().find(is_theirs)
    }
}

fn parse<'c>(der: &'c CertificateDer<'_>) -> Option<X509Certificate<'c>> {
    X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed)
}

impl List {
    fn of(der: &CertificateRevocationListDer<'static>) -> Option<Self> {
        let (_, parsed) = CertificateRevocationList::from_der(der).ok()?;
        // A list of some certificates, or of changes, says so by an extension that has to be understood.
        let is_plain = !parsed.extensions().iter().any(|extension| extension.critical)
            && parsed
                .iter_revoked_certificates()
                .all(|one| !one.extensions().iter().any(|extension| extension.critical));
        is_plain.then(|| Self {
            der: der.clone(),
            issuer: parsed.issuer().as_raw().to_vec(),
            until: parsed.next_update().map(|time| time.timestamp()),
            numbers: parsed.iter_revoked_certificates().map(|one| plain(one.raw_serial()).to_vec()).collect(),
        })
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

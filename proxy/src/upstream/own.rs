//! Servers' own certificates that are an authority's as well, as `openssl req -x509` makes them.
//!
//! rustls takes no authority's certificate for a server's. So where the file of `tls ca=…` has one that is made out to the
//! server, its connection is taken without a look at who signed, and must have shown that very certificate before
//! anything is sent on it. That the server has its key the handshake has shown.

use super::Upstreams;
use super::authority::Secured;
use super::pool::Target;
use super::standing::Standing;
use crate::exchange::Exchange;
use aws_lc_rs::digest::{SHA256, digest};
use pingora_core::protocols::Digest;
use pingora_core::protocols::tls::CaType;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::utils::tls::WrappedX509;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::Relaxed;
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;

/// How rustls calls such a certificate.
pub(super) const AN_AUTHORITYS: &str = "CaUsedAsEndEntity";

/// Those of one file.
#[derive(Debug, Default)]
pub(super) struct OwnCertificates(Vec<Own>);

#[derive(Debug)]
struct Own {
    der: CertificateDer<'static>,
    /// What Pingora tells of a certificate.
    sha256: Vec<u8>,
    /// In seconds since 1970.
    valid: RangeInclusive<i64>,
}

impl OwnCertificates {
    pub(super) fn of(certificates: &CaType) -> Self {
        let own = |one: &WrappedX509| Own::of(one.borrow_raw_cert(), one.borrow_cert());
        Self(certificates.iter().filter_map(own).collect())
    }

    fn for_name(&self, name: &str) -> impl Iterator<Item = &Own> {
        let name = ServerName::try_from(name).ok();
        self.0.iter().filter(move |own| name.as_ref().is_some_and(|name| own.is_for(name)))
    }
}

impl Own {
    /// `None` for one that is no authority's, or names no server.
    fn of(der: &[u8], parsed: &X509Certificate<'_>) -> Option<Self> {
        let valid = parsed.validity().not_before.timestamp()..=parsed.validity().not_after.timestamp();
        let sha256 = digest(&SHA256, der).as_ref().to_vec();
        let names_servers = parsed.subject_alternative_name().is_ok_and(|names| names.is_some());
        (parsed.is_ca() && names_servers).then(|| Self { der: der.to_vec().into(), sha256, valid })
    }

    fn is_for(&self, name: &ServerName<'_>) -> bool {
        let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
        let is_made_out = |own: EndEntityCert<'_>| own.verify_is_valid_for_subject_name(name).is_ok();
        self.valid.contains(&now) && EndEntityCert::try_from(&self.der).is_ok_and(is_made_out)
    }
}

impl Secured {
    /// Whether Pingora is to check the certificate that a server of this name shows.
    pub(super) fn is_checked_by_pingora(&self, standing: &Standing, name: &str) -> bool {
        self.verify && (standing.shows_another.load(Relaxed) || self.own.for_name(name).next().is_none())
    }

    /// Whether a server is to be believed that Pingora has connected to. One that is not is checked by Pingora from now on:
    /// an authority of the file may have signed what it shows.
    pub(super) fn believes(&self, standing: &Standing, peer: &HttpPeer, digest: Option<&Digest>) -> bool {
        if !peer.is_tls() || !self.verify || peer.options.verify_cert {
            return true;
        }
        let shown = digest.and_then(|digest| digest.ssl_digest.as_ref());
        let is_shown = |own: &Own| shown.is_some_and(|shown| own.sha256 == shown.cert_digest);
        let is_believed = self.own.for_name(&peer.sni).any(is_shown);
        standing.shows_another.store(!is_believed, Relaxed);
        if !is_believed {
            standing.disbelieved.fetch_add(1, Relaxed);
        }
        is_believed
    }
}

impl Standing {
    /// A handshake has failed: a server that has shown its own certificate by that shows no other.
    pub(super) fn handshake_failed(&self, reason: &str) {
        if reason.contains(AN_AUTHORITYS) {
            self.shows_another.store(false, Relaxed);
        }
    }
}

impl Upstreams {
    /// Whether the server of an exchange is to be believed, now that there is a connection; if not, the next one is checked
    /// in another way.
    pub(crate) fn believes(
        &self,
        exchange: &Exchange,
        target: &Target,
        peer: &HttpPeer,
        digest: Option<&Digest>,
    ) -> bool {
        let tls = exchange.proxy().and_then(|proxy| proxy.tls.as_ref());
        let secured = tls.and_then(|tls| self.authorities.of(tls));
        secured.is_none_or(|secured| secured.believes(&target.member.standing, peer, digest))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pingora_core::utils::tls::parse_x509;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

    fn own(names: &[&str], special: impl FnOnce(&mut CertificateParams)) -> OwnCertificates {
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        special(&mut params);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        OwnCertificates::of(&[WrappedX509::new(certificate.der().to_vec(), parse_x509)])
    }

    #[test]
    fn one_is_its_servers_by_its_name_and_for_as_long_as_it_is_valid() {
        let has = |own: &OwnCertificates, name: &str| own.for_name(name).next().is_some();
        let app = own(&["app.test", "*.app.test", "192.0.2.1"], |_| {});
        let names = ["app.test", "x.app.test", "192.0.2.1", "other.test", "no name", ""];
        assert_eq!(names.map(|name| has(&app, name)), [true, true, true, false, false, false]);
        assert!(!has(&own(&[], |_| {}), "app.test"), "an authority that is no server");
        let no_ca = own(&["app.test"], |params| params.is_ca = IsCa::ExplicitNoCa);
        let old = own(&["app.test"], |params| params.not_after = date_time_ymd(2020, 1, 1));
        let new = own(&["app.test"], |params| params.not_before = date_time_ymd(2100, 1, 1));
        assert!([no_ca, old, new].iter().all(|own| !has(own, "app.test")));
    }
}

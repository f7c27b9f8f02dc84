//! Who is let in by a certificate, and who is not.
#![allow(clippy::unwrap_used)]

use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

type Ca = CertifiedIssuer<'static, KeyPair>;

/// A day in 2030.
const NOW: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(1_900_000_000));

fn params(name: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(serial.into());
    params
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(name, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn root(name: &str) -> Ca {
    CertifiedIssuer::self_signed(ca_params(name), KeyPair::generate().unwrap()).unwrap()
}

fn below(issuer: &Ca, name: &str) -> Ca {
    CertifiedIssuer::signed_by(ca_params(name), KeyPair::generate().unwrap(), issuer).unwrap()
}

fn client(issuer: &Ca, serial: u64) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    params("alice", serial).signed_by(&key, issuer).unwrap().der().clone()
}

/// A list of what an authority has revoked, to be believed until the end of a year.
fn list(issuer: &Ca, serials: &[u64], until: i32) -> String {
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(until, 12, 31),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().pem().unwrap()
}

/// Files, and who judges by them.
struct Court {
    folder: TempDir,
}

impl Court {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Path::display(&path).to_string()
    }

    /// By these authorities, these lists and this depth.
    fn judge(&self, authorities: &str, lists: &str, depth: Option<usize>) -> Judge {
        let asks = ClientCa {
            file: Some(self.file("ca.pem", authorities)),
            more: None,
            crl: (!lists.is_empty()).then(|| self.file("crl.pem", lists)),
            depth,
            require: true,
            on_failure: ClientFailure::Close,
        };
        Authorities::read(&asks).unwrap().judge().unwrap()
    }
}

/// What becomes of a chain.
fn said(judge: &Judge, chain: &[CertificateDer<'_>]) -> String {
    judge.verdict(Some(chain), NOW).text()
}

#[test]
fn who_is_on_a_list_is_refused_and_who_is_not_is_let_in() {
    let (court, ca) = (Court::new(), root("the CA"));
    let judge = court.judge(&ca.pem(), &list(&ca, &[7], 2031), None);
    assert_eq!(said(&judge, &[client(&ca, 7)]), "FAILED:certificate revoked");
    assert_eq!(said(&judge, &[client(&ca, 8)]), "SUCCESS");
}

#[test]
fn each_issuer_needs_a_list_of_its_own_that_is_not_too_old() {
    let (court, ca) = (Court::new(), root("the CA"));
    let judge = court.judge(&ca.pem(), &list(&root("another CA"), &[], 2031), None);
    assert_eq!(said(&judge, &[client(&ca, 7)]), "FAILED:unable to get certificate CRL");
    // Somebody of the same name has signed it.
    let judge = court.judge(&ca.pem(), &list(&root("the CA"), &[], 2031), None);
    assert_eq!(said(&judge, &[client(&ca, 7)]), "FAILED:unable to get certificate CRL");
    let judge = court.judge(&ca.pem(), &list(&ca, &[], 2021), None);
    assert_eq!(said(&judge, &[client(&ca, 7)]), "FAILED:CRL has expired");
}

#[test]
fn of_several_lists_of_one_issuer_each_may_revoke_and_one_has_to_be_new_enough() {
    let (court, ca) = (Court::new(), root("the CA"));
    let (old, new) = (list(&ca, &[7], 2021), list(&ca, &[7, 8], 2031));
    for lists in [old.clone() + &new, new + &old] {
        let judge = court.judge(&ca.pem(), &lists, None);
        assert_eq!(said(&judge, &[client(&ca, 7)]), "FAILED:certificate revoked");
        assert_eq!(said(&judge, &[client(&ca, 8)]), "FAILED:certificate revoked");
        assert_eq!(said(&judge, &[client(&ca, 9)]), "SUCCESS");
    }
    let judge = court.judge(&ca.pem(), &(old.clone() + &old), None);
    assert_eq!(said(&judge, &[client(&ca, 9)]), "FAILED:CRL has expired");
}

#[test]
fn of_two_authorities_of_one_name_each_revokes_what_it_has_signed() {
    let (court, old, new) = (Court::new(), root("the CA"), root("the CA"));
    let (olds, news) = (list(&old, &[7], 2031), list(&new, &[8], 2031));
    let both = old.pem() + &new.pem();
    for lists in [olds.clone() + &news, news + &olds] {
        let judge = court.judge(&both, &lists, None);
        for (issuer, revoked, holding) in [(&old, 7, 8), (&new, 8, 7)] {
            assert_eq!(said(&judge, &[client(issuer, revoked)]), "FAILED:certificate revoked");
            assert_eq!(said(&judge, &[client(issuer, holding)]), "SUCCESS");
        }
    }
    let judge = court.judge(&both, &olds, None);
    assert_eq!(said(&judge, &[client(&new, 7)]), "FAILED:unable to get certificate CRL");
}

#[test]
fn an_issuer_that_is_revoked_lets_nobody_in() {
    let (court, ca) = (Court::new(), root("the CA"));
    let mut params = ca_params("between");
    params.serial_number = Some(5.into());
    let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &ca).unwrap();
    let chain = [client(&between, 7), between.der().clone()];
    let lists = |revoked: &[u64]| list(&ca, revoked, 2031) + &list(&between, &[], 2031);
    assert_eq!(said(&court.judge(&ca.pem(), &lists(&[]), None), &chain), "SUCCESS");
    assert_eq!(said(&court.judge(&ca.pem(), &lists(&[5]), None), &chain), "FAILED:certificate revoked");
}

#[test]
fn a_chain_may_be_as_long_as_depth_says() {
    let (court, ca) = (Court::new(), root("the CA"));
    let first = below(&ca, "first");
    let second = below(&first, "second");
    let chain = [client(&second, 7), second.der().clone(), first.der().clone()];
    for (depth, expected) in [
        (None, "SUCCESS"),
        (Some(2), "SUCCESS"),
        (Some(1), "FAILED:certificate chain too long"),
        (Some(0), "FAILED:certificate chain too long"),
    ] {
        assert_eq!(said(&court.judge(&ca.pem(), "", depth), &chain), expected, "{depth:?}");
    }
    // Of an authority in between the file says nothing to who counts.
    let direct = [client(&first, 7)];
    assert_eq!(said(&court.judge(&first.pem(), "", None), &direct), "SUCCESS");
    assert_ne!(said(&court.judge(&first.pem(), "", Some(3)), &direct), "SUCCESS");
}

#[test]
fn who_holds_a_certificate_makes_none_out() {
    let (court, ca) = (Court::new(), root("the CA"));
    let key = KeyPair::generate().unwrap();
    let alice = params("alice", 7);
    let certificate = alice.signed_by(&key, &ca).unwrap();
    let issuer = Issuer::from_params(&alice, &key);
    let made_out =
        params("mallory", 8).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().clone();
    for authorities in [ca.pem(), ca.pem() + &certificate.pem()] {
        for depth in [None, Some(1), Some(9)] {
            let judge = court.judge(&authorities, "", depth);
            assert_ne!(said(&judge, &[made_out.clone(), certificate.der().clone()]), "SUCCESS");
            assert_ne!(said(&judge, std::slice::from_ref(&made_out)), "SUCCESS");
            assert_eq!(
                said(&judge, std::slice::from_ref(certificate.der())),
                "SUCCESS",
                "her own is listed, or signed"
            );
        }
    }
}

#[test]
fn an_authority_of_the_same_name_is_another_one() {
    let court = Court::new();
    let (ours, theirs) = (root("the CA"), root("the CA"));
    for depth in [None, Some(1)] {
        let judge = court.judge(&ours.pem(), "", depth);
        assert_ne!(said(&judge, &[client(&theirs, 7)]), "SUCCESS");
        assert_ne!(said(&judge, &[client(&theirs, 7), theirs.der().clone()]), "SUCCESS");
    }
}

#[test]
fn a_certificate_of_version_1_holds_where_a_listed_authority_has_signed_it_and_nowhere_else() {
    let court = Court::new();
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let judge = court.judge(CA, "", None);
    assert_eq!(said(&judge, &[der(OF_VERSION_1)]), "SUCCESS");
    assert_eq!(said(&judge, &[der(FORGED)]), "FAILED:certificate signature failure");
    let elsewhere = court.judge(&root("The CA").pem(), "", None);
    // Nor does it help to show its authority.
    assert_ne!(said(&elsewhere, &[der(OF_VERSION_1), der(CA)]), "SUCCESS");
    let late = UnixTime::since_unix_epoch(Duration::from_secs(6_000_000_000));
    let verdict = judge.verdict(Some(&[der(OF_VERSION_1)]), late);
    assert_eq!(verdict.text(), "FAILED:certificate has expired");
}

/// By `openssl req -x509`.
const CA: &str = "\
-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIULsWYMXPPjM2w7HUfxz1ySj1WL48wCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGVGhlIENBMCAXDTI2MTEyMjAxNDg0OFoYDzIxMjYxMDI5MDE0
ODQ4WjARMQ8wDQYDVQQDDAZUaGUgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARBuf8PzFTsFewmpQ9w6Vpagt2h29Bc1GjM2uIsYUPaPPOG5M8sebq7aXTi2i3S
3ZyqIysI2MxML//SZy2P/Zgwo1MwUTAdBgNVHQ4EFgQUmSa/OVp5GbFEUPybPtnW
id99etwwHwYDVR0jBBgwFoAUmSa/OVp5GbFEUPybPtnWid99etwwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAun4KLfBS0RYv4aeYdRyKMtj2WA9t
1mw/mhNKxp/U+OwCIAtHBVPcgpA8s6ZbfuqxOFDIGvonYligCqOABIGVhmBE
-----END CERTIFICATE-----
";

/// By `openssl x509 -req`, which asks for no extension.
const OF_VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBCjCBsQIBBzAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZUaGUgQ0EwIBcNMjYx
MTIyMDE0ODQ4WhgPMjEyNjEwMjkwMTQ4NDhaMBAxDjAMBgNVBAMMBWFsaWNlMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEk89y8p/PPzMCNXq3B7vxh2mGW4Jsu1jR
WfvgsWb1Lfp14Q/nV8o0eBMLhARxknTvEG9I+lTYkOS0LOPzaRib0zAKBggqhkjO
PQQDAgNIADBFAiEAlow/Vq8sBWgM0vQ47XH/nLCLcCuaKMdlbWoqoE7qc8sCIHhU
ZuLH5Y08GyIwXAtwJbavONbBfD+jBlzhFzKtP5I8
-----END CERTIFICATE-----
";

/// The same of another authority with the same name.
const FORGED: &str = "\
-----BEGIN CERTIFICATE-----
MIIBCTCBsQIBCDAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZUaGUgQ0EwIBcNMjYx
MTIyMDE0ODQ4WhgPMjEyNjEwMjkwMTQ4NDhaMBAxDjAMBgNVBAMMBWFsaWNlMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEk89y8p/PPzMCNXq3B7vxh2mGW4Jsu1jR
WfvgsWb1Lfp14Q/nV8o0eBMLhARxknTvEG9I+lTYkOS0LOPzaRib0zAKBggqhkjO
PQQDAgNHADBEAiBdY1B/Yiip859kp5pA2Obtn29efAmDXhify3Qh/gHHigIgKToj
otAuGhILlgNULICU1iz1cI9LN+WocGH2mfe8824=
-----END CERTIFICATE-----
";

//! A server with several certificates, whose keys are of several kinds: each client is shown one that it can verify.

use crate::harness::{Authority, Pair, Vordr, ends, eventually, subject_shown, written};
use rcgen::{DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A certificate for `a.test` with a key of a kind, which it is called by.
pub(crate) fn pair(authority: &Authority, kind: &str) -> Pair {
    let key = match kind {
        "ecdsa" => KeyPair::generate(),
        "p384" => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        "ed25519" => KeyPair::from_pem(&ed25519()),
        _ => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
    };
    authority
        .pair_of(key.unwrap(), &["a.test"], |params| params.distinguished_name.push(DnType::CommonName, kind))
}

/// A key as OpenSSL makes it, which cannot read those of rcgen.
fn ed25519() -> String {
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output().unwrap();
    String::from_utf8(made.stdout).unwrap()
}

/// A folder with certificates of these kinds, and the words of `tls` that name them.
fn written_pairs(kinds: &[&str]) -> (TempDir, String) {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let words: Vec<_> = kinds.iter().map(|kind| pair(&authority, kind).write(folder.path(), kind)).collect();
    (folder, words.join("; "))
}

fn server(listen: &str, tls: &str) -> String {
    format!(
        r#"server a.test {{ listen {listen} tls=on; tls {{ {tls}; }}; location "/" {{ respond 200 hello; }} }}"#
    )
}

async fn is_shown(vordr: &Vordr, arguments: &str, subject: Option<&str>) {
    let shown = subject_shown(vordr.address(), arguments).await;
    assert_eq!(shown.as_deref(), subject, "{arguments}: {}", vordr.error_log());
}

#[tokio::test]
async fn each_client_is_shown_the_certificate_that_it_can_verify_and_ecdsa_where_it_can_both() {
    let (_folder, tls) = written_pairs(&["rsa", "ecdsa"]);
    let vordr = Vordr::running(&server("0", &tls)).await;
    let (rsa, ecdsa) = (Some("rsa"), Some("ecdsa"));
    is_shown(&vordr, "-tls1_3", ecdsa).await;
    is_shown(&vordr, "-tls1_3 -sigalgs RSA-PSS+SHA256", rsa).await;
    is_shown(&vordr, "-tls1_3 -sigalgs ECDSA+SHA256", ecdsa).await;
    is_shown(&vordr, "-tls1_3 -sigalgs RSA-PSS+SHA256:ECDSA+SHA256", ecdsa).await;
    is_shown(&vordr, "-tls1_3 -sigalgs ed25519", None).await;
    is_shown(&vordr, "-tls1_2", ecdsa).await;
    is_shown(&vordr, "-tls1_2 -sigalgs RSA+SHA256", rsa).await;
    is_shown(&vordr, "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", rsa).await;
    is_shown(&vordr, "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", ecdsa).await;
    let failed = r#"vordr_tls_handshake_failures_total{listener=":0",reason="nothing_in_common"}"#;
    assert_eq!(vordr.metric(failed).await, 1.0);
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_taken_beside_the_other_even_with_a_key_of_another_kind() {
    let (folder, tls) = written_pairs(&["rsa", "ecdsa"]);
    let vordr = Vordr::running(&server("0", &tls)).await;
    pair(&Authority::new(), "ed25519").write(folder.path(), "ecdsa");
    eventually("the new one", || vordr.error_log().contains("certificate replaced").then_some(())).await;
    is_shown(&vordr, "-tls1_3", Some("ed25519")).await;
    is_shown(&vordr, "-tls1_3 -sigalgs ECDSA+SHA256:RSA-PSS+SHA256", Some("rsa")).await;
}

#[tokio::test]
async fn the_metrics_tell_of_the_certificate_that_runs_out_first() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let until = |seconds: u64, name: &str| {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let key = match name {
            "ed25519" => KeyPair::generate_for(&PKCS_ED25519),
            _ => KeyPair::generate(),
        };
        let key = key.unwrap();
        let made = authority.pair_of(key, &["a.test"], |params| params.not_after = end.into());
        made.write(folder.path(), name)
    };
    let tls = format!("{}; {}", until(3_000_000_000, "ecdsa"), until(2_000_000_000, "ed25519"));
    let vordr = Vordr::running(&server("0", &tls)).await;
    assert_eq!(vordr.metric(r#"vordr_tls_certificate_not_after_seconds{server="a.test"}"#).await, 2e9);
}

/// What `check` says of a file, and whether it is content.
fn checked(name: &str, rules: &str) -> (String, bool) {
    let (_folder, path) = written(rules);
    let path = path.with_file_name(name);
    std::fs::write(&path, rules).unwrap();
    let output = ends(&["check", path.to_str().unwrap()]);
    (String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(), output.status.success())
}

#[test]
fn a_pair_that_does_not_match_is_found_whichever_it_is() {
    let (folder, tls) = written_pairs(&["rsa", "ecdsa"]);
    assert!(checked("a.kdl", &server("443", &tls)).1);
    pair(&Authority::new(), "ecdsa").write(folder.path(), "other");
    std::fs::copy(folder.path().join("other.key"), folder.path().join("ecdsa.key")).unwrap();
    let (said, holds) = checked("a.kdl", &server("443", &tls));
    assert!(!holds && said.contains("wrong-key") && said.contains("ecdsa.key"), "{said}");
}

#[test]
fn two_keys_of_one_kind_are_an_error_and_in_nginxs_syntax_the_later_takes_the_place_of_the_earlier() {
    let (folder, tls) = written_pairs(&["ecdsa", "p384"]);
    let (said, holds) = checked("a.kdl", &server("443", &tls));
    assert!(!holds && said.contains("duplicate-certificate") && said.contains("ECDSA"), "{said}");
    let files = ["ecdsa", "p384"].map(|kind| {
        let at = folder.path().join(kind).display().to_string();
        format!("ssl_certificate {at}.pem; ssl_certificate_key {at}.key;")
    });
    let rules =
        format!("http {{ server {{ listen 443 ssl; server_name a.test; {} return 204; }} }}", files.concat());
    let (said, holds) = checked("a.conf", &rules);
    assert!(holds && said.contains("duplicate-certificate"), "{said}");
}

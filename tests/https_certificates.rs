//! Certificates in files: taken over when they change, kept when they go bad, judged by `check` and `run`.

use crate::harness::{Authority, Binary, Pair, TlsClient, Vordr, ends, eventually, written};
use serde_json::Value;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

fn server(tls: &str) -> String {
    format!(r#"server a.test {{ listen 0 tls=on; tls {{ {tls}; }}; location "/" {{ respond 200 hello; }} }}"#)
}

/// Whether this certificate is what is shown now.
async fn is_shown(vordr: &Vordr, authority: &Authority, pair: &Pair) -> bool {
    let secured = TlsClient::trusting(authority).connect(vordr.address(), "a.test").await;
    secured.unwrap().shown == pair.der
}

async fn becomes_shown(vordr: &Vordr, authority: &Authority, pair: &Pair) {
    let end = tokio::time::Instant::now() + Duration::from_secs(15);
    while !is_shown(vordr, authority, pair).await {
        assert!(tokio::time::Instant::now() < end, "it is not shown: {}", vordr.error_log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_certificate_that_is_renamed_over_is_taken_and_open_connections_stay() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (first, second) = (authority.pair(&["a.test"]), authority.pair(&["a.test"]));
    let vordr = Vordr::running(&server(&first.write(folder.path(), "a"))).await;
    let mut open = TlsClient::trusting(&authority).connect(vordr.address(), "a.test").await.unwrap();
    assert_eq!(open.shown, first.der);
    second.write(folder.path(), "a");
    becomes_shown(&vordr, &authority, &second).await;
    assert_eq!(open.client.get("a.test", "/").await.text(), "hello");
    let told = || vordr.error_log().contains("certificate replaced").then_some(());
    eventually("a line that tells of the new certificate", told).await;
}

#[tokio::test]
async fn a_folder_that_is_swapped_behind_a_link_is_taken_as_kubernetes_does_it() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (first, second) = (authority.pair(&["a.test"]), authority.pair(&["a.test"]));
    for (name, pair) in [("..1", &first), ("..2", &second)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        pair.write(&folder.path().join(name), "tls");
    }
    let data = folder.path().join("..data");
    symlink("..1", &data).unwrap();
    for name in ["tls.pem", "tls.key"] {
        symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
    }
    let [cert, key] = ["tls.pem", "tls.key"].map(|name| folder.path().join(name));
    let vordr = Vordr::running(&server(&format!("cert {cert:?}; key {key:?}"))).await;
    assert!(is_shown(&vordr, &authority, &first).await);
    symlink("..2", folder.path().join("..new")).unwrap();
    std::fs::rename(folder.path().join("..new"), data).unwrap();
    becomes_shown(&vordr, &authority, &second).await;
}

#[tokio::test]
async fn a_bad_certificate_changes_nothing_says_why_once_and_a_good_one_is_taken_afterwards() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let first = authority.pair(&["a.test"]);
    let vordr = Vordr::running(&server(&first.write(folder.path(), "a"))).await;
    // Another certificate with the key of the one before.
    std::fs::write(folder.path().join("a.pem"), &authority.pair(&["a.test"]).chain).unwrap();
    let refused = || vordr.error_log().matches("the new certificate is not taken").count();
    eventually("a line in the log", || (refused() > 0).then_some(())).await;
    assert!(vordr.error_log().contains("the key is not this certificate's"), "{}", vordr.error_log());
    assert!(is_shown(&vordr, &authority, &first).await);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(refused(), 1);
    std::fs::remove_file(folder.path().join("a.pem")).unwrap();
    eventually("a second line", || (refused() == 2).then_some(())).await;
    assert!(is_shown(&vordr, &authority, &first).await);
    let good = authority.pair(&["a.test"]);
    good.write(folder.path(), "a");
    becomes_shown(&vordr, &authority, &good).await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_for_a_while_is_taken_once_it_can() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (first, second) = (authority.pair(&["a.test"]), authority.pair(&["a.test"]));
    let vordr = Binary::running(&server(&first.write(folder.path(), "a"))).await;
    let before = vordr.limit_descriptors(Some(1));
    second.write(folder.path(), "a");
    let refused = || vordr.said().matches("the new certificate is not taken").count();
    eventually("a line in the log", || (refused() > 0).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(refused(), 1, "{}", vordr.said());
    vordr.limit_descriptors(before);
    eventually("the new one", || vordr.said().contains("certificate replaced").then_some(())).await;
    let secured = TlsClient::trusting(&authority).connect(vordr.address(), "a.test").await;
    assert_eq!(secured.unwrap().shown, second.der);
}

#[tokio::test]
async fn the_passwords_of_a_key_may_come_after_it() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (first, second) = (authority.pair(&["a.test"]), authority.pair(&["a.test"]));
    let (words, passwords) = (first.write(folder.path(), "a"), folder.path().join("passwords"));
    std::fs::write(&passwords, "old").unwrap();
    let vordr = Vordr::running(&server(&format!("{words} passwords={passwords:?}"))).await;
    std::fs::write(folder.path().join("a.pem"), &second.chain).unwrap();
    std::fs::write(folder.path().join("a.key"), locked(&second, "new")).unwrap();
    let refused = || vordr.error_log().contains("the new certificate is not taken").then_some(());
    eventually("a line in the log", refused).await;
    std::fs::write(&passwords, "old\nnew\n").unwrap();
    becomes_shown(&vordr, &authority, &second).await;
}

/// A key that a password opens.
fn locked(pair: &Pair, password: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, pair.key_pem()).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["pkcs8", "-topk8", "-v2", "aes256", "-in"]).arg(key);
    let made = openssl.args(["-passout", &format!("pass:{password}")]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    made.stdout
}

#[tokio::test]
async fn a_new_authority_for_clients_is_taken_without_a_restart() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let clients = [Authority::named("old clients"), Authority::named("new clients")];
    let ca = folder.path().join("clients.pem");
    std::fs::copy(clients[0].file(), &ca).unwrap();
    let tls = authority.pair(&["a.test"]).write(folder.path(), "a");
    let vordr = Vordr::running(&server(&format!("{tls}; client-ca {ca:?}"))).await;
    let alice = TlsClient::trusting(&authority).showing(&clients[1].client("alice"));
    let is_let_in = async || {
        let mut secured = alice.connect(vordr.address(), "a.test").await.unwrap();
        secured.client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        secured.client.head().await.is_some()
    };
    assert!(!is_let_in().await);
    std::fs::copy(clients[1].file(), &ca).unwrap();
    eventually("the new authority", || vordr.error_log().contains("authorities replaced").then_some(()))
        .await;
    assert!(is_let_in().await);
}

#[tokio::test]
async fn the_metrics_tell_when_a_certificate_runs_out() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    let pair = authority.pair_with(&["a.test"], |params| params.not_after = end.into());
    let vordr = Vordr::running(&server(&pair.write(folder.path(), "a"))).await;
    assert_eq!(vordr.metric(r#"vordr_tls_certificate_not_after_seconds{server="a.test"}"#).await, 2e9);
}

/// What `check` finds, as code and severity; and whether it fails.
fn checked(rules: &str) -> (Vec<(String, String)>, bool) {
    let (_folder, path) = written(rules);
    let output = ends(&["check", "--format", "json", path.to_str().unwrap()]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |found: &Value, key: &str| found[key].as_str().unwrap().to_owned();
    let found = found.as_array().unwrap().iter();
    (found.map(|one| (text(one, "code"), text(one, "severity"))).collect(), !output.status.success())
}

/// A folder with a certificate, and the rules that name it.
fn with_pair(pair: &Pair) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let rules = server(&pair.write(folder.path(), "a")).replace("listen 0", "listen 443");
    (folder, rules)
}

fn is_warned_of(pair: &Pair, code: &str) {
    let (_folder, rules) = with_pair(pair);
    assert_eq!(checked(&rules), (vec![(code.to_owned(), "warning".to_owned())], false));
}

fn is_refused(rules: &str, code: &str) {
    assert_eq!(checked(rules), (vec![(code.to_owned(), "error".to_owned())], true), "check");
    let (_folder, path) = written(rules);
    let run = ends(&["run", path.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success() && said.contains(code), "{said}");
}

#[test]
fn what_cannot_be_served_is_an_error_of_check_and_of_run() {
    let authority = Authority::new();
    let (folder, rules) = with_pair(&authority.pair(&["a.test"]));
    assert_eq!(checked(&rules), (vec![], false));
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.key", &authority.pair(&["a.test"]).key_pem());
    is_refused(&rules, "wrong-key");
    write("a.key", "nothing");
    is_refused(&rules, "bad-certificate");
    write("a.pem", "nothing");
    is_refused(&rules, "bad-certificate");
    std::fs::remove_file(folder.path().join("a.pem")).unwrap();
    is_refused(&rules, "unreadable-certificate");
    let pair = authority.pair(&["a.test"]);
    let (folder, rules) = with_pair(&pair);
    std::fs::write(folder.path().join("passwords"), "wrong").unwrap();
    let rules = rules.replace("; };", &format!(" passwords={:?}; }};", folder.path().join("passwords")));
    assert_eq!(checked(&rules), (vec![], false), "it is not encrypted");
    std::fs::write(folder.path().join("a.key"), locked(&pair, "right")).unwrap();
    is_refused(&rules, "bad-certificate");
    let (folder, rules) = with_pair(&authority.pair(&["a.test"]));
    let rules = rules.replace("; };", &format!("; client-ca {:?}; }};", folder.path().join("a.key")));
    is_refused(&rules, "bad-client-ca");
}

#[test]
fn authorities_that_cannot_be_used_are_an_error_of_check_and_of_run() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    let to_app = |tls: &str| {
        format!(
            r#"server a.test {{ listen 8080; location "/" {{ proxy "https://b.test" {{ tls {tls}; }} }} }}"#
        )
    };
    let good = format!("ca={:?}", authority.file());
    assert_eq!(checked(&to_app(&good)), (vec![], false));
    is_refused(&to_app(&format!("ca={:?}", file("nowhere.pem"))), "bad-upstream-tls");
    is_refused(&to_app(&format!("{good} cert={0:?} key={0:?}", authority.file())), "bad-upstream-tls");
    let acme = |tls: &str| {
        let account = format!("vordr {{ state {:?}; acme ca={:?}; }}\n", folder.path(), file("nowhere.pem"));
        account + &server(tls).replace("listen 0", "listen 443")
    };
    is_refused(&acme("acme"), "bad-acme-ca");
    let pair = authority.pair(&["a.test"]).write(folder.path(), "a");
    assert_eq!(checked(&acme(&pair)), (vec![], false), "nothing is to come from it");
}

#[test]
fn what_clients_will_not_like_is_a_warning() {
    let authority = Authority::new();
    let day = Duration::from_secs(24 * 3600);
    let now = SystemTime::now();
    let valid = |from: SystemTime, until: SystemTime| {
        authority.pair_with(&["a.test"], |params| {
            (params.not_before, params.not_after) = (from.into(), until.into());
        })
    };
    is_warned_of(&valid(now - day * 90, now - day), "expired-certificate");
    is_warned_of(&valid(now + day, now + day * 90), "certificate-not-yet-valid");
    is_warned_of(&valid(now - day * 80, now + day * 10), "certificate-expires-soon");
    is_warned_of(&authority.pair(&["b.test"]), "uncovered-host");
    // Every public issuer says in a certificate where its own is to be had; the value is not looked into.
    let public = authority.pair_with(&["a.test"], |params| {
        let extension = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], vec![0x30, 0]);
        params.custom_extensions.push(extension);
    });
    is_warned_of(&public, "incomplete-chain");
    let mut disordered = authority.pair(&["a.test"]);
    disordered.chain.push_str(&authority.pair(&["b.test"]).chain);
    is_warned_of(&disordered, "incomplete-chain");
    let (folder, rules) = with_pair(&authority.pair(&["a.test"]));
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("a.key"), open).unwrap();
    assert_eq!(checked(&rules), (vec![("open-key".to_owned(), "warning".to_owned())], false));
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_served_all_the_same() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 3600);
    let pair = authority.pair_with(&["a.test"], |params| {
        (params.not_before, params.not_after) = ((now - day * 90).into(), (now - day).into());
    });
    let vordr = Vordr::running(&server(&pair.write(folder.path(), "a"))).await;
    let refused = TlsClient::trusting(&authority).connect(vordr.address(), "a.test").await.err().unwrap();
    assert!(refused.to_string().contains("expired"), "{refused}");
}

#[tokio::test]
async fn a_reload_brings_new_certificates_and_keeps_tickets_good() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let (first, second) = (authority.pair(&["a.test"]), authority.pair(&["a.test"]));
    let vordr = Vordr::running(&server(&first.write(folder.path(), "first"))).await;
    let client = TlsClient::trusting(&authority);
    let mut open = client.connect(vordr.address(), "a.test").await.unwrap();
    assert_eq!(open.client.get("a.test", "/").await.text(), "hello");
    let newer = format!("{}\n{}", vordr.process(), server(&second.write(folder.path(), "second")));
    vordr.replace(vordr::Vordr::from_text("newer.kdl", &newer).unwrap()).unwrap();
    let resumed = client.connect(vordr.address(), "a.test").await.unwrap();
    assert_eq!(resumed.kind, tokio_rustls::rustls::HandshakeKind::Resumed);
    assert!(is_shown(&vordr, &authority, &second).await);
    std::fs::write(folder.path().join("second.key"), "nothing").unwrap();
    let refused = vordr::Vordr::from_text("newer.kdl", &newer).unwrap_err().in_full();
    assert!(refused.contains("bad-certificate"), "{refused}");
    assert!(is_shown(&vordr, &authority, &second).await);
}

#[tokio::test]
async fn each_of_a_thousand_servers_shows_its_own_certificate() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let mut rules = String::new();
    for number in 0..1000 {
        let host = format!("h{number}.test");
        let tls = authority.pair(&[&host]).write(folder.path(), &host);
        rules += &format!(
            "server {host} {{ listen 0 tls=on; tls {{ {tls}; }}; location \"/\" {{ respond 200 {host}; }} }}\n"
        );
    }
    let vordr = Vordr::running(&rules).await;
    let client = TlsClient::trusting(&authority);
    for number in [0, 1, 499, 998, 999] {
        let host = format!("h{number}.test");
        let mut secured = client.connect(vordr.address(), &host).await.unwrap();
        assert_eq!(secured.client.get(&host, "/").await.text(), host);
    }
    let series =
        vordr.admin("/metrics").await.text().matches("vordr_tls_certificate_not_after_seconds{").count();
    assert_eq!(series, 1000);
}

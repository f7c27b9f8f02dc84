//! Certificates that look after themselves, got from Pebble.

use crate::harness::pebble::{Manner, Pebble};
use crate::harness::{Vordr, ends, free_port, within, written};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A place for state, and rules that want certificates from a Pebble.
pub(crate) struct Site {
    pub(crate) state: TempDir,
    account: String,
}

impl Site {
    pub(crate) fn of(pebble: &Pebble) -> Self {
        Self::with_account(pebble, "")
    }

    /// More words for the account.
    fn with_account(pebble: &Pebble, words: &str) -> Self {
        let account = format!("acme directory=\"{}\" ca={:?} {words}", pebble.directory(), pebble.ca());
        Self { state: tempfile::tempdir().expect("a folder"), account }
    }

    /// The words for the process.
    fn process(&self) -> String {
        format!("state {:?}\n{}", self.state.path(), self.account)
    }

    pub(crate) async fn serve(&self, rules: &str) -> Vordr {
        Vordr::running_with(&self.process(), rules).await
    }

    /// A file of the issuer's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let issuers: Vec<_> = std::fs::read_dir(self.state.path().join("acme")).unwrap().collect();
        assert_eq!(issuers.len(), 1, "one issuer");
        issuers[0].as_ref().unwrap().path().join(name)
    }

    pub(crate) fn certificate(&self, host: &str) -> PathBuf {
        self.file(&format!("certificates/{host}.pem"))
    }
}

/// A server whose certificate comes from ACME, on the ports that Pebble looks at.
pub(crate) fn rules(pebble: &Pebble, hosts: &str, acme: &str) -> String {
    format!(
        "server {hosts} {{ listen {} redirect=https; listen {} tls=on; tls {{ {acme}; }}\n\
         location \"/\" {{ respond 200 hello; }}; }}",
        pebble.http_port(),
        pebble.tls_port()
    )
}

/// Waits until the log has a line with all of these.
pub(crate) async fn logged(vordr: &Vordr, parts: &[&str]) -> String {
    for _ in 0..1000 {
        let log = vordr.error_log();
        if let Some(line) = log.lines().find(|line| parts.iter().all(|part| line.contains(part))) {
            return line.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no line with {parts:?} in\n{}", vordr.error_log());
}

pub(crate) async fn issued(vordr: &Vordr) {
    logged(vordr, &["a certificate from ACME is shown"]).await;
}

/// Pebble's certificates last longer, vordr's own ones do not. In seconds since 1970.
fn in_a_year() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs_f64() + 365.0 * 86_400.0
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_certificate_is_issued_by_http_01_for_every_host_of_the_server() {
    let pebble = Pebble::running().await;
    let site = Site::of(&pebble);
    let vordr =
        site.serve(&rules(&pebble, "a.test www.a.test", "acme challenge=http-01 \"ops@a.test\"")).await;
    logged(&vordr, &["a self-signed certificate is shown", "a.test"]).await;
    logged(&vordr, &["a certificate is ordered", "a.test www.a.test", "http-01"]).await;
    let line = logged(&vordr, &["a certificate from ACME is shown", "a.test www.a.test"]).await;
    assert!(line.contains("\"renewed\""), "{line}");
    for host in ["a.test", "www.a.test"] {
        assert!(pebble.vouched(host).await.is_some(), "{host}");
    }
    vordr.metric_becomes("vordr_acme_renewals_total{result=\"success\"}", 1.0).await;
    let expiry = vordr.metric("vordr_tls_certificate_not_after_seconds{server=\"a.test\"}").await;
    assert!(expiry > in_a_year(), "{expiry}");
    // Nothing that could be used elsewhere is told.
    assert!(!vordr.error_log().contains("PRIVATE KEY"), "{}", vordr.error_log());
    for file in [site.certificate("a.test"), site.file("account.json")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        assert_eq!(mode(file.parent().unwrap()), 0o700, "{}", file.display());
    }
}

#[tokio::test]
async fn a_certificate_is_issued_by_tls_alpn_01() {
    let pebble = Pebble::running().await;
    let site = Site::of(&pebble);
    let vordr = site.serve(&rules(&pebble, "a.test b.test", "acme challenge=tls-alpn-01")).await;
    logged(&vordr, &["a certificate is ordered", "tls-alpn-01"]).await;
    issued(&vordr).await;
    for host in ["a.test", "b.test"] {
        assert!(pebble.vouched(host).await.is_some(), "{host}");
    }
}

#[tokio::test]
async fn a_challenge_comes_before_the_rules_and_only_for_a_known_token() {
    let pebble = Pebble::running().await;
    pebble.names().change(None);
    let site = Site::of(&pebble);
    let vordr = site.serve(&rules(&pebble, "a.test", "acme")).await;
    // `redirect=https` leaves ACME's path alone, and then there is a location for it.
    let unknown = vordr.get("http://a.test/.well-known/acme-challenge/unknown").await;
    assert_eq!((unknown.status, unknown.text().as_str()), (200, "hello"));
    assert_eq!(vordr.get("http://a.test/").await.status, 301);
}

#[tokio::test]
async fn a_certificate_is_renewed_before_it_runs_out_and_every_handshake_finds_a_good_one() {
    let pebble = Pebble::running_as(Manner { lifetime: 9, ..Manner::default() }).await;
    let site = Site::of(&pebble);
    let vordr = site.serve(&rules(&pebble, "a.test", "acme")).await;
    issued(&vordr).await;
    let first = pebble.vouched("a.test").await.expect("a good certificate");
    within(async {
        loop {
            let shown = pebble.vouched("a.test").await.expect("a good certificate");
            if shown != first {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    assert!(pebble.orders() >= 2, "{}", pebble.said());
}

#[tokio::test]
async fn a_revoked_certificate_is_ordered_anew() {
    let pebble = Pebble::running().await;
    let site = Site::of(&pebble);
    let rules = rules(&pebble, "a.test", "acme");
    let vordr = site.serve(&rules).await;
    issued(&vordr).await;
    let first = pebble.vouched("a.test").await.expect("a good certificate");
    let (_folder, file) = written(&format!("vordr {{ {} }}\n{rules}", site.process()));
    let revoked = ends(&["revoke", "A.test", file.to_str().unwrap()]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    assert!(pebble.status(&first).contains("Revoked"), "{}", pebble.status(&first));
    logged(&vordr, &["the stored certificate is gone", "a.test"]).await;
    within(async {
        while pebble.vouched("a.test").await.expect("a good certificate") == first {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let again = ends(&["revoke", "other.test", file.to_str().unwrap()]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("other.test"));
}

#[tokio::test]
async fn an_issuer_that_is_away_at_the_start_is_asked_until_it_is_back() {
    let mut pebble = Pebble::away(Manner::default()).await;
    let site = Site::of(&pebble);
    let vordr = site.serve(&rules(&pebble, "a.test", "acme")).await;
    logged(&vordr, &["a self-signed certificate is shown"]).await;
    let line = logged(&vordr, &["no certificate was issued", "cannot reach localhost"]).await;
    assert!(line.contains("\"again\""), "{line}");
    assert_eq!(pebble.vouched("a.test").await, None);
    pebble.start().await;
    issued(&vordr).await;
    assert!(pebble.vouched("a.test").await.is_some());
    assert!(vordr.metric("vordr_acme_renewals_total{result=\"failure\"}").await >= 1.0);
}

#[tokio::test]
async fn a_challenge_that_fails_is_named_with_the_issuers_reason() {
    let pebble = Pebble::running().await;
    pebble.names().change(None);
    let site = Site::of(&pebble);
    let vordr = site.serve(&rules(&pebble, "a.test b.test", "acme")).await;
    let line = logged(&vordr, &["no certificate was issued", "a.test:"]).await;
    assert!(line.contains("b.test:") && line.contains("could not resolve"), "{line}");
    // The next attempt is far off, so that the issuer's limits are kept.
    assert_eq!(pebble.orders(), 1);
}

#[tokio::test]
async fn refused_nonces_do_not_keep_a_certificate_away() {
    let pebble = Pebble::running_as(Manner { refused_nonces: 30, ..Manner::default() }).await;
    let site = Site::of(&pebble);
    let vordr = site.serve(&rules(&pebble, "a.test", "acme")).await;
    issued(&vordr).await;
}

/// As an issuer gives it.
const EXTERNAL: (&str, &str) = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W");

#[tokio::test]
async fn an_external_account_is_bound_and_its_key_is_not_told() {
    let pebble = Pebble::running_as(Manner { external: Some(EXTERNAL), ..Manner::default() }).await;
    let (kid, key) = EXTERNAL;
    let site = Site::with_account(&pebble, &format!("eab-kid={kid} eab-key=\"{key}\""));
    let vordr = site.serve(&rules(&pebble, "a.test", "acme")).await;
    issued(&vordr).await;
    assert!(!vordr.error_log().contains(key));
    assert!(!vordr.admin("/config").await.text().contains(key));
}

#[tokio::test]
async fn another_external_account_needs_an_account_of_its_own() {
    let pebble = Pebble::running_as(Manner { external: Some(EXTERNAL), ..Manner::default() }).await;
    let (kid, key) = EXTERNAL;
    let mut site = Site::with_account(&pebble, &format!("eab-kid={kid} eab-key=\"{key}\""));
    let vordr = site.serve(&rules(&pebble, "a.test", "acme")).await;
    issued(&vordr).await;
    vordr.stop();
    vordr.stopped().await;
    let kept = std::fs::read_to_string(site.file("account.json")).unwrap();
    assert!(kept.contains(kid) && !kept.contains(key), "{kept}");
    site.account = site.account.replace(kid, "kid-2");
    let vordr = site.serve(&rules(&pebble, "a.test b.test", "acme")).await;
    logged(&vordr, &["set aside", "account.json", "not bound to the external account `kid-2`"]).await;
    // Which Pebble does not know.
    logged(&vordr, &["no certificate was issued", "not known to the ACME server"]).await;
}

#[tokio::test]
async fn an_issuer_that_asks_for_an_external_account_and_gets_none_says_so() {
    let pebble = Pebble::running_as(Manner { external: Some(EXTERNAL), ..Manner::default() }).await;
    let site = Site::of(&pebble);
    let vordr = site.serve(&rules(&pebble, "a.test", "acme")).await;
    logged(&vordr, &["no certificate was issued", "externalAccountRequired"]).await;
}

#[tokio::test]
async fn an_issuer_that_forgot_the_account_gets_a_new_one() {
    let mut pebble = Pebble::running().await;
    let site = Site::of(&pebble);
    let vordr = site.serve(&rules(&pebble, "a.test", "acme")).await;
    issued(&vordr).await;
    vordr.stop();
    vordr.stopped().await;
    pebble.start().await;
    // A host more: the stored certificate does not do, and is shown meanwhile.
    let vordr = site.serve(&rules(&pebble, "a.test b.test", "acme")).await;
    logged(&vordr, &["the issuer does not know this account", "account.json"]).await;
    logged(&vordr, &["a certificate from ACME is shown", "a.test b.test"]).await;
}

#[tokio::test]
async fn two_vordr_on_one_state_folder_order_once() {
    let pebble = Pebble::running().await;
    let site = Site::of(&pebble);
    // Pebble's question waits here until both have been seen.
    let question = tokio::net::TcpListener::bind(("127.0.0.1", pebble.http_port())).await.unwrap();
    let elsewhere = |port: u16| {
        format!(
            "server a.test {{ listen {port}; listen \"127.0.0.1:0\" tls=on; tls {{ acme challenge=http-01; }}\n\
             location \"/\" {{ respond 204; }}; }}"
        )
    };
    let port = free_port();
    let first = site.serve(&elsewhere(port)).await;
    logged(&first, &["a certificate is ordered"]).await;
    let (asked, _) = within(question.accept()).await.unwrap();
    let second = site.serve(&elsewhere(0)).await;
    logged(&second, &["another vordr orders this certificate"]).await;
    // Pebble asks from several places at once.
    let passing = tokio::spawn(async move {
        let mut asked = asked;
        loop {
            tokio::spawn(async move {
                let mut answering = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut asked, &mut answering).await;
            });
            (asked, _) = question.accept().await.unwrap();
        }
    });
    issued(&first).await;
    issued(&second).await;
    passing.abort();
    assert_eq!(pebble.orders(), 1, "{}", pebble.said());
    assert!(!second.error_log().contains("a certificate is ordered"), "{}", second.error_log());
}

#[tokio::test]
async fn a_reload_orders_for_a_new_server_and_leaves_the_others_alone() {
    let pebble = Pebble::running().await;
    let site = Site::of(&pebble);
    let plain = rules(&pebble, "a.test", "acme");
    let second = format!(
        "server b.test {{ listen {} tls=on; tls {{ acme; }}; location \"/\" {{ respond 204; }}; }}",
        pebble.tls_port()
    );
    let vordr = site.serve(&plain).await;
    issued(&vordr).await;
    let first = pebble.vouched("a.test").await.expect("a good certificate");
    let beside =
        |rules: &str| vordr::Vordr::from_text("newer.kdl", &format!("{}\n{rules}", vordr.process())).unwrap();
    vordr.replace(beside(&format!("{plain}\n{second}"))).unwrap();
    logged(&vordr, &["a certificate from ACME is shown", "b.test"]).await;
    assert!(pebble.vouched("b.test").await.is_some());
    assert_eq!(pebble.vouched("a.test").await, Some(first.clone()));
    assert_eq!(pebble.orders(), 2, "{}", pebble.said());
    // What the rules no longer want is no longer shown, and no longer renewed.
    vordr.replace(beside(&plain)).unwrap();
    assert!(pebble.vouched("b.test").await.is_none());
    assert_eq!(pebble.vouched("a.test").await, Some(first));
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_had_stops_the_start() {
    let (folder, file) = written(
        "vordr { state \"/dev/null/state\"; }\n\
         server a.test { listen 0 tls=on; tls { acme; }; location \"/\" { respond 204; }; }",
    );
    let output = ends(&["run", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("/dev/null/state") && said.contains("state"), "{said}");
    drop(folder);
}

//! The system's certificate authorities: read where an upstream is held against them, and only there.

use crate::harness::{Authority, Binary, Client, Origin, eventually, free_port, written};

const OK: &str = r#"location "/plain" { respond 200 "plain"; }"#;

fn rules(port: u16, routes: &str) -> String {
    format!("server \"*\" {{ listen \"127.0.0.1:{port}\"; {OK}; {routes} }}")
}

fn over_tls(origin: &Origin, words: &str) -> String {
    let url = format!("https://127.0.0.1:{}", origin.port());
    format!(r#"location "/" {{ proxy "{url}" {{ tls sni=localhost {words}; }}; }}"#)
}

#[tokio::test]
async fn rules_that_first_need_them_find_them_also_on_a_connection_that_was_open_before() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "secret").await;
    let port = free_port();
    let (_folder, path) = written(&rules(port, ""));
    let ca = authority.file().display().to_string();
    let binary = Binary::running_file(path.clone(), &[("SSL_CERT_FILE", &ca)]).await;
    let mut kept = Client::connect(binary.address()).await;
    assert_eq!(kept.get("a.test", "/plain").await.text(), "plain");
    // Once more after rules that did not: who trusts them goes on to.
    for routes in [over_tls(&origin, ""), String::new(), over_tls(&origin, "min=\"1.3\"")] {
        std::fs::write(&path, rules(port, &routes)).unwrap();
        let before = binary.said().matches("rules reloaded").count();
        binary.signal("HUP");
        eventually("newer rules", || {
            (binary.said().matches("rules reloaded").count() > before).then_some(())
        })
        .await;
        let expected = if routes.is_empty() { 404 } else { 200 };
        assert_eq!(kept.get("a.test", "/").await.status, expected, "{}", binary.said());
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_stops_only_those_who_need_it() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "secret").await;
    let nowhere = [("SSL_CERT_FILE", "/nowhere/ca.pem")];
    let (_folder, path) = written(&rules(free_port(), ""));
    let binary = Binary::running_file(path.clone(), &nowhere).await;
    std::fs::write(&path, rules(binary.address().port(), &over_tls(&origin, ""))).unwrap();
    binary.signal("HUP");
    let line = eventually("a line that says why", || {
        let said = binary.said();
        said.lines().find(|line| line.contains("rules not reloaded")).map(str::to_owned)
    })
    .await;
    assert!(line.contains("SSL_CERT_FILE"), "{line}");
    assert_eq!(Client::connect(binary.address()).await.get("a.test", "/plain").await.text(), "plain");
}

#[tokio::test]
async fn who_is_not_checked_is_reached_without_any() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "unchecked").await;
    let (_folder, path) = written(&rules(free_port(), &over_tls(&origin, "verify=off")));
    let binary = Binary::running_file(path, &[("SSL_CERT_FILE", "/dev/null")]).await;
    assert_eq!(Client::connect(binary.address()).await.get("a.test", "/").await.text(), "unchecked");
}

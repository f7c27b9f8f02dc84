//! `auth` with files: who shows no credentials that the file knows is answered 401 and never reaches the upstream.

use crate::harness::{Client, Origin, Response, Vordr, eventually};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::NamedTempFile;

// Both are `password`, as htpasswd and openssl write them.
const BCRYPT: &str = "$2y$04$dsVB/Ycd0.UvSqWP.pdL6OJFaHpHd//4OenKqm0zXGi9miocpdxKS";
const APR1: &str = "$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/";

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn staff() -> NamedTempFile {
    file(&format!("ann:{BCRYPT}\nbob:{APR1}\n"))
}

async fn ask(vordr: &Vordr, fields: &str) -> Response {
    vordr.send(&format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await
}

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn a_password_of_the_file_lets_in_and_nothing_else_does() {
    let (origin, file) = (Origin::answering("in").await, staff());
    let rules = format!(r#"auth basic file={:?} realm="the \"staff\"" copy="user:X-User""#, file.path());
    let vordr = Vordr::proxying_with(&origin, &rules).await;
    for (fields, status) in [
        (String::new(), 401),
        (basic("ann", "wrong"), 401),
        (basic("eve", "password"), 401),
        ("Authorization: Bearer x\r\n".to_owned(), 401),
        (basic("ann", "password"), 200),
        (basic("bob", "password"), 200),
        (basic("ann", "password"), 200),
        (basic("ann", "passwor"), 401),
    ] {
        let response = ask(&vordr, &fields).await;
        assert_eq!(response.status, status, "{fields}");
        let challenge = (status == 401).then_some(r#"Basic realm="the \"staff\"", charset="UTF-8""#);
        assert_eq!(response.header("WWW-Authenticate"), challenge);
    }
    let users: Vec<_> =
        origin.requests().iter().map(|request| request.header("X-User").map(str::to_owned)).collect();
    assert_eq!(users, [Some("ann"), Some("bob"), Some("ann")].map(|user| user.map(str::to_owned)));
    assert_eq!(vordr.log_error("auth").await["status"], 401);
    vordr.log_line(|line| line["user"] == "bob" && line["status"] == 200).await;
    vordr.metric_becomes(r#"vordr_http_rejected_total{reason="auth",route="/",server="a.test"}"#, 5.0).await;
}

#[tokio::test]
async fn nobody_names_themselves_where_nothing_is_asked_either() {
    let (origin, file) = (Origin::answering("in").await, staff());
    let rules = format!(
        r#"server a.test {{ listen 0
            auth basic file={:?} copy="user:X-User"
            location "/" {{ proxy {url:?}; }}
            location "/hook" {{ auth off; proxy {url:?}; }}
        }}"#,
        file.path(),
        url = origin.url()
    );
    let vordr = Vordr::running(&rules).await;
    let request = "GET /hook HTTP/1.1\r\nHost: a.test\r\nX-User: root\r\nX_User: root\r\nX-Other: x\r\n\r\n";
    assert_eq!(vordr.send(request).await.status, 200);
    let seen = origin.only_request();
    assert_eq!(
        (seen.header("X-User"), seen.header("X_User"), seen.header("X-Other")),
        (None, None, Some("x"))
    );
}

#[tokio::test]
async fn a_file_that_changes_holds_within_a_second() {
    let (origin, file) = (Origin::answering("in").await, staff());
    let vordr = Vordr::proxying_with(&origin, &format!("auth basic file={:?}", file.path())).await;
    assert_eq!(ask(&vordr, &basic("ann", "password")).await.status, 200);
    std::fs::write(file.path(), format!("carl:{APR1}\n")).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(ask(&vordr, &basic("ann", "password")).await.status, 401, "and is not remembered");
    assert_eq!(ask(&vordr, &basic("carl", "password")).await.status, 200);
    std::fs::write(file.path(), "carl:plain\n").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(ask(&vordr, &basic("carl", "password")).await.status, 200);
    let told = || vordr.error_log().contains("line 1: the hash is none of").then_some(());
    eventually("a line in the error log", told).await;
}

#[tokio::test]
async fn keys_and_tokens_are_lines_of_a_file() {
    let (origin, file) = (Origin::answering("in").await, file("# ours\nk-1\nk-2\n"));
    let keyed =
        Vordr::proxying_with(&origin, &format!("auth key header=X-API-Key file={:?}", file.path())).await;
    for (fields, status) in
        [("", 401), ("X-API-Key: k-1\r\n", 200), ("X-API-Key: k-3\r\n", 401), ("X-API-Key: # ours\r\n", 401)]
    {
        assert_eq!(ask(&keyed, fields).await.status, status, "{fields}");
    }
    let bearer = Vordr::proxying_with(&origin, &format!("auth bearer file={:?}", file.path())).await;
    for (fields, status) in
        [("", 401), ("Authorization: Bearer k-2\r\n", 200), ("Authorization: Bearer k\r\n", 401)]
    {
        let response = ask(&bearer, fields).await;
        assert_eq!(response.status, status, "{fields}");
        assert_eq!(response.header("WWW-Authenticate"), (status == 401).then_some("Bearer"));
    }
}

#[tokio::test]
async fn every_auth_must_agree() {
    let (origin, people, keys) = (Origin::answering("in").await, staff(), file("k-1\n"));
    let rules = format!("auth basic file={:?}\nauth key header=X-Key file={:?}", people.path(), keys.path());
    let vordr = Vordr::proxying_with(&origin, &rules).await;
    let (ann, key) = (basic("ann", "password"), "X-Key: k-1\r\n");
    for (fields, status) in [(ann.clone(), 401), (key.to_owned(), 401), (ann + key, 200)] {
        assert_eq!(ask(&vordr, &fields).await.status, status, "{fields}");
    }
}

#[tokio::test]
async fn satisfy_any_takes_the_address_or_the_credentials() {
    let (origin, file) = (Origin::answering("in").await, staff());
    let ann = basic("ann", "password");
    for (rules, alone, with_ann) in [
        (r#"satisfy any; allow "127.0.0.0/8"; deny all"#, 200, 200),
        (r#"satisfy any; allow "10.0.0.0/8"; deny all"#, 401, 200),
        ("satisfy any", 401, 200),
        (r#"allow "127.0.0.0/8"; deny all"#, 401, 200),
        (r#"allow "10.0.0.0/8"; deny all"#, 403, 403),
    ] {
        let rules = format!("{rules}\nauth basic file={:?} copy=\"user:X-User\"", file.path());
        let vordr = Vordr::proxying_with(&origin, &rules).await;
        assert_eq!(ask(&vordr, "").await.status, alone, "{rules}");
        assert_eq!(ask(&vordr, &ann).await.status, with_ann, "{rules}");
    }
}

#[tokio::test]
async fn nobody_names_themselves() {
    let (origin, file) = (Origin::answering("in").await, staff());
    let rules =
        format!("satisfy any; allow \"127.0.0.0/8\"\nauth basic file={:?} copy=\"user:X-User\"", file.path());
    let vordr = Vordr::proxying_with(&origin, &rules).await;
    assert_eq!(ask(&vordr, "X-User: root\r\nX_User: root\r\nX-Users: kept\r\n").await.status, 200);
    let request = origin.only_request();
    assert_eq!((request.header("X-User"), request.header("X_User")), (None, None));
    assert_eq!(request.header("X-Users"), Some("kept"));
}

#[tokio::test]
async fn preflights_need_no_credentials_and_what_vordr_answers_itself_does() {
    let file = staff();
    let rules = format!(
        r#"server a.test {{ listen 0; location "/" {{
            cors {{ origins "https://a.example"; methods PUT; }}
            auth basic file={:?}
            respond 200 in; }} }}"#,
        file.path()
    );
    let vordr = Vordr::running(&rules).await;
    let origin = "Origin: https://a.example\r\n";
    let preflight =
        format!("OPTIONS / HTTP/1.1\r\nHost: a.test\r\n{origin}Access-Control-Request-Method: PUT\r\n\r\n");
    assert_eq!(vordr.send(&preflight).await.status, 204);
    let refused = ask(&vordr, origin).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("Access-Control-Allow-Origin"), Some("https://a.example"));
    assert_eq!(ask(&vordr, &basic("bob", "password")).await.text(), "in");
}

#[tokio::test]
async fn rules_whose_file_cannot_be_used_are_not_served() {
    let plain = file("ann:password\n");
    for (path, reason) in [("/nowhere/htpasswd", "cannot read"), (plain.path().to_str().unwrap(), "line 1")] {
        let rules = format!(
            r#"vordr {{ access-log off; }}
            server a.test {{ listen "127.0.0.1:0"; auth basic file={path:?}; location "/" {{ respond 200; }} }}"#
        );
        let started = vordr::Vordr::from_text("test.kdl", &rules).unwrap().start();
        assert!(started.is_err_and(|error| error.to_string().contains(reason)));
    }
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_keeps_nobody_else_waiting() {
    // Each takes long enough that all of them take longer than the rest of this test.
    let file = file(&format!("ann:{}\n", bcrypt::hash("password", 9).unwrap()));
    let rules = format!(
        r#"server a.test {{ listen 0
            location "/" {{ auth basic file={:?}; respond 200 in; }}
            location "/open" {{ respond 200 in; }} }}"#,
        file.path()
    );
    let vordr = Vordr::running_with(r#"trusted-proxies "127.0.0.0/8""#, &rules).await;
    assert_eq!(ask(&vordr, &basic("ann", "password")).await.status, 200);
    let flood = flood_of_wrong_passwords(&vordr, |number| format!("192.0.2.{number}")).await;
    // At once, and not because it had waited for its turn for ten seconds.
    let at_once = |line: &serde_json::Value| line["duration"].as_f64().is_some_and(|seconds| seconds < 9.0);
    let unseen = vordr.log_line(|line| line["status"] == 503 && at_once(line)).await;
    assert_eq!(unseen["error_detail"], "credentials cannot be checked now: too many passwords wait");
    for _ in 0..20 {
        assert_eq!(vordr.get("http://a.test/open").await.status, 200);
        assert_eq!(ask(&vordr, &basic("ann", "password")).await.status, 200, "it was right a while ago");
    }
    let told = vordr.log_lines().iter().filter(|line| line["error"] == "auth").count();
    assert!(told < flood.len(), "{told} of the flood were answered before anybody else was");
    let series = r#"vordr_http_rejected_total{reason="auth",route="/",server="a.test"}"#;
    assert!(vordr.metric(series).await > 0.0);
}

#[tokio::test]
async fn who_floods_from_one_address_takes_no_place_of_anybody_else() {
    let (quick, slow) = (bcrypt::hash("password", 4).unwrap(), bcrypt::hash("password", 7).unwrap());
    let file = file(&format!("ann:{slow}\nbob:{quick}\n"));
    let rules = format!(
        r#"server a.test {{ listen 0; location "/" {{ auth basic file={:?}; respond 200 in; }} }}"#,
        file.path()
    );
    let vordr = Vordr::running_with(r#"trusted-proxies "127.0.0.0/8""#, &rules).await;
    let flood = flood_of_wrong_passwords(&vordr, |_| "192.0.2.1".to_owned()).await;
    let unseen = vordr.log_line(|line| line["status"] == 503).await;
    let detail = "credentials cannot be checked now: too many passwords from this address wait";
    assert_eq!((&unseen["error_detail"], &unseen["client_ip"]), (&detail.into(), &"192.0.2.1".into()));
    let bob = basic("bob", "password") + "X-Forwarded-For: 192.0.2.2\r\n";
    assert_eq!(ask(&vordr, &bob).await.status, 200, "after eight of the others, and not after all");
    let full = |line: &&serde_json::Value| {
        line["error_detail"] == "credentials cannot be checked now: too many passwords wait"
    };
    assert_eq!(vordr.log_lines().iter().filter(full).count(), 0);
    drop(flood);
}

/// So many that they cannot all wait, each from an address.
async fn flood_of_wrong_passwords(vordr: &Vordr, address: impl Fn(u64) -> String) -> Vec<Client> {
    let mut flood = Vec::new();
    for number in 0..150 {
        let mut client = vordr.connect().await;
        let wrong = basic("ann", &format!("wrong-{number}"));
        let from = address(number);
        client
            .send(&format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: {from}\r\n{wrong}\r\n"))
            .await;
        flood.push(client);
    }
    flood
}

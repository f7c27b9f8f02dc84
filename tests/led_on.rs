//! What a location asks of a request holds wherever the request is led on, and is asked once.

use crate::harness::{Origin, Vordr};
use std::sync::Arc;
use tokio::sync::Semaphore;

async fn serving(words: &str) -> Vordr {
    Vordr::running(&format!("server a.test {{ listen 0\n{words}\n}}")).await
}

async fn statuses(vordr: &Vordr, path: &str, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(vordr.get(&format!("http://a.test{path}")).await.status);
    }
    statuses
}

async fn status(vordr: &Vordr, method: &str, path: &str, fields: &str) -> u16 {
    vordr.send(&format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await.status
}

/// An address where nobody listens: a request for it fails at once.
const NOBODY: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn a_limit_holds_though_something_else_was_counted_before() {
    let before = [
        r#"concurrent 50"#,
        r#"limit rate="1000/s" key="{header.X-API-Key}" zone=keys"#,
        r#"limit rate="1/h" dry=on"#,
    ];
    for before in before {
        let vordr = serving(&format!(
            r#"location exact="/login" {{ limit rate="1/h"; respond 204; }}
            location exact="/signin" {{ {before}; search "/login"; }}"#
        ))
        .await;
        assert_eq!(statuses(&vordr, "/signin", 3).await, [204, 429, 429], "{before}");
    }
}

#[tokio::test]
async fn so_many_at_once_holds_though_a_limit_counted_before() {
    let origin = Origin::held(Arc::new(Semaphore::new(0))).await;
    let vordr = serving(&format!(
        r#"limit rate="1000/s"
        location "/" {{ proxy "{NOBODY}"; on-error 502 {{ enter spare; }}; }}
        location name=spare {{ concurrent 1; proxy "{}"; }}"#,
        origin.url()
    ))
    .await;
    let mut first = vordr.connect().await;
    first.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    assert_eq!(statuses(&vordr, "/", 2).await, [503, 503]);
}

#[tokio::test]
async fn a_request_counts_once_and_a_refusal_may_lead_to_a_page_of_ones_own() {
    let vordr = serving(
        r#"limit rate="1/h"
        concurrent 1
        on-error 429 from=rules { search "/errors/often"; }
        location "/" { enter page; }
        location name=page { respond 200 "once"; }
        location "/errors" internal=on { respond 429 "my page"; }"#,
    )
    .await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "once");
    assert_eq!(vordr.get("http://a.test/").await.text(), "my page");
}

#[tokio::test]
async fn who_logged_in_is_known_wherever_the_request_is_led() {
    let decider = Origin::responding("HTTP/1.1 200 OK\r\nX-User: ann\r\nContent-Length: 0\r\n\r\n").await;
    let origin = Origin::answering("spare").await;
    let vordr = serving(&format!(
        r#"limit rate="1000/s"
        location "/" {{ auth forward="{}" copy="X-User"; proxy "{NOBODY}"; on-error 502 {{ enter spare; }}; }}
        location name=spare {{ proxy "{}"; }}"#,
        decider.url(),
        origin.url()
    ))
    .await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "spare");
    assert_eq!(origin.only_request().header("X-User"), Some("ann"));
    vordr.log_line(|line| line["user"] == "ann").await;
}

#[tokio::test]
async fn a_location_that_decides_is_found_by_a_get_whatever_the_request_is() {
    let vordr = serving(
        r#"location "/" { auth location="/verify"; respond 204; }
        location exact="/verify" { match method=GET; respond 403; }
        location "/verify" internal=on { respond 200; }"#,
    )
    .await;
    for method in ["GET", "POST", "PUT", "OPTIONS"] {
        assert_eq!(status(&vordr, method, "/", "Content-Length: 0\r\n").await, 403, "{method}");
    }
    let mut client = vordr.connect().await;
    client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(vordr.log_line(|line| line["method"] == "HEAD").await["status"], 403);
}

#[tokio::test]
async fn what_looks_like_a_preflight_gets_past_nothing_where_none_is_answered() {
    let origin = Origin::answering("in").await;
    let vordr = serving(&format!(
        r#"location "/shared" {{ cors {{ origins "https://app.example"; }}; respond 200; }}
        location "/api" {{ match method=GET; proxy "{}"; }}
        location "/api" {{ deny all; respond 200; }}"#,
        origin.url()
    ))
    .await;
    let fields = "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n";
    assert_eq!(status(&vordr, "OPTIONS", "/api", fields).await, 403);
    assert_eq!(status(&vordr, "OPTIONS", "/shared", fields).await, 204);
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn a_refusal_that_is_packed_says_so_and_is_asked_for_as_it_is() {
    let decider = Origin::responding(
        "HTTP/1.1 401 Unauthorized\r\nContent-Encoding: gzip\r\nCache-Control: no-store\r\n\
         Content-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    let vordr =
        serving(&format!(r#"location "/" {{ auth forward="{}"; respond 204; }}"#, decider.url())).await;
    let asked = "GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n";
    let answer = vordr.send(asked).await;
    assert_eq!((answer.status, answer.header("Content-Encoding")), (401, Some("gzip")));
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(decider.only_request().header("Accept-Encoding"), None);
}

#[tokio::test]
async fn a_head_that_the_upstream_is_asked_for_by_another_method_sends_no_body_and_counts_none() {
    let origin = Origin::answering("hello").await;
    let vordr = serving(&format!(r#"location "/" {{ proxy "{}" {{ method GET; }}; }}"#, origin.url())).await;
    let mut client = vordr.connect().await;
    client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let line = vordr.log_line(|line| line["method"] == "HEAD").await;
    assert_eq!((&line["status"], &line["bytes_out"]), (&200.into(), &0.into()), "{line}");
    assert_eq!(origin.only_request().head.method(), "GET");
}

#[tokio::test]
async fn a_body_is_gathered_where_the_location_that_a_failure_leads_to_asks_for_that() {
    let (origin, folder) = (Origin::answering("taken").await, tempfile::tempdir().unwrap());
    let vordr = serving(&format!(
        r#"location "/" {{ proxy "{NOBODY}"; on-error 502 {{ enter spare; }}; }}
        location name=spare {{
            buffering on folder={:?} file=kept
            request {{ set X-Body-File "{{request_body_file}}"; }}
            proxy "{}" {{ pass-body off; }}
        }}"#,
        folder.path(),
        origin.url()
    ))
    .await;
    let answer = vordr.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello").await;
    assert_eq!(answer.text(), "taken");
    let request = origin.only_request();
    let file = request.header("X-Body-File").unwrap_or_default();
    assert_eq!(std::fs::read_to_string(file).unwrap(), "hello");
}

#[tokio::test]
async fn a_client_that_waits_with_its_body_is_told_to_send_it_where_a_failure_leads() {
    let origin = Origin::answering("taken").await;
    let vordr = serving(&format!(
        r#"location "/" {{ proxy "{NOBODY}"; on-error 502 {{ enter spare; }}; }}
        location name=spare {{ buffering on; proxy "{}"; }}"#,
        origin.url()
    ))
    .await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
    assert_eq!(client.any_response().await.status, 100);
    client.send("hello").await;
    assert_eq!(client.response().await.text(), "taken");
    assert_eq!(origin.only_request().text(), "hello");
}

#[tokio::test]
async fn a_websocket_passes_where_files_have_nothing_and_is_refused_where_there_are_to_be_none() {
    let (origin, folder) = (Origin::echoing().await, tempfile::tempdir().unwrap());
    let files = format!("files {:?}", folder.path());
    let vordr = serving(&format!(
        r#"location "/else" {{ {files} {{ else {{ proxy "{url}"; }}; }}; }}
        location "/error" {{ {files}; on-error 404 405 {{ proxy "{url}"; }}; }}
        location "/off" {{ websocket off; {files} {{ else {{ proxy "{url}"; }}; }}; }}"#,
        url = origin.url()
    ))
    .await;
    for path in ["/else/ws", "/error/ws"] {
        let mut socket = vordr.connect().await.websocket("a.test", path, "").await.unwrap();
        assert!(socket.echoes("over there").await, "{path}");
    }
    let refused = vordr.connect().await.websocket("a.test", "/off/ws", "").await;
    assert_eq!(refused.err().unwrap().status, 426);
}

//! `enter` and `search`: another location goes on, and nobody outside notices.

use crate::harness::{Origin, Vordr};
use std::io::Write;
use tempfile::NamedTempFile;

/// One user, `bob`, whose password is `password`.
fn passwords() -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(b"bob:$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/\n").expect("a line");
    file
}

/// vordr with one server, `a.test`, that has these words.
async fn serving(words: &str) -> Vordr {
    Vordr::running(&format!("server a.test {{ listen 0\n {words}\n }}")).await
}

async fn asked(vordr: &Vordr, path: &str) -> (u16, String) {
    let response = vordr.get(&format!("http://a.test{path}")).await;
    (response.status, response.text())
}

#[tokio::test]
async fn a_location_is_entered_by_its_name_and_found_by_no_path() {
    let vordr = serving(
        r#"location "/a" { response { set X-From a; }; enter app; }
           location name=app { response { set X-From app; }; respond 200 "app"; }"#,
    )
    .await;
    let response = vordr.get("http://a.test/a/b?c").await;
    assert_eq!((response.status, response.text().as_str()), (200, "app"));
    assert_eq!(
        response.header("X-From"),
        Some("app"),
        "the settings are those of the location that was entered"
    );
    assert_eq!(asked(&vordr, "/app").await.0, 404);
    assert_eq!(asked(&vordr, "/@app").await.0, 404);
}

#[tokio::test]
async fn what_is_entered_sees_the_path_as_it_came_and_what_is_searched_the_new_one() {
    let origin = Origin::answering("app").await;
    let url = origin.url();
    let vordr = serving(&format!(
        r##"location "/enter" {{ enter app; }}
            location regex=#"^/search/(.*)$"# {{ search "/new/{{1}}"; }}
            location "/own" {{ search "/new/x?own=1"; }}
            location "/new" {{ request {{ set X-Path "{{path}}"; set X-Uri "{{uri}}"; }}; proxy "{url}"; }}
            location name=app {{ proxy "{url}"; }}"##
    ))
    .await;
    for (path, seen) in [
        ("/enter/a%2Fb//c?d=e", "GET /enter/a%2Fb//c?d=e HTTP/1.1"),
        ("/search/a%20b?d=e", "GET /new/a%20b?d=e HTTP/1.1"),
        ("/own?d=e", "GET /new/x?own=1 HTTP/1.1"),
    ] {
        assert_eq!(asked(&vordr, path).await, (200, "app".to_owned()), "{path}");
        assert_eq!(origin.requests().last().unwrap().head.start(), seen);
    }
    let searched = &origin.requests()[1];
    assert_eq!(searched.head.header("X-Path"), Some("/new/a%20b"));
    assert_eq!(searched.head.header("X-Uri"), Some("/search/a%20b?d=e"));
}

#[tokio::test]
async fn an_internal_location_is_not_there_for_who_asks_from_outside() {
    let vordr = serving(
        r#"location "/hidden" internal=on { respond 200 "hidden"; }
           location "/a" { search "/hidden/x"; }
           location "/" { respond 200 "root"; }"#,
    )
    .await;
    assert_eq!(asked(&vordr, "/a").await, (200, "hidden".to_owned()));
    let (status, page) = asked(&vordr, "/hidden").await;
    assert_eq!(status, 404);
    assert!(!page.contains("internal"), "nobody is told that there is something: {page}");
    let line = vordr.log_error("internal_location").await;
    assert_eq!((&line["status"], &line["route"]), (&404.into(), &"/hidden".into()));
    let counted =
        "vordr_http_rejected_total{reason=\"internal_location\",route=\"/hidden\",server=\"a.test\"}";
    vordr.metric_becomes(counted, 1.0).await;
}

#[tokio::test]
async fn what_leads_in_a_circle_is_ended_after_ten_times() {
    let chain: String = (0..12)
        .map(|number| format!("location exact=\"/{number}\" {{ search \"/{}\"; }}\n", number + 1))
        .collect();
    let vordr = serving(&format!(
        "{chain} location exact=\"/12\" {{ respond 200 \"end\"; }}
         location \"/circle\" {{ enter one; }}
         location name=one {{ enter two; }}
         location name=two {{ enter one; }}"
    ))
    .await;
    assert_eq!(asked(&vordr, "/2").await, (200, "end".to_owned()), "ten searches");
    assert_eq!(asked(&vordr, "/1").await.0, 500, "eleven searches");
    let line = vordr.log_error("rewrite_loop").await;
    assert_eq!((&line["status"], &line["route"]), (&500.into(), &"= /1".into()));
    assert!(line["error_detail"].as_str().unwrap().contains("circle"), "{line}");
    assert_eq!(asked(&vordr, "/circle").await.0, 500);
}

#[tokio::test]
async fn the_log_and_the_metrics_know_the_route_that_took_the_request_at_first() {
    let vordr = serving(
        r#"location "/a" { enter app; }
           location name=app { respond 200 "app"; }"#,
    )
    .await;
    asked(&vordr, "/a").await;
    assert_eq!(vordr.log_line(|_| true).await["route"], "/a");
    let counted = "vordr_http_requests_total{code=\"200\",method=\"GET\",route=\"/a\",server=\"a.test\"}";
    vordr.metric_becomes(counted, 1.0).await;
}

#[tokio::test]
async fn the_location_that_is_entered_asks_for_its_own_credentials() {
    let passwords = passwords();
    let vordr = serving(&format!(
        r#"location "/a" {{ enter guarded; }}
           location "/open" {{ search "/closed"; }}
           location "/closed" {{ deny all; respond 200 "in"; }}
           location name=guarded {{ auth basic file={:?}; respond 200 "in"; }}"#,
        passwords.path()
    ))
    .await;
    assert_eq!(asked(&vordr, "/open").await.0, 403);
    assert_eq!(asked(&vordr, "/a").await.0, 401);
}

#[tokio::test]
async fn a_failure_leads_to_another_location_with_the_body() {
    let spare = Origin::answering("spare").await;
    let vordr = serving(&format!(
        r#"location "/" {{ on-error 502 {{ enter spare; }}; proxy "http://127.0.0.1:1"; }}
           location "/page" {{ on-error 502 {{ search "/away"; }}; proxy "http://127.0.0.1:1"; }}
           location "/away" internal=on {{ response {{ set X-Away yes; }}; respond 503 "away"; }}
           location name=spare {{ proxy "{}"; }}"#,
        spare.url()
    ))
    .await;
    let response = vordr.send("POST /x?y=1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!((response.status, response.text().as_str()), (200, "spare"));
    let seen = spare.only_request();
    assert_eq!((seen.head.start(), seen.text().as_str()), ("POST /x?y=1 HTTP/1.1", "abc"));
    let response = vordr.get("http://a.test/page").await;
    assert_eq!((response.status, response.text().as_str()), (503, "away"));
    assert_eq!(response.header("X-Away"), Some("yes"));
    let line = vordr.log_line(|line| line["path"] == "/page").await;
    assert_eq!((&line["status"], &line["error"]), (&503.into(), &"refused".into()), "{line}");
}

#[tokio::test]
async fn an_upstreams_own_status_leads_to_another_location() {
    let origin = Origin::responding("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nmine").await;
    let spare = Origin::answering("spare").await;
    let vordr = serving(&format!(
        r#"location "/" {{ on-error 404 from=upstream {{ enter spare; }}; proxy "{}"; }}
           location name=spare {{ proxy "{}"; }}"#,
        origin.url(),
        spare.url()
    ))
    .await;
    assert_eq!(asked(&vordr, "/x").await, (200, "spare".to_owned()));
}

#[tokio::test]
async fn a_failure_that_leads_to_a_guarded_upstream_asks_before_it_goes_there() {
    let (spare, passwords) = (Origin::answering("spare").await, passwords());
    let vordr = serving(&format!(
        r#"location "/" {{ on-error 502 {{ enter spare; }}; proxy "http://127.0.0.1:1"; }}
           location "/circle" {{ on-error 502 {{ enter broken; }}; proxy "http://127.0.0.1:1"; }}
           location name=broken {{ on-error 502 {{ enter broken; }}; proxy "http://127.0.0.1:2"; }}
           location name=spare {{ auth basic file={:?}; proxy "{}"; }}"#,
        passwords.path(),
        spare.url()
    ))
    .await;
    assert_eq!(asked(&vordr, "/x").await.0, 401);
    assert!(spare.requests().is_empty());
    let response =
        vordr.send("GET /x HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic Ym9iOnBhc3N3b3Jk\r\n\r\n").await;
    assert_eq!((response.status, response.text().as_str()), (200, "spare"));
    assert_eq!(asked(&vordr, "/circle").await.0, 502, "after an `on-error` no other one acts");
}

#[tokio::test]
async fn a_file_that_is_not_there_leads_to_another_location() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("here.txt"), "here").unwrap();
    std::fs::write(folder.path().join("none.txt"), "none").unwrap();
    let app = Origin::answering("app").await;
    let root = folder.path().display();
    let vordr = serving(&format!(
        r#"location "/" {{ on-error 404 {{ enter app; }}; files "{root}"; }}
           location "/page" {{ on-error 404 {{ search "/none.txt"; }}; files "{root}"; }}
           location exact="/none.txt" {{ files "{root}"; }}
           location name=app {{ proxy "{}"; }}"#,
        app.url()
    ))
    .await;
    assert_eq!(asked(&vordr, "/here.txt").await, (200, "here".to_owned()));
    assert_eq!(asked(&vordr, "/else").await, (200, "app".to_owned()));
    assert_eq!(asked(&vordr, "/page/x").await, (404, "none".to_owned()), "the failure's status stays");
}

#[tokio::test]
async fn a_websocket_is_let_through_where_the_location_that_is_entered_lets_it() {
    let app = Origin::answering("app").await;
    let vordr = serving(&format!(
        r#"location "/a" {{ enter app; }}
           location "/b" {{ enter shut; }}
           location name=app {{ proxy "{0}"; }}
           location name=shut {{ websocket off; proxy "{0}"; }}"#,
        app.url()
    ))
    .await;
    let ask = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    vordr.send(&ask("/a")).await;
    assert_eq!(app.only_request().head.header("Upgrade"), Some("websocket"));
    assert_eq!(vordr.send(&ask("/b")).await.status, 426);
}

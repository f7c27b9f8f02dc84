//! What is answered to a head that is refused: what its server says of failures, and nothing from anywhere else.

use crate::harness::{Origin, Response, Vordr};

const TWO_LENGTHS: &str =
    "POST /x?y HTTP/1.1\r\nHost: b.test\r\nX-Before: it\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc";

async fn answer(vordr: &Vordr, request: &str) -> Response {
    let mut client = vordr.connect().await;
    client.send(request).await;
    let response = client.response().await;
    client.closed().await;
    response
}

#[tokio::test]
async fn the_servers_headers_stand_on_it_and_those_of_its_host_where_that_is_known() {
    let vordr = Vordr::running(
        r#"server a.test { listen 0; response { set X-Server a; }; location "/" { respond 200; } }
           server b.test { listen 0; response { set X-Server "b {path} {header.x-before}"; }; early { response { set X-Early it; }; }
                           location "/" { respond 200; } }"#,
    )
    .await;
    let refused = answer(&vordr, TWO_LENGTHS).await;
    assert_eq!((refused.status, refused.header("X-Server")), (400, Some("b /x it")));
    assert_eq!((refused.header("X-Early"), refused.header("Connection")), (Some("it"), Some("close")));
    assert!(refused.text().contains("more than one Content-Length header"), "{}", refused.text());
    for request in ["G@T / HTTP/1.1\r\nHost: b.test\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        let refused = answer(&vordr, request).await;
        assert_eq!((refused.status, refused.header("X-Server")), (400, Some("a")), "{request}");
    }
    let served = vordr.get("http://b.test/x").await;
    assert_eq!((served.status, served.header("X-Early")), (200, None), "a location has nothing of it");
}

#[tokio::test]
async fn an_on_error_answers_it_and_the_connection_closes() {
    let vordr = Vordr::running_with(
        "limits { header-size \"1k\"; }",
        r#"server b.test { listen 0
            early { on-error 501 from=rules as=failure { respond 200 "of early"; }; }
            on-error 400 from=rules as=failure { search "/refused"; }
            on-error 431 from=rules { redirect "https://example.com{uri}"; }
            on-error 505 from=rules { enter named; }
            location exact="/refused" internal=on { respond 200 template="{method} {path} {uri} {host}"; }
            location name=named { respond 418 "named"; }
        }"#,
    )
    .await;
    let refused = answer(&vordr, TWO_LENGTHS).await;
    assert_eq!((refused.status, refused.text().as_str()), (400, "GET /refused /x?y b.test"));
    let unread = answer(&vordr, "nonsense\r\n\r\n").await;
    assert_eq!((unread.status, unread.text().as_str()), (400, "GET /refused  b.test"));
    let coded = "POST / HTTP/1.1\r\nHost: b.test\r\nTransfer-Encoding: gzip\r\n\r\n";
    let coded = answer(&vordr, coded).await;
    assert_eq!((coded.status, coded.text().as_str()), (501, "of early"));
    let large = format!("GET /x?y HTTP/1.1\r\nHost: b.test\r\nX: {}\r\n\r\n", "x".repeat(2000));
    let large = answer(&vordr, &large).await;
    assert_eq!((large.status, large.header("Location")), (302, Some("https://example.com/x?y")));
    let later = answer(&vordr, "GET / HTTP/2.0\r\nHost: b.test\r\n\r\n").await;
    assert_eq!((later.status, later.text().as_str()), (418, "named"));
    let line = vordr.log_error("header_size").await;
    assert_eq!((&line["status"], &line["path"], &line["query"]), (&302.into(), &"/x".into(), &"y".into()));
    vordr
        .metrics_show(r#"vordr_http_rejected_total{reason="version",route="_other",server="_other"} 1"#)
        .await;
}

#[tokio::test]
async fn nothing_of_it_reaches_an_upstream_whatever_the_rules_say() {
    let origin = Origin::answering("never").await;
    let (url, folder) = (origin.url(), tempfile::tempdir().unwrap());
    let folder = folder.path().display();
    let vordr = Vordr::running(&format!(
        r#"server b.test {{ listen 0
            response {{ set X-Server b; }}
            on-error 400 from=rules {{ search "/refused"; }}
            on-error 501 from=rules {{ proxy "{url}"; }}
            on-error 505 from=rules {{ search "/asked"; }}
            on-error 405 from=rules {{ search "/files/nowhere"; }}
            location "/files" {{ files "{folder}" {{ else {{ proxy "{url}"; }}; }}; }}
            location "/asked" {{ auth forward="{url}"; respond 200 "never"; }}
            location "/" {{ proxy "{url}"; }}
        }}"#
    ))
    .await;
    for (request, status) in [
        (TWO_LENGTHS, 400),
        (
            "GET / HTTP/1.1\r\nHost: b.test\r\nHost: b.test\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b.test\r\n\r\n",
            400,
        ),
        ("nonsense\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: b.test\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: b.test\r\n\r\n", 505),
        ("CONNECT b.test:80 HTTP/1.1\r\nHost: b.test\r\n\r\n", 405),
    ] {
        let refused = answer(&vordr, request).await;
        assert_eq!((refused.status, refused.header("X-Server")), (status, Some("b")), "{request}");
    }
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn a_file_is_answered_with_the_failures_status() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("refused.html"), "refused").unwrap();
    let vordr = Vordr::running(&format!(
        r#"server b.test {{ listen 0
            on-error 400 from=rules {{ files "{}" {{ try "/refused.html"; }}; }}
            location "/" {{ respond 200; }} }}"#,
        folder.path().display()
    ))
    .await;
    let refused = answer(&vordr, TWO_LENGTHS).await;
    assert_eq!((refused.status, refused.text().as_str()), (400, "refused"));
    assert_eq!(refused.header("Content-Type"), Some("text/html; charset=utf-8"));
}

#[tokio::test]
async fn the_requests_before_it_on_its_connection_are_answered_as_ever() {
    let vordr = Vordr::running(
        r#"server b.test { listen 0; response { set X-Server b; }; location "/" { respond 200 "hello"; } }"#,
    )
    .await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("b.test", "/").await.text(), "hello");
    client.send(TWO_LENGTHS).await;
    let refused = client.response().await;
    assert_eq!((refused.status, refused.header("X-Server")), (400, Some("b")));
    client.closed().await;
}

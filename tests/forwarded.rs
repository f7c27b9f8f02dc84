//! Who asked, and for what: the forwarded headers, trusted proxies and the request id.

use crate::harness::{Origin, Request, Vordr, proxying};

const TRUSTING: &str = r#"trusted-proxies "127.0.0.0/8" "10.0.0.0/8""#;

async fn seen(process: &str, fields: &str) -> (Request, Vordr) {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running_with(process, &proxying(&origin.url(), "")).await;
    let response = vordr.send(&format!("GET /x HTTP/1.1\r\nHost: a.test:8080\r\n{fields}\r\n")).await;
    assert_eq!(response.status, 200);
    (origin.only_request(), vordr)
}

#[tokio::test]
async fn every_proxied_request_says_whom_it_comes_from_and_what_was_asked() {
    let (request, vordr) = seen("", "").await;
    let port = vordr.address().port().to_string();
    assert_eq!(request.header("X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(request.header("X-Real-IP"), Some("127.0.0.1"));
    assert_eq!(request.header("X-Forwarded-Proto"), Some("http"));
    assert_eq!(request.header("X-Forwarded-Host"), Some("a.test:8080"));
    assert_eq!(request.header("X-Forwarded-Port"), Some(port.as_str()));
}

#[tokio::test]
async fn a_stranger_is_not_believed() {
    let fields = "X-Forwarded-For: 192.0.2.9\r\nX-Real-IP: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: evil.test\r\nX-Forwarded-Port: 1\r\n";
    let (request, vordr) = seen("", fields).await;
    assert_eq!(request.head.headers("X-Forwarded-For"), ["127.0.0.1"]);
    assert_eq!(request.head.headers("X-Real-IP"), ["127.0.0.1"]);
    assert_eq!(request.head.headers("X-Forwarded-Proto"), ["http"]);
    assert_eq!(request.head.headers("X-Forwarded-Host"), ["a.test:8080"]);
    assert_ne!(request.header("X-Forwarded-Port"), Some("1"));
    assert_eq!(vordr.log_line(|_| true).await["client_ip"], "127.0.0.1");
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_and_the_chain_is_appended_to() {
    let fields = "X-Forwarded-For: 198.51.100.7, 192.0.2.9\r\nX-Forwarded-For: 10.1.2.3\r\n\
                  X-Forwarded-Proto: https\r\nX-Forwarded-Host: public.test\r\n";
    let (request, vordr) = seen(TRUSTING, fields).await;
    let chain = request.head.headers("X-Forwarded-For").join(", ");
    assert_eq!(chain, "198.51.100.7, 192.0.2.9, 10.1.2.3, 127.0.0.1");
    assert_eq!(
        request.header("X-Real-IP"),
        Some("192.0.2.9"),
        "the first that is no proxy of ours, from the right"
    );
    assert_eq!(request.header("X-Forwarded-Proto"), Some("https"));
    assert_eq!(request.header("X-Forwarded-Host"), Some("public.test"));
    assert_eq!(request.header("X-Forwarded-Port"), Some("443"));
    let line = vordr.log_line(|_| true).await;
    assert_eq!((&line["client_ip"], &line["scheme"]), (&"192.0.2.9".into(), &"https".into()));
}

/// What a proxy in front has appended is believed, whatever its client wrote before it.
#[tokio::test]
async fn bytes_that_are_no_text_hide_no_address_behind_them() {
    let (request, vordr) = seen(TRUSTING, "X-Forwarded-For: \u{e9}, 192.0.2.9\r\n").await;
    assert_eq!(request.header("X-Real-IP"), Some("192.0.2.9"));
    assert_eq!(vordr.log_line(|_| true).await["client_ip"], "192.0.2.9");
}

#[tokio::test]
async fn an_address_of_ipv4_that_is_written_as_ipv6_is_one_of_ipv4() {
    let (request, vordr) = seen(TRUSTING, "X-Forwarded-For: 192.0.2.9, ::ffff:10.1.2.3\r\n").await;
    assert_eq!(request.header("X-Real-IP"), Some("192.0.2.9"), "a trusted proxy is known in either form");
    assert_eq!(vordr.log_line(|_| true).await["client_ip"], "192.0.2.9");
    let rules = r#"server a.test { listen 0; location "/" { deny "192.0.2.0/24"; respond 200; } }"#;
    let vordr = Vordr::running_with(TRUSTING, rules).await;
    for written in ["::ffff:192.0.2.9", "[::ffff:192.0.2.9]:8080"] {
        let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: {written}\r\n\r\n");
        assert_eq!(vordr.send(&request).await.status, 403, "{written}");
    }
}

#[tokio::test]
async fn the_believed_address_is_what_allow_and_deny_look_at() {
    let vordr = Vordr::running_with(
        TRUSTING,
        r#"server a.test { listen 0; location "/" { allow "192.0.2.0/24"; deny all; respond 200 "in"; } }"#,
    )
    .await;
    let from =
        |address: &str| format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: {address}\r\n\r\n");
    assert_eq!(vordr.send(&from("192.0.2.9")).await.status, 200);
    assert_eq!(vordr.send(&from("192.0.2.9, 203.0.113.1")).await.status, 403);
}

#[tokio::test]
async fn a_request_id_is_passed_on_or_made_and_is_the_same_everywhere() {
    let (request, vordr) = seen("", "X-Request-Id: given-1\r\n").await;
    assert_eq!(request.head.headers("X-Request-Id"), ["given-1"]);
    assert_eq!(vordr.log_line(|_| true).await["request_id"], "given-1");
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let response = vordr.get("http://a.test/").await;
    let request = origin.only_request();
    let made = request.header("X-Request-Id").unwrap();
    assert!(made.len() >= 16, "{made}");
    assert_eq!(response.headers("X-Request-Id"), [made]);
    assert_eq!(vordr.log_line(|_| true).await["request_id"], made);
}

#[tokio::test]
async fn an_inbound_id_that_is_no_plain_word_is_replaced() {
    let (request, _vordr) = seen("", &format!("X-Request-Id: {}\r\n", "x".repeat(500))).await;
    assert!(request.header("X-Request-Id").unwrap().len() < 200);
    let (request, _vordr) = seen("", "X-Request-Id: a b\"c\r\n").await;
    assert_ne!(request.header("X-Request-Id"), Some("a b\"c"));
}

#[tokio::test]
async fn the_operator_has_the_last_word_on_forwarded_headers() {
    let origin = Origin::answering("ok").await;
    let vordr =
        Vordr::proxying_with(&origin, r#"request { remove X-Forwarded-Host; set X-Forwarded-Proto https; }"#)
            .await;
    vordr.get("http://a.test/").await;
    let request = origin.only_request();
    assert_eq!(request.header("X-Forwarded-Host"), None);
    assert_eq!(request.head.headers("X-Forwarded-Proto"), ["https"]);
}

#[tokio::test]
async fn a_client_cannot_have_forwarded_headers_removed_by_naming_them_in_connection() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let response = vordr
        .send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, X-Forwarded-For, X-Real-IP, Host\r\n\r\n")
        .await;
    match response.status {
        200 => assert_eq!(origin.only_request().header("X-Forwarded-For"), Some("127.0.0.1")),
        status => assert_eq!(status, 400),
    }
}

//! A location does one thing: it answers, redirects, or proxies.

use crate::harness::{Origin, Vordr, within};

#[tokio::test]
async fn respond_answers_with_a_text_and_its_length() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 200 "hello"; } }"#).await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!((response.status, response.text().as_str()), (200, "hello"));
    assert_eq!(response.header("Content-Length"), Some("5"));
    assert_eq!(response.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(response.header("Server"), Some("vordr"));
}

#[tokio::test]
async fn respond_answers_with_json_or_html_and_their_types() {
    let vordr = Vordr::running(
        r##"server a.test {
            listen 0
            location "/json" { respond 404 json=#"{"error":"not found"}"#; }
            location "/html" { respond 200 html="<p>hello</p>"; }
            location "/own" { respond 200 "a,b" type="text/csv"; }
            location "/none" { respond 204; }
        }"##,
    )
    .await;
    let json = vordr.get("http://a.test/json").await;
    assert_eq!((json.status, json.text().as_str()), (404, r#"{"error":"not found"}"#));
    assert_eq!(json.header("Content-Type"), Some("application/json"));
    let html = vordr.get("http://a.test/html").await;
    assert_eq!(html.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(vordr.get("http://a.test/own").await.header("Content-Type"), Some("text/csv"));
    let none = vordr.get("http://a.test/none").await;
    assert_eq!((none.status, none.header("Content-Length")), (204, None));
}

#[tokio::test]
async fn respond_444_closes_the_connection_without_a_word_and_stands_in_the_log() {
    let vordr = Vordr::running(
        r#"server a.test {
            listen 0
            location "/none" { respond 444; }
            location "/step" { steps { when "{arg.q}" is="bad" { respond 444; }; }; respond 200 "fine"; }
            location "/instead" { proxy "http://127.0.0.1:1"; on-error 502 { respond 444; }; }
        }"#,
    )
    .await;
    for path in ["/none", "/step?q=bad", "/instead"] {
        let mut client = vordr.connect().await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert_eq!(within(client.until_end()).await.unwrap(), b"", "{path}");
    }
    assert_eq!(vordr.get("http://a.test/step?q=good").await.text(), "fine");
    for path in ["/none", "/step"] {
        let line = vordr.log_line(|line| line["path"] == path).await;
        assert_eq!((&line["status"], &line["bytes_out"]), (&444.into(), &0.into()), "{line}");
    }
    let line = vordr.log_error("refused").await;
    assert_eq!(line["path"], "/instead", "{line}");
}

#[tokio::test]
async fn redirect_sends_to_its_target_and_keeps_the_query() {
    let vordr = Vordr::running(
        r#"server a.test {
            listen 0
            location "/old" { redirect 301 "/new"; }
            location "/query" { redirect "/new?mine=1"; }
            location "/" { redirect "https://{host}{uri}"; }
        }"#,
    )
    .await;
    let moved = vordr.get("http://a.test/old?x=1").await;
    assert_eq!((moved.status, moved.header("Location")), (301, Some("/new?x=1")));
    let own = vordr.get("http://a.test/query?x=1").await;
    assert_eq!((own.status, own.header("Location")), (302, Some("/new?mine=1")));
    let https = vordr.get("http://a.test/p%20q?x=1").await;
    assert_eq!(https.header("Location"), Some("https://a.test/p%20q?x=1"));
}

#[tokio::test]
async fn a_listener_that_redirects_to_https_keeps_the_method_of_a_post() {
    let vordr =
        Vordr::running(r#"server a.test { listen 0 redirect=https; location "/" { respond 200 "never"; } }"#)
            .await;
    let get = vordr.get("http://a.test/x?y=1").await;
    assert_eq!((get.status, get.header("Location")), (301, Some("https://a.test/x?y=1")));
    let post = vordr.send("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((post.status, post.header("Location")), (308, Some("https://a.test/x")));
}

#[tokio::test]
async fn proxy_passes_a_request_and_its_answer_through() {
    let origin = Origin::responding(
        "HTTP/1.1 201 Created\r\nX-Own: yes\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 4\r\n\r\nmade",
    )
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let response = vordr
        .send("POST /items?n=1 HTTP/1.1\r\nHost: a.test\r\nX-Mine: 1\r\nContent-Length: 3\r\n\r\nabc")
        .await;
    assert_eq!((response.status, response.text().as_str()), (201, "made"));
    assert_eq!(response.header("X-Own"), Some("yes"));
    assert_eq!(response.headers("Set-Cookie"), ["a=1", "b=2"]);
    let seen = origin.only_request();
    assert_eq!(seen.head.start(), "POST /items?n=1 HTTP/1.1");
    assert_eq!(seen.header("X-Mine"), Some("1"));
    assert_eq!(seen.text(), "abc");
}

#[tokio::test]
async fn an_address_that_is_denied_is_answered_403() {
    let vordr = Vordr::running(
        r#"server a.test {
            listen 0
            location "/closed" { allow "192.0.2.0/24"; deny all; respond 200 "in"; }
            location "/open" { allow "127.0.0.0/8"; deny all; respond 200 "in"; }
        }"#,
    )
    .await;
    assert_eq!(vordr.get("http://a.test/closed").await.status, 403);
    assert_eq!(vordr.get("http://a.test/open").await.status, 200);
    assert_eq!(vordr.log_error("address").await["status"], 403);
}

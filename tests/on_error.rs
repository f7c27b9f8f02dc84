//! `on-error`: what is done in the place of a failure.

use crate::harness::{Framing, Http2, Origin, Vordr};

async fn broken(on_error: &str) -> Vordr {
    Vordr::running(&format!(
        r#"server a.test {{ listen 0; location "/" {{ on-error 502 503 504 {{ {on_error}; }}; proxy "http://127.0.0.1:1"; }} }}"#
    ))
    .await
}

#[tokio::test]
async fn a_failure_is_answered_from_the_rules() {
    let vordr = broken(r#"respond 503 "back soon""#).await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!((response.status, response.text().as_str()), (503, "back soon"));
    let line = vordr.log_error("refused").await;
    assert_eq!(line["status"], 503);
}

#[tokio::test]
async fn a_failure_is_redirected() {
    let vordr = broken(r#"redirect "/chat/error""#).await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!((response.status, response.header("Location")), (302, Some("/chat/error")));
}

#[tokio::test]
async fn a_failure_falls_back_to_another_upstream_with_the_body() {
    let fallback = Origin::answering("fallback").await;
    let vordr = broken(&format!(r#"proxy "{}""#, fallback.url())).await;
    let response = vordr.send("POST /x?y=1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!((response.status, response.text().as_str()), (200, "fallback"));
    let seen = fallback.only_request();
    assert_eq!((seen.head.start(), seen.text().as_str()), ("POST /x?y=1 HTTP/1.1", "abc"));
}

#[tokio::test]
async fn a_fallback_that_fails_too_is_answered_with_its_failure() {
    let vordr = broken(r#"proxy "http://127.0.0.1:2""#).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
}

#[tokio::test]
async fn the_upstreams_own_status_is_left_alone_unless_from_upstream_is_said() {
    let response = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nmine";
    let origin = Origin::responding(response).await;
    let plain = Vordr::proxying_with(&origin, r#"on-error 503 { respond 200 "rules"; }"#).await;
    assert_eq!(plain.get("http://a.test/").await.text(), "mine");
    let asked = Vordr::proxying_with(&origin, r#"on-error 503 from=upstream { respond 200 "rules"; }"#).await;
    assert_eq!(asked.get("http://a.test/").await.text(), "rules");
}

#[tokio::test]
async fn an_upstreams_status_can_lead_to_another_upstream() {
    let origin =
        Origin::responding("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nmine").await;
    let fallback = Origin::answering("fallback").await;
    let settings = format!(r#"on-error 503 from=upstream {{ proxy "{}"; }}"#, fallback.url());
    let vordr = Vordr::proxying_with(&origin, &settings).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "fallback");
}

#[tokio::test]
async fn the_log_names_the_first_failure_whatever_is_done_in_its_place() {
    let spare = Origin::answering("spare").await;
    let closes = Origin::scripted(|mut connection| async move {
        connection.request().await;
    })
    .await;
    let by_name = format!("location name=spare {{ proxy \"{}\"; }}", spare.url());
    for (instead, status, also) in [
        (format!("proxy \"{}\"", spare.url()), 200, ""),
        ("enter spare".to_owned(), 200, ""),
        (format!("proxy \"{}\"", closes.url()), 502, "; and in its place: "),
    ] {
        let vordr = Vordr::running(&format!(
            r#"server a.test {{ listen 0; {by_name}
            location "/" {{ on-error 502 {{ {instead}; }}; proxy "http://127.0.0.1:1"; }} }}"#
        ))
        .await;
        assert_eq!(vordr.get("http://a.test/").await.status, status);
        let line = vordr.log_error("refused").await;
        let detail = line["error_detail"].as_str().unwrap();
        assert_eq!((&line["level"], &line["status"]), (&"warn".into(), &status.into()), "{line}");
        assert!(detail.starts_with("upstream 127.0.0.1:1: ") && detail.contains(also), "{line}");
        assert_eq!(detail.contains(" in its place"), !also.is_empty(), "{line}");
    }
}

#[tokio::test]
async fn a_status_that_is_not_named_has_its_own_page() {
    let vordr = Vordr::running(
        r#"server a.test { listen 0; location "/" { on-error 504 { respond 200 "no"; }; proxy "http://127.0.0.1:1"; } }"#,
    )
    .await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
}

#[tokio::test]
async fn once_a_byte_of_the_answer_has_left_the_stream_is_cut_instead() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"on-error 502 { respond 200 "rules"; }"#).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    assert!(client.is_cut(Framing::Chunked).await);
    vordr.log_error("early_close").await;
}

#[tokio::test]
async fn what_fails_is_named_with_its_own_reason() {
    let closes = Origin::scripted(|mut connection| async move {
        connection.request().await;
    })
    .await;
    let resets = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.reset();
    })
    .await;
    let babbles = Origin::responding("this is not HTTP\r\n\r\n").await;
    for (origin, error) in [(&closes, "early_close"), (&resets, "reset"), (&babbles, "protocol")] {
        let vordr = Vordr::proxying(origin).await;
        assert_eq!(vordr.get("http://a.test/").await.status, 502, "{error}");
        assert_eq!(vordr.log_error(error).await["status"], 502);
    }
}

#[tokio::test]
async fn an_errors_page_comes_as_the_client_asks_for_it_and_names_the_request() {
    let vordr = Vordr::running(
        r#"
        upstream chatbot { server "127.0.0.1:1"; }
        server a.test { listen 0; location "/" { proxy chatbot; } }"#,
    )
    .await;
    let ask = |accept: &'static str| {
        let request =
            format!("GET / HTTP/1.1\r\nHost: a.test\r\nAccept: {accept}\r\nX-Request-Id: r-7\r\n\r\n");
        let vordr = &vordr;
        async move { vordr.send(&request).await }
    };
    let json = ask("application/json").await;
    assert_eq!(json.header("Content-Type"), Some("application/json"));
    let object: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!((&object["status"], &object["request_id"]), (&502.into(), &"r-7".into()));
    assert_eq!(object["error"], "upstream chatbot: connection refused");
    let html = ask("text/html,*/*").await;
    assert!(html.text().contains("r-7") && html.text().contains("connection refused"), "{}", html.text());
    assert!(!html.text().contains("127.0.0.1"), "addresses are nobody's business");
    assert_eq!(vordr.log_error("refused").await["request_id"], "r-7");
}

#[tokio::test]
async fn what_takes_an_answers_place_may_tell_of_its_headers() {
    let response = "HTTP/1.1 503 Some\r\nX-Reason: a\r\nContent-Length: 4\r\n\r\nmine";
    let origin = Origin::responding(response).await;
    for (action, expected) in [
        (r#"respond 200 template="for {upstream.header.x-reason}""#, (200, "for a", None)),
        (r#"redirect "/{upstream.header.x-reason}""#, (302, "", Some("/a"))),
        (r#"search "/of/{upstream.header.x-reason}""#, (200, "of a", None)),
    ] {
        let vordr = Vordr::running(&format!(
            r#"server a.test {{ listen 0
                location "/of/a" {{ respond 200 "of a"; }}
                location "/" {{ on-error 503 from=upstream {{ {action}; }}; proxy "{}"; }} }}"#,
            origin.url()
        ))
        .await;
        let response = vordr.get("http://a.test/").await;
        assert_eq!(
            (response.status, response.text().as_str(), response.header("Location")),
            expected,
            "{action}"
        );
    }
}

#[tokio::test]
async fn a_status_that_has_no_body_is_answered_without_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x"), "a file").unwrap();
    let lengthy = Origin::answering("spare").await;
    let chunked =
        Origin::responding("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nspare\r\n0\r\n\r\n")
            .await;
    for action in [
        format!("proxy \"{}\"", lengthy.url()),
        format!("proxy \"{}\"", chunked.url()),
        format!("files \"{}\"", folder.path().display()),
        "respond 200 \"said\"".to_owned(),
    ] {
        let vordr = Vordr::running(&format!(
            r#"server a.test {{ listen 0; location "/" {{ on-error 502 as=204 {{ {action}; }}; proxy "http://127.0.0.1:1"; }} }}"#
        ))
        .await;
        let mut client = vordr.connect().await;
        client.send("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let response = client.response().await;
        assert_eq!((response.status, response.text().as_str()), (204, ""), "{action}");
        assert_eq!(response.header("Content-Length"), None, "{action}");
        assert_eq!(response.header("Transfer-Encoding"), None, "{action}");
        let mut client = Http2::connect(vordr.address()).await;
        let mut answer = client.get("/x").await;
        assert_eq!((answer.status.as_u16(), answer.text().await.as_str()), (204, ""), "{action}");
    }
}

#[tokio::test]
async fn what_has_not_changed_is_said_so_whatever_status_was_to_be() {
    let origin = Origin::responding("HTTP/1.1 404 Gone\r\nContent-Length: 4\r\n\r\nmine").await;
    let spare = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let is_known = request.header("If-None-Match").is_some();
            let new = "HTTP/1.1 203 Own\r\nETag: \"a\"\r\nContent-Length: 4\r\n\r\nfull";
            connection.send(if is_known { "HTTP/1.1 304 Known\r\nETag: \"a\"\r\n\r\n" } else { new }).await;
        }
    })
    .await;
    let settings = format!("on-error 404 from=upstream as=200 {{ proxy \"{}\"; }}", spare.url());
    let vordr = Vordr::proxying_with(&origin, &settings).await;
    let mut client = vordr.connect().await;
    for (condition, line, text) in
        [("If-None-Match: \"a\"\r\n", "304 Known", ""), ("", "200 OK", "full"), ("", "200 OK", "full")]
    {
        client.send(format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{condition}\r\n")).await;
        let head = client.response_head().await;
        assert_eq!(head.start(), format!("HTTP/1.1 {line}"));
        let response = client.rest_of(head).await;
        assert_eq!((response.header("ETag"), response.text().as_str()), (Some("\"a\""), text));
    }
}

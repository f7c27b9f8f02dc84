//! Interim answers: whatever comes of the request behind one, it comes as it would have without.

use crate::harness::{Origin, Vordr, pooled, servers};
use std::time::Duration;

const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";

/// Answers with an interim answer and then with this, and closes.
async fn hinting(then: &'static str) -> Origin {
    Origin::scripted(move |mut connection| async move {
        connection.request().await;
        connection.send(HINTS).await;
        // What comes at once with what breaks off is not passed on.
        tokio::time::sleep(Duration::from_millis(100)).await;
        connection.send(then).await;
    })
    .await
}

#[tokio::test]
async fn a_request_is_tried_again_behind_one() {
    let unavailable = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for then in ["", unavailable] {
        let origins = [hinting(then).await, Origin::answering("ok").await];
        let pool = servers(&origins, &["", "backup=on"]);
        let vordr = Vordr::running(&pooled(&format!("{pool}\nretry 1 on=\"closed 503\""), "")).await;
        let mut client = vordr.connect().await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert_eq!(client.any_response().await.status, 103);
        assert_eq!(client.any_response().await.text(), "ok", "{then:?}");
        assert_eq!(vordr.log_line(|line| line["retries"] == 1).await["status"], 200);
    }
}

#[tokio::test]
async fn a_failure_falls_back_behind_one() {
    let (origin, fallback) = (hinting("").await, Origin::answering("fallback").await);
    let on_error = format!("on-error 502 {{ proxy \"{}\"; }}", fallback.url());
    let vordr = Vordr::proxying_with(&origin, &on_error).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "fallback");
}

#[tokio::test]
async fn one_of_vordrs_own_is_none_either() {
    let broken = Origin::scripted(|mut connection| async move {
        connection.request().await;
    });
    let (origin, fallback) = (broken.await, Origin::answering("fallback").await);
    let on_error = format!("buffering on; on-error 502 {{ proxy \"{}\"; }}", fallback.url());
    let vordr = Vordr::proxying_with(&origin, &on_error).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
    assert_eq!(client.any_response().await.status, 100);
    client.send("body").await;
    assert_eq!(client.any_response().await.text(), "fallback");
    assert_eq!(fallback.only_request().text(), "body");
}

#[tokio::test]
async fn a_client_of_http_1_0_is_sent_none() {
    let origin = hinting("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.any_response().await.text(), "ok");
}

#[tokio::test]
async fn the_connection_goes_on_behind_a_body_that_one_asked_for() {
    let origin = Origin::scripted(|mut connection| async move {
        while connection.request_head().await.is_some() {
            connection.send("HTTP/1.1 100 Continue\r\n\r\n").await;
            assert_eq!(connection.exactly(4).await.unwrap(), b"body");
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    for _ in 0..2 {
        client
            .send("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            .await;
        assert_eq!(client.any_response().await.status, 100);
        client.send("body").await;
        let last = client.any_response().await;
        assert_eq!((last.header("Connection"), last.text().as_str()), (Some("keep-alive"), "ok"));
    }
}

//! `limits`: heads that come too slowly or grow too large, and too many connections.

use crate::harness::{Client, Framing, Origin, Vordr, proxying, within};
use std::time::Duration;
use tokio::net::TcpSocket;

const HELLO: &str = r#"server a.test { listen 0; location "/" { respond 200 "hello"; } }"#;

#[tokio::test]
async fn a_head_that_drips_in_is_a_408_however_lively_it_drips() {
    let vordr = Vordr::running_with("limits { header-timeout \"600ms\"; }", HELLO).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n").await;
    let dripping = async {
        loop {
            client.send("X-Drip: drop\r\n").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let line = tokio::select! {
        line = vordr.log_error("header_timeout") => line,
        () = dripping => unreachable!(),
    };
    assert_eq!((&line["status"], &line["timeout"]), (&408.into(), &"limits header-timeout".into()));
    assert_eq!(client.response().await.status, 408);
    vordr.metrics_show(r#"reason="header_timeout""#).await;
}

#[tokio::test]
async fn the_second_head_of_a_connection_has_the_same_deadline() {
    let vordr = Vordr::running_with("limits { header-timeout \"400ms\"; }", HELLO).await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/").await.status, 200);
    client.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(client.response().await.status, 408);
    vordr.log_error("header_timeout").await;
}

#[tokio::test]
async fn the_deadline_is_for_the_head_and_not_for_the_exchange() {
    let origin = Origin::scripted(|mut connection| async move {
        while connection.request().await.is_some() {
            tokio::time::sleep(Duration::from_millis(900)).await;
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow").await;
        }
    })
    .await;
    let vordr =
        Vordr::running_with("limits { header-timeout \"300ms\"; }", &proxying(&origin.url(), "")).await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/").await.text(), "slow");
    assert_eq!(client.get("a.test", "/").await.text(), "slow");
}

#[tokio::test]
async fn a_head_larger_than_header_size_is_a_431() {
    let vordr = Vordr::running_with("limits { header-size \"1k\"; }", HELLO).await;
    let fits = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "x".repeat(900));
    assert_eq!(vordr.send(&fits).await.status, 200);
    let large = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "x".repeat(1100));
    assert_eq!(vordr.send(&large).await.status, 431);
    let endless = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}", "x".repeat(100_000));
    assert_eq!(vordr.send(&endless).await.status, 431);
    assert_eq!(vordr.log_error("header_size").await["status"], 431);
}

#[tokio::test]
async fn more_fields_than_header_count_are_a_431() {
    let vordr = Vordr::running_with("limits { header-count 20; }", HELLO).await;
    let request = |more| format!("GET / HTTP/1.1\r\nHost: a.test\r\n{}\r\n", "X: y\r\n".repeat(more));
    assert_eq!(vordr.send(&request(19)).await.status, 200);
    assert_eq!(vordr.send(&request(20)).await.status, 431);
    assert_eq!(vordr.log_error("header_count").await["status"], 431);
    vordr.metrics_show(r#"reason="header_count""#).await;
}

#[tokio::test]
async fn a_request_line_longer_than_the_limit_is_a_414_as_soon_as_it_is_too_long() {
    let vordr = Vordr::running_with("limits { request-line \"1k\"; }", HELLO).await;
    // `GET / HTTP/1.1` is 14 bytes long.
    let request = |more| format!("GET /{} HTTP/1.1\r\nHost: a.test\r\n\r\n", "x".repeat(more));
    assert_eq!(vordr.send(&request(1010)).await.status, 200);
    assert_eq!(vordr.send(&request(1011)).await.status, 414);
    // Neither the end of the line nor of the head is waited for.
    assert_eq!(vordr.send(&format!("GET /{}", "x".repeat(1100))).await.status, 414);
    assert_eq!(vordr.log_error("request_line").await["status"], 414);
    vordr.metrics_show(r#"reason="request_line""#).await;
    let long = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "x".repeat(2000));
    assert_eq!(vordr.send(&long).await.status, 200, "it is about the first line alone");
}

#[tokio::test]
async fn more_connections_than_the_limit_are_answered_503() {
    let vordr = Vordr::running_with("limits { connections 2; }", HELLO).await;
    let mut first = vordr.connect().await;
    assert_eq!(first.get("a.test", "/").await.status, 200);
    let mut second = vordr.connect().await;
    assert_eq!(second.get("a.test", "/").await.status, 200);
    let mut third = vordr.connect().await;
    third.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(third.response().await.status, 503);
    third.closed().await;
    assert_eq!(vordr.log_error("connection_limit").await["status"], 503);
    vordr.metrics_show(r#"reason="connection_limit""#).await;
    drop(second);
    let again = async {
        loop {
            let mut next = vordr.connect().await;
            next.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
            if next.response().await.status == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    crate::harness::within(again).await;
    assert_eq!(first.get("a.test", "/").await.status, 200);
}

#[tokio::test]
async fn more_connections_of_one_client_than_its_share_are_answered_429() {
    let vordr = Vordr::running_with("limits { connections 20 per-client=2; }", HELLO).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = vordr.connect().await;
        assert_eq!(client.get("a.test", "/").await.status, 200);
        held.push(client);
    }
    let mut third = vordr.connect().await;
    assert_eq!(third.response().await.status, 429);
    third.closed().await;
    let line = vordr.log_error("connection_limit").await;
    assert_eq!((&line["status"], &line["client_ip"]), (&429.into(), &"127.0.0.1".into()));
    assert!(line["error_detail"].as_str().unwrap().contains("per-client"), "{line}");
    vordr.metrics_show(r#"reason="connection_limit""#).await;
    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Client::over(within(elsewhere.connect(vordr.address())).await.unwrap());
    assert_eq!(other.get("a.test", "/").await.status, 200, "another client has a share of its own");
    drop(held.pop());
    let again = async {
        while vordr.connect().await.get("a.test", "/").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(again).await;
}

#[tokio::test]
async fn a_trusted_proxy_may_have_more_connections_than_a_client() {
    let rules = "trusted-proxies \"127.0.0.0/8\"; limits { connections 20 per-client=1; }";
    let vordr = Vordr::running_with(rules, HELLO).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut client = vordr.connect().await;
        assert_eq!(client.get("a.test", "/").await.status, 200);
        held.push(client);
    }
}

#[tokio::test]
async fn a_refused_upload_is_answered_although_the_client_is_still_sending() {
    let vordr =
        Vordr::running(r#"server a.test { listen 0; location "/" { body-limit 10; respond 200 "x"; } }"#)
            .await;
    let mut client = vordr.connect().await;
    let body = "x".repeat(2 * 1024 * 1024);
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    client.send(&body).await;
    let head = client.response_head().await;
    assert_eq!(head.status(), 413);
    assert_ne!(head.framing(true), Framing::ToEnd);
}

//! `concurrent`: so many requests of a client are under way at once, and more is refused.

use crate::harness::{Origin, Vordr, eventually};
use std::sync::Arc;
use tokio::sync::Semaphore;

#[tokio::test]
async fn more_at_once_is_answered_503_until_one_has_its_answer() {
    let word = Arc::new(Semaphore::new(0));
    let origin = Origin::held(word.clone()).await;
    let vordr = Vordr::proxying_with(&origin, r#"concurrent 2 key="{header.X-Key}""#).await;
    let request = |key: &str| format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Key: {key}\r\n\r\n");
    let (mut first, mut second) = (vordr.connect().await, vordr.connect().await);
    first.send(request("a")).await;
    second.send(request("a")).await;
    eventually("two requests upstream", || (origin.requests().len() == 2).then_some(())).await;
    assert_eq!(vordr.send(&request("a")).await.status, 503);
    assert_eq!(vordr.log_error("concurrency").await["status"], 503);
    let series = r#"vordr_http_rejected_total{reason="concurrency",route="/",server="a.test"}"#;
    vordr.metric_becomes(series, 1.0).await;
    word.add_permits(4);
    assert_eq!(vordr.send(&request("b")).await.status, 200, "another key is counted for itself");
    assert_eq!(first.response().await.status, 200);
    assert_eq!(second.response().await.status, 200);
    assert_eq!(vordr.send(&request("a")).await.status, 200);
}

#[tokio::test]
async fn a_websocket_counts_for_as_long_as_it_lives() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(&origin, "concurrent 1 status=429").await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("hello").await);
    assert_eq!(vordr.get("http://a.test/").await.status, 429);
    drop(socket);
    eventually("its place is free", || {
        vordr.log_lines().iter().any(|line| line["status"] == 101).then_some(())
    })
    .await;
    assert!(vordr.connect().await.websocket("a.test", "/", "").await.is_ok());
}

#[tokio::test]
async fn a_dry_limit_leaves_the_one_behind_it_in_force() {
    let origin = Origin::echoing().await;
    let words = "concurrent 1 zone=told dry=on; concurrent 2 zone=real";
    let vordr = Vordr::proxying_with(&origin, words).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(vordr.connect().await.websocket("a.test", "/", "").await.unwrap());
    }
    let is_told = || vordr.error_log().contains("would have refused").then_some(());
    eventually("a line of the one beyond the first limit", is_told).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 503);
}

//! `websocket ping`: a stream that is silent is kept alive.

use crate::harness::{Client, Framing, Origin, Vordr, accepted, handshake};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PING: &[u8] = b"\x89\x00";
/// As a browser answers, masked.
const PONG: &[u8] = b"\x8a\x80\x01\x02\x03\x04";
/// The end of a stream that is idle.
const END: &[u8] = b"\x88\x02\x03\xe9";

/// An app that answers 101, and says nothing more than `frames`.
async fn saying(frames: &'static [u8]) -> Origin {
    Origin::scripted(move |mut connection| async move {
        let request = connection.request().await.unwrap();
        connection.send(accepted(&request.head)).await;
        connection.send(frames).await;
        connection.closed().await;
    })
    .await
}

async fn opened(vordr: &Vordr) -> Client {
    let mut client = vordr.connect().await;
    client.send(handshake("a.test", "/", "")).await;
    assert_eq!(client.response_head().await.status(), 101);
    client
}

#[tokio::test]
async fn whoever_is_silent_is_asked_and_the_app_has_the_answer() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        connection.send(accepted(&request.head)).await;
        for _ in 0..2 {
            assert_eq!(connection.exactly(PONG.len()).await.unwrap(), PONG);
        }
        connection.send(b"\x81\x04both").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket ping="200ms""#).await;
    let mut client = opened(&vordr).await;
    for _ in 0..2 {
        assert_eq!(client.exactly(PING.len()).await.unwrap(), PING);
        client.send(PONG).await;
    }
    assert_eq!(client.exactly(6).await.unwrap(), b"\x81\x04both");
    for (direction, opcode) in [("out", "ping"), ("in", "pong")] {
        let series = format!(
            r#"vordr_websocket_frames_total{{direction="{direction}",opcode="{opcode}",route="/",server="a.test"}}"#
        );
        vordr.metric_becomes(&series, 2.0).await;
    }
}

#[tokio::test]
async fn pings_stand_between_frames_and_not_behind_the_last() {
    for (frames, is_pinged) in
        [(&b"\x81\x02hi"[..], true), (b"\x81\x02h", false), (b"\x88\x02\x03\xe8", false)]
    {
        let origin = saying(frames).await;
        let vordr = Vordr::proxying_with(&origin, r#"websocket ping="200ms" idle="1s""#).await;
        let heard = opened(&vordr).await.until_end().await.unwrap();
        let behind = heard.strip_prefix(frames).unwrap();
        assert_eq!(!behind.is_empty(), is_pinged, "{heard:x?}");
        assert!(
            behind.strip_suffix(END).unwrap_or_default().chunks(2).all(|frame| frame == PING),
            "{heard:x?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_idle() {
    let origin = saying(b"").await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket ping="100ms" idle="1s""#).await;
    let heard = opened(&vordr).await.until_end().await.unwrap();
    let pings = heard.strip_suffix(END).unwrap();
    assert!(pings.starts_with(PING) && pings.chunks(2).all(|frame| frame == PING), "{heard:x?}");
    assert_eq!(vordr.log_error("idle").await["timeout"], "websocket idle");
}

#[tokio::test]
async fn a_client_that_answers_lives_longer_than_idle() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket ping="200ms" idle="2s""#).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    // Pings are answered while something is awaited.
    assert!(timeout(Duration::from_secs(4), socket.heard()).await.is_err());
    assert!(socket.echoes("still here").await);
}

#[tokio::test]
async fn a_plain_answer_and_events_are_not_pinged() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let origin = Origin::scripted(move |mut connection| async move {
        connection.request().await;
        connection.send(head).await;
        sleep(Duration::from_millis(500)).await;
        connection.send("8\r\ndata: 1\n\r\n0\r\n\r\n").await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket ping="100ms""#).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    client.response_head().await;
    assert_eq!(client.body(Framing::Chunked).await.unwrap(), b"data: 1\n");
}

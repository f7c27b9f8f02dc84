//! A stream's limit on silence is its own, and traffic in either direction refreshes it.

use crate::harness::{Client, Origin, Vordr};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

#[tokio::test]
async fn a_websocket_outlives_the_timeouts_of_plain_requests() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(
        &origin,
        r#"timeouts send="200ms" read="200ms" client="200ms"; websocket idle="20s""#,
    )
    .await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(socket.echoes("still here").await);
    sleep(Duration::from_millis(600)).await;
    assert!(socket.echoes("and still").await);
}

#[tokio::test]
async fn silence_for_longer_than_websocket_idle_ends_the_stream() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket idle="500ms""#).await;
    let begin = Instant::now();
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("hello").await);
    assert_eq!(socket.closed().await, Some((1001, String::new())));
    assert!(begin.elapsed() >= Duration::from_millis(500));
    let line = vordr.log_error("idle").await;
    assert_eq!(line["timeout"], "websocket idle");
}

#[tokio::test]
async fn the_clients_messages_alone_keep_a_stream_alive() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        let mut socket = connection.upgrade(&request).await;
        while let Some(text) = socket.hear().await {
            if text == "answer" {
                socket.say("alive").await;
            }
        }
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket idle="2s""#).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    for _ in 0..10 {
        socket.say("I").await;
        sleep(Duration::from_millis(300)).await;
    }
    socket.say("answer").await;
    assert_eq!(socket.hear().await.as_deref(), Some("alive"));
}

#[tokio::test]
async fn the_upstreams_messages_alone_keep_a_stream_alive() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        let mut socket = connection.upgrade(&request).await;
        for _ in 0..10 {
            socket.say("they").await;
            sleep(Duration::from_millis(300)).await;
        }
        socket.say("done").await;
        socket.echo().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket idle="2s""#).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    for _ in 0..10 {
        assert_eq!(socket.hear().await.as_deref(), Some("they"));
    }
    assert_eq!(socket.hear().await.as_deref(), Some("done"));
}

#[tokio::test]
async fn a_client_that_takes_its_time_is_not_silent() {
    const SIZE: usize = 6 * 1024 * 1024;
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            .await;
        connection.send(vec![b'x'; SIZE]).await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket idle="500ms""#).await;
    let mut client = Client::connect_narrow(vordr.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    let (mut socket, mut part, mut sum) = (client.into_socket(), vec![0; 64 * 1024], 0);
    while let Ok(count @ 1..) = socket.read(&mut part).await {
        sum += count;
        sleep(Duration::from_micros(count as u64)).await;
    }
    assert!(sum > SIZE, "{sum} bytes");
    // One that takes nothing at all is.
    let mut client = Client::connect_narrow(vordr.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(vordr.log_error("idle").await["timeout"], "websocket idle");
}

#[tokio::test]
async fn an_event_stream_has_the_websockets_limit_and_not_read() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        sleep(Duration::from_secs(1)).await;
        connection.send("8\r\ndata: 1\n\r\n0\r\n\r\n").await;
    })
    .await;
    let vordr =
        Vordr::proxying_with(&origin, r#"timeouts read="200ms" client="200ms"; websocket idle="20s""#).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "data: 1\n");
}

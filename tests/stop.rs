//! A stop lets what is under way end, and waits no longer than `drain`.

use crate::harness::{Binary, Client, Origin, Vordr, accepted, handshake, proxying};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

#[tokio::test]
async fn idle_connections_are_closed_at_once_and_new_ones_refused() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running_with("drain \"60s\"", &proxying(&origin.url(), "")).await;
    let mut idle = vordr.connect().await;
    assert_eq!(idle.get("a.test", "/").await.status, 200);
    let mut fresh = vordr.connect().await;
    let address = vordr.address();
    vordr.stop();
    idle.closed().await;
    fresh.closed().await;
    vordr.stopped().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_that_is_under_way_is_answered_before_the_end() {
    let word = Arc::new(Semaphore::new(0));
    let origin = Origin::held(word.clone()).await;
    let vordr = Vordr::running_with("drain \"60s\"", &proxying(&origin.url(), "")).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    vordr.stop();
    word.add_permits(1);
    assert_eq!(client.response().await.text(), "late");
    client.closed().await;
    vordr.stopped().await;
}

#[tokio::test]
async fn what_outlives_drain_is_cut() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::running_with("drain \"300ms\"", &proxying(&origin.url(), "")).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("hello").await);
    vordr.stop();
    vordr.stopped().await;
    socket.closed().await;
}

/// The access log of a binary that was stopped with something under way that outlived `drain`.
async fn cut(begin: impl AsyncFn(&Binary, &Origin) -> Client, origin: &Origin) -> (String, String) {
    cut_under("", begin, origin).await
}

/// The same with these words in the server.
async fn cut_under(
    settings: &str,
    begin: impl AsyncFn(&Binary, &Origin) -> Client,
    origin: &Origin,
) -> (String, String) {
    let rules = proxying(&origin.url(), settings).replace("listen 0", "listen \"127.0.0.1:0\"");
    let mut binary = Binary::running(&format!("vordr {{ drain \"300ms\"; }}\n{rules}")).await;
    let mut client = begin(&binary, origin).await;
    binary.signal("TERM");
    let rest = String::from_utf8_lossy(&client.until_end().await.unwrap_or_default()).into_owned();
    assert_eq!(binary.ended().await.code(), Some(0));
    (binary.printed(), rest)
}

#[tokio::test]
async fn a_websocket_that_is_cut_has_its_last_line_in_the_log() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        connection.upgrade(&request).await.echo().await;
    })
    .await;
    let open = async |binary: &Binary, _: &Origin| {
        let mut client = Client::connect(binary.address()).await;
        client.send(handshake("a.test", "/", "")).await;
        assert_eq!(client.response_head().await.status(), 101);
        client
    };
    let (log, _) = cut(open, &origin).await;
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&last["error"], &last["timeout"]), (&"shutdown".into(), &"drain".into()), "{last}");
    assert_eq!(last["websocket"]["close_initiator"], "proxy", "{last}");
    assert_eq!(last["websocket"]["close_reason"], "shutdown", "{last}");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_has_its_line_in_the_log_when_it_is_cut() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n").await;
        while connection.send(&[b'x'; 64 * 1024]).await {}
    })
    .await;
    let stall = async |binary: &Binary, _: &Origin| {
        let mut client = Client::connect_narrow(binary.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        client
    };
    let (log, _) = cut(stall, &origin).await;
    let line: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&line["status"], &line["error"]), (&200.into(), &"shutdown".into()), "{line}");
}

#[tokio::test]
async fn an_answer_that_is_slowed_down_has_its_line_in_the_log_when_it_is_cut() {
    let origin = Origin::answering(&"x".repeat(100_000)).await;
    let ask = async |binary: &Binary, _: &Origin| {
        let mut client = Client::connect(binary.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        client.response_head().await;
        client
    };
    let (log, _) = cut_under("send-rate 1000", ask, &origin).await;
    let line: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&line["status"], &line["error"]), (&200.into(), &"shutdown".into()), "{line}");
}

#[tokio::test]
async fn a_request_that_is_cut_is_told_so_and_has_a_line_in_the_log() {
    let origin = Origin::held(Arc::new(Semaphore::new(0))).await;
    let ask = async |binary: &Binary, origin: &Origin| {
        let mut client = Client::connect(binary.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        origin.first_request().await;
        client
    };
    let (log, answer) = cut(ask, &origin).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("`drain` is over"), "{answer}");
    let line: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&line["status"], &line["error"]), (&503.into(), &"shutdown".into()), "{line}");
}

#[tokio::test]
async fn a_websocket_goes_on_until_drain_is_over() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::running_with("drain \"20s\"", &proxying(&origin.url(), "")).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    vordr.stop();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(socket.echoes("still here").await);
    socket.close(1000, "").await;
    vordr.stopped().await;
}

#[tokio::test]
async fn an_idle_websocket_is_told_that_vordr_goes_and_its_upstream_hears_the_answer() {
    let heard = Arc::new(std::sync::Mutex::new(None));
    let ear = heard.clone();
    let origin = Origin::scripted(move |mut connection| {
        let ear = ear.clone();
        async move {
            let request = connection.request().await.unwrap();
            let closed = connection.upgrade(&request).await.closed().await;
            *ear.lock().unwrap() = closed;
        }
    })
    .await;
    let vordr = Vordr::running_with("drain \"60s\"", &proxying(&origin.url(), "")).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    vordr.stop();
    assert_eq!(socket.closed().await, Some((1001, String::new())));
    let line = vordr.log_line(|line| line["websocket"].is_object()).await;
    assert_eq!(line["websocket"]["close_code"], 1001, "{line}");
    assert_eq!(line["websocket"]["close_initiator"], "proxy", "{line}");
    assert_eq!(line["websocket"]["close_reason"], "shutdown", "{line}");
    vordr.stopped().await;
    assert_eq!(*heard.lock().unwrap(), Some((1001, String::new())));
}

#[tokio::test]
async fn a_busy_websocket_ends_its_frame_before_it_is_told() {
    let word = Arc::new(Semaphore::new(0));
    let held = word.clone();
    let origin = Origin::scripted(move |mut connection| {
        let held = held.clone();
        async move {
            let request = connection.request().await.unwrap();
            connection.send(accepted(&request.head)).await;
            connection.send(b"\x81\x0bhello ").await;
            held.acquire().await.unwrap().forget();
            connection.send("world").await;
            connection.closed().await;
        }
    })
    .await;
    let vordr = Vordr::running_with("drain \"2s\"", &proxying(&origin.url(), "")).await;
    let mut client = vordr.connect().await;
    client.send(handshake("a.test", "/", "")).await;
    assert_eq!(client.response_head().await.status(), 101);
    assert_eq!(client.exactly(8).await.unwrap(), b"\x81\x0bhello ");
    vordr.stop();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    word.add_permits(1);
    assert_eq!(client.exactly(9).await.unwrap(), b"world\x88\x02\x03\xe9");
    vordr.stopped().await;
}

#[tokio::test]
async fn signals_stop_the_binary_with_0() {
    for signal in ["TERM", "INT", "QUIT"] {
        let origin = Origin::answering("ok").await;
        let rules = proxying(&origin.url(), "").replace("listen 0", "listen \"127.0.0.1:0\"");
        let mut binary = Binary::running(&rules).await;
        let mut client = Client::connect(binary.address()).await;
        assert_eq!(client.get("a.test", "/").await.status, 200);
        let begin = Instant::now();
        binary.signal(signal);
        assert_eq!(binary.ended().await.code(), Some(0), "{signal}: {}", binary.said());
        assert!(begin.elapsed() < Duration::from_secs(6), "an idle connection does not hold {signal} up");
    }
}

#[tokio::test]
async fn the_binary_answers_what_is_under_way_and_then_ends() {
    let word = Arc::new(Semaphore::new(0));
    let origin = Origin::held(word.clone()).await;
    let rules = proxying(&origin.url(), "").replace("listen 0", "listen \"127.0.0.1:0\"");
    let mut binary = Binary::running(&rules).await;
    let mut client = Client::connect(binary.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    binary.signal("TERM");
    tokio::time::sleep(Duration::from_millis(100)).await;
    word.add_permits(1);
    assert_eq!(client.response().await.text(), "late");
    assert_eq!(binary.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let origin = Origin::held(Arc::new(Semaphore::new(0))).await;
    let rules = proxying(&origin.url(), "").replace("listen 0", "listen \"127.0.0.1:0\"");
    let mut binary = Binary::running(&format!("vordr {{ drain \"60s\"; }}\n{rules}")).await;
    let mut client = Client::connect(binary.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    binary.signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    binary.signal("TERM");
    binary.ended().await;
}

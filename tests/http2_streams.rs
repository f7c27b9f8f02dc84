//! What lives long on HTTP/2: WebSockets (RFC 8441), event streams, and what is under way when vordr stops.

use crate::harness::http2::Stream;
use crate::harness::{Answer, Http2, Origin, Vordr, accepted, http2_request as request, proxying};
use bytes::Bytes;
use h2::ext::Protocol;
use http::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Asks for a WebSocket.
async fn websocket(client: &mut Http2) -> Stream {
    // The server says in its settings whether it can be asked.
    crate::harness::eventually("settings", || client.knows_websockets().then_some(())).await;
    let head = request(Method::CONNECT, "/ws").header("sec-websocket-version", "13");
    let head = head.header("origin", "http://a.test").extension(Protocol::from_static("websocket"));
    client.open(head.body(()).unwrap(), false).await
}

/// A short text message as a client sends it, masked with zeros.
fn message(text: &str) -> Bytes {
    let head = [0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    [&head[..], text.as_bytes()].concat().into()
}

/// The next so many bytes of a tunnel.
async fn exactly(answer: &mut Answer, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        bytes.extend(answer.part().await.expect("an open tunnel").expect("an open tunnel"));
    }
    bytes
}

#[tokio::test]
async fn a_websocket_is_a_stream_beside_others() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut tunnel = websocket(&mut client).await;
    let mut answer = tunnel.head().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!((answer.header("sec-websocket-accept"), answer.header("upgrade")), (None, None));
    for text in ["one", "two"] {
        tunnel.send(message(text), false).await.unwrap();
        assert_eq!(exactly(&mut answer, 5).await, [&[0x81, 3], text.as_bytes()].concat());
    }
    let asked = origin.first_request().await;
    assert_eq!(asked.head.start(), "GET /ws HTTP/1.1");
    assert_eq!(asked.header("Upgrade"), Some("websocket"));
    assert_eq!(asked.header("Sec-WebSocket-Key").unwrap().len(), 24);
    vordr.metric_becomes(r#"vordr_websocket_connections_active{route="/",server="a.test"}"#, 1.0).await;
    // Its end is the end of the stream.
    tunnel.body.send_data(Bytes::new(), true).unwrap();
    assert!(answer.part().await.unwrap().is_none());
    let line = vordr.log_line(|line| line["websocket"].is_object()).await;
    assert_eq!((&line["proto"], &line["status"]), (&"HTTP/2".into(), &101.into()));
    assert_eq!(line["websocket"]["frames_in"], 2);
}

#[tokio::test]
async fn a_websocket_that_is_silent_is_pinged() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket ping="200ms""#).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut tunnel = websocket(&mut client).await;
    let mut answer = tunnel.head().await;
    assert_eq!(exactly(&mut answer, 2).await, [0x89, 0]);
}

#[tokio::test]
async fn a_websocket_whose_upstream_goes_away_ends_with_a_close_frame() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        connection.send(accepted(&request.head)).await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut tunnel = websocket(&mut client).await;
    let mut answer = tunnel.head().await;
    assert_eq!(exactly(&mut answer, 4).await, [0x88, 2, 0x03, 0xf3]);
    assert!(answer.part().await.unwrap().is_none());
}

#[tokio::test]
async fn a_websocket_that_is_taken_back_is_ended_at_the_upstream() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut tunnel = websocket(&mut client).await;
    assert_eq!(tunnel.head().await.status, StatusCode::OK);
    tunnel.body.send_reset(h2::Reason::CANCEL);
    let line = vordr.log_line(|line| line["websocket"].is_object()).await;
    assert_eq!(line["websocket"]["close_initiator"], "client");
}

#[tokio::test]
async fn a_websocket_that_is_refused_is_no_open_one() {
    let origin = Origin::responding("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut answer = websocket(&mut client).await.answer().await;
    assert_eq!((answer.status.as_u16(), answer.text().await.as_str()), (403, "no"));
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    assert_eq!(websocket(&mut client).await.answer().await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(vordr.log_error("protocol").await["status"], 502);
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(&origin, "websocket off").await;
    let mut client = Http2::connect(vordr.address()).await;
    assert_eq!(websocket(&mut client).await.answer().await.status, StatusCode::UPGRADE_REQUIRED);
    vordr.log_error("websocket_off").await;
}

#[tokio::test]
async fn a_websocket_that_is_silent_for_too_long_is_ended() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(&origin, "websocket idle=\"400ms\"").await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut tunnel = websocket(&mut client).await;
    let mut answer = tunnel.head().await;
    while let Ok(Some(_)) = answer.part().await {}
    assert_eq!(vordr.log_error("idle").await["timeout"], "websocket idle");
    assert!(client.is_open().await);
}

#[tokio::test]
async fn an_event_is_at_the_client_before_the_next_one_is_written() {
    let word = Arc::new(Semaphore::new(0));
    let heard = word.clone();
    let origin = Origin::scripted(move |mut connection| {
        let heard = heard.clone();
        async move {
            connection.request().await;
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            connection.send(head).await;
            for number in 0..3 {
                connection.send(format!("9\r\ndata: {number}\n\n\r\n")).await;
                heard.acquire().await.unwrap().forget();
            }
            connection.send("0\r\n\r\n").await;
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut answer = Http2::connect(vordr.address()).await.get("/events").await;
    for number in 0..3 {
        assert_eq!(exactly(&mut answer, 9).await, format!("data: {number}\n\n").into_bytes());
        word.add_permits(1);
    }
    assert!(answer.part().await.unwrap().is_none());
}

#[tokio::test]
async fn an_upstream_that_sends_faster_than_the_client_takes_is_made_to_wait() {
    let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = sent.clone();
    let origin = Origin::scripted(move |mut connection| {
        let counted = counted.clone();
        async move {
            connection.request().await;
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n").await;
            let piece = vec![b'x'; 65536];
            while connection.send(&piece).await {
                counted.fetch_add(piece.len(), std::sync::atomic::Ordering::Relaxed);
            }
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut answer = client.get("/").await;
    answer.part().await.unwrap();
    // The kernel's buffers and a window or two, and no more.
    let mut before = usize::MAX;
    while before != sent.load(std::sync::atomic::Ordering::Relaxed) {
        before = sent.load(std::sync::atomic::Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(before < 32 << 20, "{before} bytes were taken for a client that takes nothing");
    // Another stream is not held up.
    let stream = client.open(request(Method::GET, "/two").body(()).unwrap(), true).await;
    assert_eq!(stream.answer().await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_vordr_stops() {
    let word = Arc::new(Semaphore::new(0));
    let origin = Origin::held(word.clone()).await;
    let vordr = Vordr::running_with("drain \"60s\"", &proxying(&origin.url(), "")).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut idle = Http2::connect(vordr.address()).await;
    let stream = client.open(request(Method::GET, "/").body(()).unwrap(), true).await;
    origin.first_request().await;
    assert!(idle.is_open().await);
    vordr.stop();
    idle.ended().await.unwrap();
    word.add_permits(1);
    assert_eq!(stream.answer().await.text().await, "late");
    client.ended().await.unwrap();
    vordr.stopped().await;
}

#[tokio::test]
async fn what_outlives_drain_is_cut_and_accounted_for() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::running_with("drain \"200ms\"", &proxying(&origin.url(), "")).await;
    let mut client = Http2::connect(vordr.address()).await;
    let stream = client.open(request(Method::GET, "/").body(()).unwrap(), true).await;
    origin.first_request().await;
    vordr.stop();
    assert_eq!(vordr.log_error("shutdown").await["proto"], "HTTP/2");
    assert_eq!(stream.answer().await.status, StatusCode::SERVICE_UNAVAILABLE);
    vordr.stopped().await;
}

#[tokio::test]
async fn a_websocket_is_told_that_vordr_goes_away() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::running_with("drain \"300ms\"", &proxying(&origin.url(), "")).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut tunnel = websocket(&mut client).await;
    let mut answer = tunnel.head().await;
    tunnel.send(message("one"), false).await.unwrap();
    assert_eq!(exactly(&mut answer, 5).await, b"\x81\x03one");
    vordr.stop();
    // A close frame with 1001, and the end.
    let farewell = answer.whole().await.unwrap();
    assert_eq!(farewell.get(..4).map(|frame| (frame[0], &frame[2..])), Some((0x88, &[0x03, 0xe9][..])));
    client.ended().await.unwrap();
    vordr.stopped().await;
}

#[tokio::test]
async fn a_slow_client_gets_the_last_of_its_answer_although_it_was_told_to_go() {
    let body = "x".repeat(1 << 20);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let origin = Origin::responding(&response).await;
    let limits = "limits { keepalive \"60s\" requests=1; }";
    let vordr = Vordr::running_with(limits, &proxying(&origin.url(), "")).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut answer = client.get("/").await;
    let mut taken = 0;
    // By now the exchange is over, and what is left waits in vordr.
    while taken < body.len() - 40_000 {
        taken += answer.part().await.unwrap().unwrap().len();
    }
    vordr.log_line(|line| line["status"] == 200).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(taken + answer.whole().await.unwrap().len(), body.len());
    client.ended().await.unwrap();
}

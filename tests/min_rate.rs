//! `limits min-rate`: bodies that come too slowly, answers that are taken too slowly, and all that is not the client's doing.

use crate::harness::{Client, Framing, Http2, Origin, Vordr, http2_request as request, proxying, within};
use bytes::Bytes;
use http::{Method, StatusCode};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;

/// Far more than anybody does here, who must not be called slow all the same.
const MUCH: &str = "limits { min-rate \"100m\"; }";

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Takes no more than the head of a request, for as long as the client is there.
async fn patient() -> Origin {
    Origin::scripted(|mut connection| async move {
        connection.request_head().await;
        connection.closed().await;
    })
    .await
}

#[tokio::test]
async fn a_body_that_drips_in_is_a_408_however_lively_it_drips() {
    let origin = patient().await;
    let rules = proxying(&origin.url(), "timeouts client=\"2s\"");
    let vordr = Vordr::running_with("limits { min-rate \"1k\"; }", &rules).await;
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut client = vordr.connect().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n")).await;
        let chunked = framing.ends_with("chunked");
        let before = vordr.log_lines().len();
        let dripping = async {
            loop {
                client.send(if chunked { "1\r\nx\r\n" } else { "x" }).await;
                pause(100).await;
            }
        };
        let line = tokio::select! {
            line = crate::harness::eventually("a line", || vordr.log_lines().get(before).cloned()) => line,
            () = dripping => unreachable!(),
        };
        assert_eq!((&line["status"], &line["error"]), (&408.into(), &"slow_upload".into()), "{line}");
        assert_eq!(line["timeout"], "limits min-rate");
        assert_eq!(client.response().await.status, 408);
    }
    vordr.metrics_show(r#"reason="slow_upload",route="/""#).await;
}

#[tokio::test]
async fn so_is_one_on_a_stream_of_http_2_whose_connection_goes_on() {
    let origin = patient().await;
    let rules = proxying(&origin.url(), "timeouts client=\"2s\"");
    let alive = rules.replacen("location", "location \"/alive\" { respond 200; }\n location", 1);
    let vordr = Vordr::running_with("limits { min-rate \"1k\"; }", &alive).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut stream = client.open(request(Method::POST, "/").body(()).unwrap(), false).await;
    let dripping = async {
        while stream.body.send_data(Bytes::from_static(b"x"), false).is_ok() {
            pause(100).await;
        }
        std::future::pending().await
    };
    let line = tokio::select! {
        line = vordr.log_error("slow_upload") => line,
        () = dripping => unreachable!(),
    };
    assert_eq!((&line["status"], &line["proto"]), (&408.into(), &"HTTP/2".into()));
    assert_eq!(line["timeout"], "limits min-rate");
    assert_eq!(stream.answer().await.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(client.get("/alive").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_gathered_is_held_to_it_too() {
    let origin = patient().await;
    let rules = proxying(&origin.url(), "buffering on; timeouts client=\"1s\"");
    let vordr = Vordr::running_with("limits { min-rate \"1k\"; }", &rules).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n").await;
    let dripping = async {
        loop {
            client.send("x").await;
            pause(50).await;
        }
    };
    tokio::select! {
        _ = vordr.log_error("slow_upload") => {}
        () = dripping => unreachable!(),
    };
    assert_eq!(client.response().await.status, 408);
}

#[tokio::test]
async fn an_upload_that_the_upstream_pauses_is_not_slow() {
    let origin = Origin::scripted(|mut connection| async move {
        while connection.request_head().await.is_some() {
            pause(3000).await;
            connection.exactly(32 << 20).await.unwrap();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole").await;
        }
    })
    .await;
    let rules = proxying(&origin.url(), "timeouts client=\"1s\"");
    let vordr = Vordr::running_with("limits { min-rate \"1m\"; }", &rules).await;
    let mut client = vordr.connect().await;
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", 32 << 20)).await;
    for _ in 0..32 {
        client.send(vec![b'x'; 1 << 20]).await;
    }
    assert_eq!(client.response().await.text(), "whole");

    let mut client = Http2::connect(vordr.address()).await;
    let head = request(Method::POST, "/").header("content-length", 32 << 20).body(()).unwrap();
    let mut stream = client.open(head, false).await;
    stream.send(vec![b'x'; 32 << 20].into(), true).await.unwrap();
    assert_eq!(stream.answer().await.status, StatusCode::OK);
}

/// Eight megabytes as fast as they are taken.
async fn large() -> Origin {
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", 8 << 20, "x".repeat(8 << 20));
    Origin::responding(&response).await
}

/// Asks for it, with little room to put it.
async fn asking(vordr: &Vordr) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    let mut client = Client::over(within(socket.connect(vordr.address())).await.unwrap());
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.framing(true), Framing::Length(8 << 20));
    client
}

#[tokio::test]
async fn an_answer_that_is_read_too_slowly_is_cut() {
    let origin = large().await;
    let vordr = Vordr::running_with(MUCH, &proxying(&origin.url(), "timeouts client=\"1s\"")).await;
    let mut client = asking(&vordr).await;
    let reading = async {
        while client.exactly(5_000).await.is_ok() {
            pause(100).await;
        }
        std::future::pending().await
    };
    let line = tokio::select! {
        line = vordr.log_error("slow_download") => line,
        () = reading => unreachable!(),
    };
    assert_eq!((&line["status"], &line["timeout"]), (&200.into(), &"limits min-rate".into()));
    assert!(client.is_cut(Framing::Length(8 << 20)).await);
    vordr.metrics_show(r#"reason="slow_download",route="/""#).await;
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_and_steadily_is_not_silence() {
    let origin = large().await;
    let vordr =
        Vordr::running_with("limits { min-rate off; }", &proxying(&origin.url(), "timeouts client=\"1s\""))
            .await;
    let mut client = asking(&vordr).await;
    let (begun, mut left) = (Instant::now(), 8 << 20);
    while begun.elapsed() < Duration::from_secs(4) {
        client.exactly(5_000).await.unwrap();
        left -= 5_000;
        pause(100).await;
    }
    client.exactly(left).await.unwrap();
    assert_eq!(vordr.log_line(|line| line["path"] == "/").await.get("error"), None);
}

#[tokio::test]
async fn who_waits_for_the_upstream_is_not_slow() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            match request.target() {
                "/events" => {
                    connection
                        .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
                        .await;
                    pause(2500).await;
                    connection.send("data: 2\n\n").await;
                    return;
                }
                "/poll" => {
                    pause(2500).await;
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnews").await;
                }
                _ => return connection.upgrade(&request).await.echo().await,
            }
        }
    })
    .await;
    let vordr = Vordr::running_with(MUCH, &proxying(&origin.url(), "timeouts client=\"1s\"")).await;
    let events = async { vordr.get("http://a.test/events").await.text() };
    let poll = async { vordr.get("http://a.test/poll").await.text() };
    let talk = async {
        let mut socket = vordr.connect().await.websocket("a.test", "/talk", "").await.unwrap();
        pause(2500).await;
        socket.echoes("still here").await
    };
    let (events, poll, talk) = tokio::join!(events, poll, talk);
    assert_eq!((&*events, &*poll, talk), ("data: 1\n\ndata: 2\n\n", "news", true));
}

#[tokio::test]
async fn a_request_whose_answer_has_begun_may_take_its_time() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request_head().await;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n").await;
        while connection.chunk().await.unwrap().is_some() {}
        connection.send("3\r\nbye\r\n0\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::running_with(MUCH, &proxying(&origin.url(), "timeouts client=\"1s\"")).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    for _ in 0..20 {
        client.send("1\r\nx\r\n").await;
        pause(150).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.body(Framing::Chunked).await.unwrap(), b"hibye");
}

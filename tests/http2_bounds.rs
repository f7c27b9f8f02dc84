//! HTTP/2 connections that cost more than they bring are ended, and the log says why.

use crate::harness::http2::raw::{
    self, DATA, END_HEADERS, GOAWAY, HEADERS, PING, RST_STREAM, RawHttp2, SETTINGS,
};
use crate::harness::{Binary, Http2, Origin, Vordr, http2_request as request, proxying, within};
use bytes::Bytes;
use h2::Reason;
use http::{Method, StatusCode};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

const HELLO: &str = r#"server a.test { listen 0; location "/" { respond 200 "hello"; } }"#;

#[tokio::test]
async fn streams_that_are_opened_and_reset_without_end_end_the_connection() {
    let origin =
        Origin::scripted(|mut connection| async move { while connection.request().await.is_some() {} }).await;
    let rules = r#"location "/alive" { respond 200 "yes"; }"#;
    let proxying = proxying(&origin.url(), "").replacen("location", &format!("{rules}\n location"), 1);
    let vordr = Vordr::running(&proxying).await;
    // All at once, and slowly enough that each stream is begun before it is taken back.
    for pause in [Duration::ZERO, Duration::from_micros(200)] {
        let mut wire = RawHttp2::connect(vordr.address()).await;
        let head =
            raw::block(&[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]);
        let flooding = async {
            for stream in (1..200_000).step_by(2) {
                let pair = [
                    raw::frame(HEADERS, END_HEADERS | raw::END_STREAM, stream, &head),
                    raw::frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()),
                ];
                if !wire.send(&pair.concat()).await {
                    return;
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
            panic!("a hundred thousand resets went through");
        };
        within(flooding).await;
    }
    let line = vordr.log_error("flood").await;
    assert!(line["error_detail"].as_str().unwrap().contains("HTTP/2"), "{line}");
    vordr.metrics_show(r#"reason="flood""#).await;
    assert_eq!(vordr.get("http://a.test/alive").await.text(), "yes");
}

#[tokio::test]
async fn frames_that_move_nothing_end_the_connection() {
    let vordr = Vordr::running(HELLO).await;
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[]), (0x2, &[0; 5]), (0xbe, &[0; 3])] {
        let mut wire = RawHttp2::connect(vordr.address()).await;
        let stream = u32::from(kind == 0x2) * 3;
        let mut sent = 0;
        while wire.frame(kind, 0, stream, payload).await {
            sent += 1;
            assert!(sent < 500_000, "frame {kind}");
        }
    }
    let flood = "too many frames that move nothing on one HTTP/2 connection";
    let named = || vordr.log_lines().iter().filter(|line| line["error_detail"] == flood).count();
    crate::harness::eventually("a line for each", || (named() == 4).then_some(())).await;
}

#[tokio::test]
async fn a_flood_is_answered_with_a_goaway_that_says_so() {
    let vordr = Vordr::running(HELLO).await;
    let mut wire = RawHttp2::connect(vordr.address()).await;
    let pings = raw::frame(PING, 1, 0, &[0; 8]).repeat(5000);
    wire.send(&pings).await;
    assert!(wire.until(|kind, payload| kind == GOAWAY && payload.get(7) == Some(&11)).await);
}

#[tokio::test]
async fn a_client_that_never_reads_is_ended_and_named() {
    let body = "x".repeat(8 << 20);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let origin = Origin::responding(&response).await;
    let rules = proxying(&origin.url(), "timeouts client=\"700ms\"");
    let vordr = Vordr::running_with("limits { keepalive \"700ms\"; }", &rules).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let socket = within(socket.connect(vordr.address())).await.unwrap();
    let mut wire = RawHttp2::over(Box::new(socket)).await;
    // It is the socket that is full.
    wire.open_windows().await;
    for stream in (1..100).step_by(2) {
        wire.get(stream, &[]).await;
    }
    let line = vordr.log_error("client_timeout").await;
    assert_eq!((&line["timeout"], &line["proto"]), (&"timeouts client".into(), &"HTTP/2".into()));
    let line = vordr.log_error("untaken").await;
    assert_eq!(line["timeout"], "limits keepalive");
    vordr.metric_becomes("vordr_http_requests_in_flight{route=\"/\",server=\"a.test\"}", 0.0).await;
}

#[tokio::test]
async fn answers_that_are_read_slowly_outlive_keepalive() {
    const SIZE: usize = 60 * 1024;
    const STREAMS: usize = 100;
    let origin = Origin::answering(&"x".repeat(SIZE)).await;
    let rules = proxying(&origin.url(), "");
    let vordr = Vordr::running_with("limits { keepalive \"500ms\"; }", &rules).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let socket = within(socket.connect(vordr.address())).await.unwrap();
    let mut wire = RawHttp2::over(Box::new(socket)).await;
    wire.open_windows().await;
    for number in 0..STREAMS {
        wire.get(number as u32 * 2 + 1, &[]).await;
    }
    let mut sum = 0;
    while sum < SIZE * STREAMS {
        let Some((kind, payload)) = wire.next().await else { break };
        sum += if kind == DATA { payload.len() } else { 0 };
        // 2 MB a second.
        tokio::time::sleep(Duration::from_micros(payload.len() as u64 / 2)).await;
    }
    assert_eq!(sum, SIZE * STREAMS);
}

/// Uploads more than anybody takes to an upstream that reads nothing; it goes on while the task is not aborted.
async fn stalled(client: &mut Http2) -> JoinHandle<()> {
    let mut stream = client.open(request(Method::POST, "/stall").body(()).unwrap(), false).await;
    let part = Bytes::from(vec![b'x'; 64 << 20]);
    tokio::spawn(async move {
        // It ends when the stream is dropped, or the connection.
        let _ = stream.send(part, true).await;
        std::future::pending::<()>().await;
    })
}

#[tokio::test]
async fn uploads_that_stall_stop_no_others_and_are_over_when_they_are_taken_back() {
    let origin = Origin::scripted(|mut connection| async move {
        if connection.request_head().await.is_some_and(|head| head.target() == "/stall") {
            return tokio::time::sleep(Duration::from_secs(60)).await;
        }
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, "body-limit off; timeouts client=\"2s\"").await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut uploads = Vec::new();
    for _ in 0..6 {
        uploads.push(stalled(&mut client).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut stream = client.open(request(Method::POST, "/").body(()).unwrap(), false).await;
    stream.send(Bytes::from_static(b"small"), true).await.unwrap();
    assert_eq!(stream.answer().await.text().await, "good");
    uploads.iter().for_each(JoinHandle::abort);
    let gone = || vordr.log_lines().iter().filter(|line| line["error"] == "client_gone").count();
    crate::harness::eventually("a line for each", || (gone() == 6).then_some(())).await;
}

#[tokio::test]
async fn a_window_that_stays_shut_is_ended_too() {
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
    let vordr = Vordr::proxying_with(&origin, "timeouts client=\"400ms\"").await;
    let mut wire = RawHttp2::connect(vordr.address()).await;
    wire.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
    wire.get(1, &[]).await;
    assert!(wire.until(|kind, _| kind == RST_STREAM).await);
    assert_eq!(vordr.log_error("client_timeout").await["timeout"], "timeouts client");
}

#[tokio::test]
async fn a_body_that_comes_a_byte_now_and_then_is_held_to_timeouts_client() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying_with(&origin, "timeouts client=\"400ms\"").await;
    let mut client = Http2::connect(vordr.address()).await;
    let head = request(Method::POST, "/").header("content-length", "1000").body(()).unwrap();
    let mut stream = client.open(head, false).await;
    let begun = Instant::now();
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if stream.body.send_data(Bytes::from_static(b"x"), false).is_err() {
                return;
            }
        }
    };
    let line = tokio::select! {
        line = vordr.log_error("client_timeout") => line,
        () = dripping => unreachable!("the log line comes first"),
    };
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert_eq!((&line["status"], &line["timeout"]), (&408.into(), &"timeouts client".into()));
    assert_eq!(stream.answer().await.status, StatusCode::REQUEST_TIMEOUT);
    assert!(client.is_open().await);
}

#[tokio::test]
async fn a_head_that_drips_in_is_held_to_header_timeout() {
    let vordr = Vordr::running_with("limits { header-timeout \"500ms\"; }", HELLO).await;
    let mut wire = RawHttp2::connect(vordr.address()).await;
    let head = raw::block(&[(":method", "GET"), (":scheme", "http")]);
    wire.frame(HEADERS, 0, 1, &head).await;
    let line = vordr.log_error("header_timeout").await;
    assert_eq!(line["status"], 408);
    within(wire.closed()).await;
    // So is a preface that does not come whole, and a frame.
    for bytes in [&b"PRI * HTTP/2.0\r\n\r\nSM"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x04"] {
        let mut client = vordr.connect().await;
        client.send(bytes).await;
        within(client.closed()).await;
    }
}

#[tokio::test]
async fn a_head_larger_than_header_size_is_a_431_for_its_stream_alone() {
    let vordr = Vordr::running_with("limits { header-size \"1k\"; }", HELLO).await;
    let mut client = Http2::connect(vordr.address()).await;
    let head = request(Method::GET, "/").header("x", "x".repeat(1100)).body(()).unwrap();
    let answer = client.open(head, true).await.answer().await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(vordr.log_error("header_size").await["status"], 431);
    assert_eq!(client.get("/").await.status, StatusCode::OK);
    let head = request(Method::GET, "/").header("x", "x".repeat(100_000)).body(()).unwrap();
    let answer = client.open(head, true).await.answer().await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn the_path_and_the_fields_of_a_stream_are_limited_as_a_request_line_and_its_fields_are() {
    let limits = "limits { header-count 20; request-line \"1k\"; }";
    let vordr = Vordr::running_with(limits, HELLO).await;
    let mut client = Http2::connect(vordr.address()).await;
    for (path, fields, status) in [(1010, 10, 200), (1011, 10, 414), (1, 18, 200), (1, 20, 431)] {
        let mut head = request(Method::GET, &format!("/{}", "x".repeat(path)));
        for number in 0..fields {
            head = head.header(format!("x-{number}"), "y");
        }
        let answer = client.open(head.body(()).unwrap(), true).await.answer().await;
        assert_eq!(answer.status, status, "{path} bytes, {fields} fields");
    }
    assert_eq!(vordr.log_error("request_line").await["status"], 414);
    assert_eq!(vordr.log_error("header_count").await["status"], 431);
}

#[tokio::test]
async fn no_more_streams_are_open_at_once_than_are_told() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut wire = RawHttp2::connect(vordr.address()).await;
    for stream in (1..=261).step_by(2) {
        wire.get(stream, &[]).await;
    }
    let refused = Reason::REFUSED_STREAM;
    let code = u32::from(refused).to_be_bytes();
    assert!(wire.until(|kind, payload| kind == RST_STREAM && payload == code).await);
}

#[tokio::test]
async fn requests_that_are_none_are_reset_each_and_too_many_end_the_connection() {
    let vordr = Vordr::running(HELLO).await;
    let mut wire = RawHttp2::connect(vordr.address()).await;
    wire.get(1, &[("connection", "close")]).await;
    assert!(wire.until(|kind, _| kind == RST_STREAM).await);
    wire.get(3, &[]).await;
    assert!(wire.until(|kind, _| kind == HEADERS).await);
    for stream in (5..2000).step_by(2) {
        if !wire.get(stream, &[("connection", "close")]).await {
            break;
        }
    }
    let line = vordr.log_error("flood").await;
    assert_eq!(
        line["error_detail"],
        "too many streams or frames beyond HTTP/2's bounds on one HTTP/2 connection"
    );
    within(wire.closed()).await;
}

#[tokio::test]
async fn a_fault_within_one_stream_is_told_and_the_others_go_on() {
    let origin = Origin::answering("fine").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut wire = RawHttp2::connect(vordr.address()).await;
    let head = |more: &[(&str, &str)]| {
        let usual = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")];
        raw::block(&[&usual, more].concat())
    };
    let filler = "x".repeat(140_000);
    let faults: [(Vec<u8>, &str); 5] = [
        (raw::block(&[(":method", "GET"), ("x", "y"), (":path", "/")]), "bad_request"),
        (raw::block(&[(":method", "GET"), (":method", "GET"), (":path", "/")]), "bad_request"),
        (head(&[("te", "gzip")]), "bad_request"),
        (head(&[("connection", "close")]), "bad_request"),
        (head(&[("x", &filler)]), "header_size"),
    ];
    for (number, (block, error)) in faults.iter().enumerate() {
        let before = vordr.log_lines().len();
        let stream = 1 + 4 * number as u32;
        let mut frames = Vec::new();
        for (part, bytes) in block.chunks(16_000).enumerate() {
            let last = (part + 1) * 16_000 >= block.len();
            let flags = if last { END_HEADERS } else { 0 } | if part == 0 { raw::END_STREAM } else { 0 };
            frames.extend(raw::frame(if part == 0 { HEADERS } else { 0x9 }, flags, stream, bytes));
        }
        wire.send(&frames).await;
        assert!(wire.until(|kind, _| matches!(kind, HEADERS | RST_STREAM)).await, "fault {number}");
        let line = crate::harness::eventually("a line", || vordr.log_lines().get(before).cloned()).await;
        assert_eq!(line["error"], *error, "{line}");
        wire.get(stream + 2, &[]).await;
        assert!(wire.until(|kind, _| kind == HEADERS).await, "the connection goes on after fault {number}");
        let both = || (vordr.log_lines().len() == before + 2).then_some(());
        crate::harness::eventually("a line for each", both).await;
    }
    vordr
        .metrics_show(r#"vordr_http_rejected_total{reason="bad_request",route="_other",server="_other"} 4"#)
        .await;
}

#[tokio::test]
async fn a_body_that_does_not_fit_its_length_is_the_clients_fault_in_the_log() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    for sent in [b"too long".as_slice(), b"x"] {
        let before = vordr.log_lines().len();
        let mut wire = RawHttp2::connect(vordr.address()).await;
        let head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a.test"),
            (":path", "/"),
            ("content-length", "4"),
        ];
        wire.frame(HEADERS, END_HEADERS, 1, &raw::block(&head)).await;
        wire.frame(DATA, raw::END_STREAM, 1, sent).await;
        assert!(wire.until(|kind, _| kind == RST_STREAM).await);
        let line = crate::harness::eventually("a line", || vordr.log_lines().get(before).cloned()).await;
        assert_eq!((&line["error"], &line["status"]), (&"bad_request".into(), &400.into()), "{line}");
    }
}

#[tokio::test]
async fn what_is_not_http_2_ends_the_connection_and_is_told() {
    let vordr = Vordr::running(HELLO).await;
    // A frame larger than any may be, DATA for no stream, a head that cannot be uncompressed.
    for bytes in [
        raw::frame(DATA, 0, 1, &[0; 20_000]),
        raw::frame(DATA, 0, 0, b"x"),
        raw::frame(HEADERS, END_HEADERS, 1, &[0xff; 8]),
    ] {
        let before = vordr.log_lines().len();
        let mut wire = RawHttp2::connect(vordr.address()).await;
        wire.send(&bytes).await;
        within(wire.closed()).await;
        let line = crate::harness::eventually("a line", || vordr.log_lines().get(before).cloned()).await;
        assert_eq!((&line["error"], &line["status"]), (&"bad_request".into(), &400.into()));
    }
}

#[tokio::test]
async fn whatever_a_client_does_the_memory_is_bounded() {
    let body = "x".repeat(8 << 20);
    let origin = Origin::scripted(move |mut connection| {
        let body = body.clone();
        async move {
            let Some(head) = connection.head().await else { return };
            if head.method() == "POST" {
                // Takes nothing of the body.
                return tokio::time::sleep(Duration::from_secs(60)).await;
            }
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
        }
    })
    .await;
    let binary = Binary::running(&format!("vordr {{ workers 1; }}\n{}", proxying(&origin.url(), ""))).await;
    let before = binary.memory();
    let head = |method| [(":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", "/")];
    // A body in the smallest pieces, which nobody takes.
    let mut drops = RawHttp2::connect(binary.address()).await;
    drops.frame(HEADERS, END_HEADERS, 1, &raw::block(&head("POST"))).await;
    let pieces = raw::frame(DATA, 0, 1, b"x").repeat(1000);
    for _ in 0..2000 {
        if !drops.send(&pieces).await {
            break;
        }
    }
    // Answers of 8 MiB each, which nobody reads.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let socket = within(socket.connect(binary.address())).await.unwrap();
    let mut deaf = RawHttp2::over(Box::new(socket)).await;
    deaf.open_windows().await;
    for stream in (1..200).step_by(2) {
        deaf.get(stream, &[]).await;
    }
    // Streams opened and taken back.
    let mut hasty = RawHttp2::connect(binary.address()).await;
    let head = raw::block(&head("GET"));
    for stream in (1..100_000).step_by(2) {
        let open = raw::frame(HEADERS, END_HEADERS | raw::END_STREAM, stream, &head);
        if !hasty.send(&[open, raw::frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()).await {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let grown = binary.memory().saturating_sub(before);
    // A hundred answers under way have what a hundred connections of HTTP/1.1 would have; as a whole they are 800 MiB.
    assert!(grown < 128 << 20, "{} KiB", grown / 1024);
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go_after_keepalive() {
    let vordr = Vordr::running_with("limits { keepalive \"300ms\"; }", HELLO).await;
    let mut client = Http2::connect(vordr.address()).await;
    assert_eq!(client.get("/").await.status, StatusCode::OK);
    client.ended().await.unwrap();
    // A client that does not answer is not waited for long.
    let mut silent = RawHttp2::connect(vordr.address()).await;
    silent.get(1, &[]).await;
    within(silent.closed()).await;
    assert!(vordr.log_lines().iter().all(|line| line["error"].is_null()));
}

#[tokio::test]
async fn a_connection_is_told_to_go_after_as_many_requests_as_it_may_carry() {
    let vordr = Vordr::running_with("limits { keepalive \"60s\" requests=3; }", HELLO).await;
    let mut client = Http2::connect(vordr.address()).await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.text().await, "hello");
    }
    client.ended().await.unwrap();
}

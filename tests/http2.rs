//! HTTP/2 from clients: the same promises as HTTP/1.1, over streams.

use crate::harness::http2::raw::{GOAWAY, HEADERS, RST_STREAM, RawHttp2};
use crate::harness::{Http2, Origin, Vordr, http2_request as request};
use bytes::Bytes;
use h2::Reason;
use http::{Method, StatusCode};

#[tokio::test]
async fn requests_by_prior_knowledge_are_answered_on_one_connection() {
    let origin = Origin::answering("hello").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    for _ in 0..3 {
        let mut answer = client.get("/path?q=1").await;
        assert_eq!((answer.status, answer.header("server")), (StatusCode::OK, Some("vordr")));
        assert_eq!(answer.text().await, "hello");
    }
    let seen = origin.requests();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].head.start(), "GET /path?q=1 HTTP/1.1");
    let line = vordr.log_line(|line| line["path"] == "/path").await;
    assert_eq!((&line["proto"], &line["host"]), (&"HTTP/2".into(), &"a.test".into()));
    vordr.metric_becomes(r#"vordr_connections_active{listener=":0",protocol="h2"}"#, 1.0).await;
    assert_eq!(vordr.metric(r#"vordr_connections_total{listener=":0",protocol="h2"}"#).await, 1.0);
    assert_eq!(vordr.metric(r#"vordr_connections_total{listener=":0",protocol="http"}"#).await, 0.0);
}

#[tokio::test]
async fn a_hundred_requests_at_once_are_answered_each_with_its_own() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let body = request.target().to_owned();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            connection.send(head + &body).await;
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut streams = Vec::new();
    for number in 0..100 {
        let request = request(Method::GET, &format!("/{number}")).body(()).unwrap();
        streams.push(client.open(request, true).await);
    }
    for (number, stream) in streams.into_iter().enumerate() {
        assert_eq!(stream.answer().await.text().await, format!("/{number}"));
    }
}

#[tokio::test]
async fn an_upload_passes_with_its_length_or_in_chunks() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let body = Bytes::from("0123456789".repeat(100_000));
    for length in [Some(body.len()), None] {
        let mut client = Http2::connect(vordr.address()).await;
        let mut head = request(Method::POST, "/");
        if let Some(length) = length {
            head = head.header("content-length", length);
        }
        let mut stream = client.open(head.body(()).unwrap(), false).await;
        stream.send(body.clone(), true).await.unwrap();
        assert_eq!(stream.answer().await.text().await, "ok");
        let seen = origin.requests().pop().unwrap();
        assert_eq!(seen.body, body);
        assert_eq!(seen.header("Transfer-Encoding").is_some(), length.is_none());
    }
}

#[tokio::test]
async fn a_download_arrives_whole_however_it_is_framed() {
    let body = "0123456789".repeat(100_000);
    let length = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n5\r\n01234\r\n0\r\n\r\n",
        body.len()
    );
    for (response, more) in [(length, ""), (chunks, "01234")] {
        let origin = Origin::responding(&response).await;
        let vordr = Vordr::proxying(&origin).await;
        let mut answer = Http2::connect(vordr.address()).await.get("/").await;
        assert_eq!(answer.header("transfer-encoding"), None);
        assert_eq!(answer.text().await, format!("{body}{more}"));
    }
    let until_close = Origin::scripted(move |mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall there is").await;
    })
    .await;
    let vordr = Vordr::proxying(&until_close).await;
    assert_eq!(Http2::connect(vordr.address()).await.get("/").await.text().await, "all there is");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_reset_and_does_not_look_whole() {
    for head in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let origin = Origin::scripted(move |mut connection| async move {
            connection.request().await;
            connection.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n4\r\nabcd\r\n")).await;
        })
        .await;
        let vordr = Vordr::proxying(&origin).await;
        let mut client = Http2::connect(vordr.address()).await;
        let stream = client.open(request(Method::GET, "/").body(()).unwrap(), true).await;
        // A reset may overtake what was sent before it.
        let cut = match stream.try_answer().await {
            Ok(mut answer) => answer.whole().await.unwrap_err(),
            Err(cut) => cut,
        };
        assert_eq!(cut.reason(), Some(Reason::INTERNAL_ERROR), "{head}");
    }
}

#[tokio::test]
async fn heads_are_never_split_or_smuggled() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    // A length that is not the body's: the library resets the stream, and nothing reaches the upstream as whole.
    let head = request(Method::POST, "/").header("content-length", "5").body(()).unwrap();
    let mut stream = client.open(head, false).await;
    stream.body.send_data(Bytes::from_static(b"0123456789"), true).unwrap();
    assert!(stream.try_answer().await.is_err());
    let head = request(Method::GET, "/").header("host", "b.test").body(()).unwrap();
    assert_eq!(client.open(head, true).await.answer().await.status, StatusCode::BAD_REQUEST);
    vordr.log_error("bad_request").await;
    // Fields that no client's library sends: names with a colon's meaning, line ends, HTTP/1's own framing.
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("x", "a\r\nx-smuggled: b"),
        ("x\r\ny", "a"),
        ("x y", "a"),
        ("x:", "a"),
        ("X-Upper", "a"),
        ("content-length", "+1"),
        (":path", "/again"),
    ] {
        let mut wire = RawHttp2::connect(vordr.address()).await;
        wire.get(1, &[(name, value)]).await;
        // Reset, refused by the connection, or answered 400; never passed on.
        let refused = wire
            .until(|kind, payload| {
                kind == RST_STREAM || kind == GOAWAY || (kind == HEADERS && payload.first() == Some(&0x8c))
            })
            .await;
        assert!(refused, "{name:?}: {value:?}");
    }
    for path in ["/a b", "/a\r\nx: y", "a", ""] {
        let mut wire = RawHttp2::connect(vordr.address()).await;
        wire.ask(1, &[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", path)])
            .await;
        assert!(wire.until(|kind, _| matches!(kind, RST_STREAM | GOAWAY | HEADERS)).await, "{path:?}");
    }
    assert!(origin.requests().is_empty());
}

#[tokio::test]
async fn cookies_reach_the_upstream_as_one_line() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let head = request(Method::GET, "/").header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap();
    assert_eq!(client.open(head, true).await.answer().await.status, StatusCode::OK);
    assert_eq!(origin.only_request().head.headers("Cookie"), ["a=1; b=2"]);
}

#[tokio::test]
async fn an_interim_answer_is_passed_on_before_the_answer() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.head().await;
        connection.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        connection.exactly(2).await.unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let head = request(Method::POST, "/").header("expect", "100-continue").header("content-length", "2");
    let mut stream = client.open(head.body(()).unwrap(), false).await;
    let interim = stream.interim().await;
    assert_eq!(interim, StatusCode::CONTINUE);
    stream.send(Bytes::from_static(b"hi"), true).await.unwrap();
    assert_eq!(stream.answer().await.text().await, "ok");
}

#[tokio::test]
async fn what_has_no_body_ends_with_its_head() {
    for (method, response) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n"),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
        (Method::GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let origin = Origin::responding(response).await;
        let vordr = Vordr::proxying(&origin).await;
        let mut client = Http2::connect(vordr.address()).await;
        let stream = client.open(request(method, "/").body(()).unwrap(), true).await;
        let mut answer = stream.answer().await;
        assert!(response.contains(answer.status.as_str()));
        assert!(answer.body.is_end_stream(), "{response}");
        assert_eq!(answer.text().await, "");
    }
}

#[tokio::test]
async fn a_client_that_takes_its_request_back_ends_it_at_the_upstream_too() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut stream = client.open(request(Method::GET, "/").body(()).unwrap(), true).await;
    origin.first_request().await;
    stream.body.send_reset(Reason::CANCEL);
    assert_eq!(vordr.log_error("client_gone").await["status"], 499);
    // The connection goes on.
    let stream = client.open(request(Method::GET, "/two").body(()).unwrap(), true).await;
    crate::harness::eventually("a second request", || origin.requests().get(1).cloned()).await;
    drop(stream);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_an_answer_ends_it_at_the_upstream_too() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nso far").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut answer = client.get("/").await;
    assert_eq!(answer.part().await.unwrap().unwrap(), "so far");
    drop(answer);
    let line = vordr.log_error("client_gone").await;
    assert_eq!((&line["status"], &line["bytes_out"]), (&200.into(), &6.into()));
    // So does one that closes its connection.
    let mut answer = client.get("/two").await;
    answer.part().await.unwrap();
    drop((client, answer));
    vordr.log_line(|line| line["path"] == "/two" && line["error"] == "client_gone").await;
}

#[tokio::test]
async fn chunks_of_any_size_cut_anywhere_are_put_together() {
    let sizes: Vec<usize> = (0..400).map(|number| number * number % 2999 + 1).collect();
    let whole: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|at| (at % 251) as u8).collect();
    let (mut wire, mut rest) =
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), &whole[..]);
    for size in sizes {
        let (chunk, left) = rest.split_at(size);
        wire.extend([format!("{size:x}\r\n").as_bytes(), chunk, b"\r\n"].concat());
        rest = left;
    }
    wire.extend(b"0\r\n\r\n");
    let origin = Origin::scripted(move |mut connection| {
        let wire = wire.clone();
        async move {
            connection.request().await;
            for piece in wire.chunks(7919) {
                connection.send(piece).await;
            }
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    assert!(Http2::connect(vordr.address()).await.get("/").await.whole().await.unwrap() == whole);
}

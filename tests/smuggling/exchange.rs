//! A case and an innocent request, sent through a proxy; what both sides saw of them.

use super::cases::{self, innocent};
use super::recorder::Recorder;
use super::verdict::{INNOCENT, OWN, Outcome};
use super::{streams, upstream_answers};
use crate::harness::http2::raw::{DATA, END_HEADERS, END_STREAM, HEADERS, RawHttp2, block};
use crate::harness::within;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request of HTTP/1.
pub(super) async fn request(
    proxy: SocketAddr,
    case: &cases::Case,
    recorder: &mut Recorder,
    patience: Duration,
) -> Outcome {
    let sent = [&case.sent, innocent().as_bytes()].concat();
    bytes(proxy, &sent, recorder, patience).await
}

/// A request that is answered as the case says.
pub(super) async fn answer(
    proxy: SocketAddr,
    case: &upstream_answers::Case,
    recorder: &mut Recorder,
    patience: Duration,
) -> Outcome {
    let sent = format!("{} /meant HTTP/1.1\r\nHost: a.test\r\n\r\n{}", case.method, innocent());
    bytes(proxy, sent.as_bytes(), recorder, patience).await
}

/// A request on a stream of HTTP/2, with the innocent one on another.
pub(super) async fn stream(
    proxy: SocketAddr,
    case: &streams::Case,
    recorder: &mut Recorder,
    patience: Duration,
) -> Outcome {
    let mut wire = RawHttp2::connect(proxy).await;
    let flags = if case.body.is_none() { END_HEADERS | END_STREAM } else { END_HEADERS };
    wire.frame(HEADERS, flags, 1, &encoded(&case.fields)).await;
    if let Some((body, trailers)) = &case.body {
        let last = if trailers.is_empty() { END_STREAM } else { 0 };
        wire.frame(DATA, last, 1, body.as_bytes()).await;
        if !trailers.is_empty() {
            wire.frame(HEADERS, END_HEADERS | END_STREAM, 1, &encoded(trailers)).await;
        }
    }
    let usual = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", INNOCENT)];
    wire.ask(3, &usual).await;
    let (mut answered, mut ended, mut over) = (Vec::new(), false, 0);
    // Either may be answered first, each over a connection of its own.
    while over < 2 {
        match tokio::time::timeout(patience, wire.next_of_stream()).await {
            Ok(Some((kind, payload, ends))) => {
                over += usize::from(ends.is_some());
                if kind == DATA {
                    answered.extend(payload);
                }
            }
            Ok(None) => {
                ended = true;
                break;
            }
            Err(_) => break,
        }
    }
    Outcome { answered, ended, seen: recorder.take_seen() }
}

/// Sends bytes, and waits until the innocent request among them is answered, the connection ends, or nothing comes any
/// more.
async fn bytes(proxy: SocketAddr, sent: &[u8], recorder: &mut Recorder, patience: Duration) -> Outcome {
    let mut stream = within(TcpStream::connect(proxy)).await.expect("a connection to the proxy");
    let (mut read, mut write) = stream.split();
    let (mut answered, mut ended) = (Vec::new(), false);
    let reading = async {
        while !answered.ends_with(OWN.as_bytes()) {
            match tokio::time::timeout(patience, read.read_buf(&mut answered)).await {
                Ok(Ok(1..)) => {}
                Ok(_) => {
                    ended = true;
                    break;
                }
                Err(_) => break,
            }
        }
    };
    // Whoever refuses a case may not take all of it.
    let writing = async {
        let _ = write.write_all(sent).await;
        std::future::pending::<()>().await
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
    Outcome { answered, ended, seen: recorder.take_seen() }
}

fn encoded(fields: &[(String, String)]) -> Vec<u8> {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    block(&fields)
}

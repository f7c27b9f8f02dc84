//! What the end-to-end tests are made of: real sockets on loopback, port 0, everything gone on drop.

mod binary;
mod certificates;
mod client;
mod collector;
mod foreign;
mod head;
pub(crate) mod http2;
mod http2_origin;
mod nameserver;
mod openssl;
mod origin;
pub(crate) mod pebble;
mod pool;
mod redis;
mod tls;
mod vordr;
mod websocket;
mod wire;

pub(crate) use binary::{Binary, ends, written};
pub(crate) use certificates::{Authority, Identity, Pair};
pub(crate) use client::{Client, Response, handshake};
pub(crate) use collector::{Collector, Span};
pub(crate) use foreign::Foreign;
pub(crate) use head::Framing;
pub(crate) use http2::{Answer, Http2, request as http2_request};
pub(crate) use http2_origin::Http2Origin;
pub(crate) use nameserver::{Kind as NameKind, NameServer, Reply as NameReply};
pub(crate) use openssl::subject_shown;
pub(crate) use origin::{Connection, Origin, Request};
pub(crate) use pool::{REFUSING, answers, numbered, pooled, servers};
pub(crate) use redis::{Counting, Redis};
pub(crate) use tls::{Secured, TlsClient};
pub(crate) use vordr::{Vordr, proxying};
pub(crate) use websocket::{Heard, WebSocket, accepted};

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// What a test waits for, and does not come by then, does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that must happen.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => panic!("{place}: nothing happened within {PATIENCE:?}"),
        }
    }
}

/// Asks again and again, until there is something.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(tokio::time::Instant::now() < end, "{what} did not come within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A free port that the system gives to nobody who asks for any: it stays free until a program listens there, and while
/// it does not.
pub(crate) fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(20_000..28_000)));
    let free = |port: &u16| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok();
    std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed)).find(free).expect("a free port")
}

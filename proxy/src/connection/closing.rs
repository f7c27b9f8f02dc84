//! Closing a connection so that the last answer arrives.
//!
//! A socket that is closed while the client is still sending is reset by the kernel, and a reset throws away
//! what the client has not read yet: the very answer (413, 408, 431) that says what was wrong. So the writing
//! half is closed first, and what still comes is read and dropped for a while (RFC 9112, section 9.6).

use super::transport::Transport;
use bytes::BytesMut;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a client that keeps sending is listened to.
const LINGER: Duration = Duration::from_secs(2);
/// How many are listened to at once. They count as nobody's connections any more, and are not to take all descriptors:
/// beyond these a client that keeps sending has its answer written, and may lose it.
static PLACES: Semaphore = Semaphore::const_new(1024);

/// Closes `transport` in the background, where that takes time at all.
pub(super) fn close(mut transport: Transport, pending: BytesMut, still_sending: bool) {
    // A stream that ends does not end its connection, which nothing is lost with.
    let still_sending = still_sending && !matches!(transport, Transport::Http2(_));
    if pending.is_empty() && !still_sending && said_goodbye(&mut transport) {
        return;
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(timeout(LINGER, linger(&PLACES, transport, pending, still_sending)));
    }
}

/// Ends TLS with a word, so that the client can tell the end from a cut (RFC 8446, section 6.1): whether that could be
/// done at once, as it can wherever the socket takes a few bytes more.
fn said_goodbye(transport: &mut Transport) -> bool {
    let Transport::Tls(stream) = transport else { return true };
    Pin::new(stream).poll_shutdown(&mut Context::from_waker(Waker::noop())).is_ready()
}

async fn linger(places: &Semaphore, mut transport: Transport, pending: BytesMut, still_sending: bool) {
    if transport.write_all(&pending).await.is_err() || transport.shutdown().await.is_err() || !still_sending {
        return;
    }
    let Ok(_place) = places.try_acquire() else { return };
    let mut unread = [0; 4096];
    while let Ok(1..) = transport.read(&mut unread).await {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::net::UnixStream;

    #[tokio::test(start_paused = true)]
    async fn so_many_who_keep_sending_are_listened_to_and_no_more() {
        let places: &'static Semaphore = Box::leak(Box::new(Semaphore::new(1)));
        let closed = || {
            let (client, server) = UnixStream::pair().unwrap();
            let end = linger(places, Transport::Unix(server), BytesMut::from("answer"), true);
            (client, tokio::spawn(timeout(LINGER, end)))
        };
        let ((mut first, _), (mut second, end)) = (closed(), closed());
        for client in [&mut first, &mut second] {
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "answer");
        }
        first.write_all(b"more").await.unwrap();
        end.await.unwrap().unwrap();
        assert!(second.write_all(b"more").await.is_err(), "it was not waited for");
        tokio::time::sleep(LINGER * 2).await;
        assert_eq!(places.available_permits(), 1);
        assert!(first.write_all(b"more").await.is_err());
    }
}

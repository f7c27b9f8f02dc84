//! The socket under a client's connection.

use crate::http2::Http2Stream;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

/// The first byte of a TLS handshake (RFC 8446, section 5.1).
pub(crate) const TLS_HANDSHAKE: u8 = 22;

/// A client's socket.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP, in the clear.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// One stream of an HTTP/2 connection.
    Http2(Box<Http2Stream>),
    /// TLS on one of the others.
    Tls(Box<TlsStream<Transport>>),
}

impl Transport {
    /// The TCP socket at the bottom.
    pub(crate) fn socket(&self) -> Option<RawFd> {
        match self {
            Self::Tcp(socket) => Some(socket.as_raw_fd()),
            Self::Tls(stream) => stream.get_ref().0.socket(),
            Self::Unix(_) | Self::Http2(_) => None,
        }
    }

    /// The address that the client connected to; only TCP has one.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        let Self::Tcp(socket) = self else { return None };
        let local = socket.local_addr().ok()?;
        Some(SocketAddr::new(local.ip().to_canonical(), local.port()))
    }

    /// Waits until the client takes its request back, as far as that is told without reading on.
    pub(super) fn poll_taken_back<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self {
            Self::Http2(stream) => stream.poll_taken_back(cx).map(Err),
            Self::Tcp(_) | Self::Unix(_) | Self::Tls(_) => Poll::Pending,
        }
    }

    /// The first byte that comes, without taking it; `None` where the client goes away before.
    pub(crate) async fn first_byte(&self) -> io::Result<Option<u8>> {
        let Self::Tcp(socket) = self else {
            // Such a socket cannot be looked into; whoever speaks TLS on it is taken at his word.
            return Ok(Some(TLS_HANDSHAKE));
        };
        let mut first = [0];
        let count = socket.peek(&mut first).await?;
        Ok(first.first().copied().filter(|_| count > 0))
    }
}

macro_rules! delegate {
    ($self:ident, $socket:ident => $call:expr) => {
        match $self.get_mut() {
            Transport::Tcp($socket) => $call,
            Transport::Unix($socket) => $call,
            Transport::Http2($socket) => $call,
            Transport::Tls($socket) => $call,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, socket => Pin::new(socket).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, socket => Pin::new(socket).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, socket => Pin::new(socket).poll_write_vectored(cx, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, socket => Pin::new(socket).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, socket => Pin::new(socket).poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

//! Connections to servers that are written to and read from at once.
//!
//! Pingora does not read from a server of HTTP/1 while it waits to write to it, and a server that answers as it reads may
//! be waiting for just that. So writing never waits here: what the server does not take is kept and sent along as it is read,
//! and `Backlog` makes the client wait. To Pingora such a connection is no socket, so it serves one request alone.

use crate::connection::{Alarm, Backlog};
use bytes::{Buf, BytesMut};
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use socket2::SockRef;
use std::fmt::Debug;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

/// How long what is left of a request is sent for once its exchange is over, where the rules set no limit.
const FAREWELL: Duration = Duration::from_secs(60);

/// A socket at the bottom.
pub(super) trait Socket:
    AsyncRead + AsyncWrite + AsFd + Debug + Send + Sync + Unpin + 'static
{
}

impl<S: AsyncRead + AsyncWrite + AsFd + Debug + Send + Sync + Unpin + 'static> Socket for S {}

/// A connection that keeps what its server does not take yet.
#[derive(Debug)]
struct BothWays<S: Socket> {
    /// Taken when this is dropped.
    socket: Option<S>,
    kept: BytesMut,
    backlog: Arc<Backlog>,
    /// `timeouts send`.
    limit: Option<Duration>,
    /// Since when nothing has moved although something is to be sent.
    stuck: Option<Instant>,
    alarm: Alarm,
    /// How writing ended.
    broken: Option<io::ErrorKind>,
}

/// The connection on this socket as Pingora takes it; it breaks where nothing moves for `limit`.
pub(super) fn both_ways(socket: impl Socket, backlog: Arc<Backlog>, limit: Option<Duration>) -> Stream {
    let kept = BytesMut::new();
    let alarm = Alarm::new();
    let both = BothWays { socket: Some(socket), kept, backlog, limit, stuck: None, alarm, broken: None };
    VirtualSocketStream::new(Box::new(both)).into()
}

impl<S: Socket> BothWays<S> {
    fn socket(&mut self) -> io::Result<Pin<&mut S>> {
        self.socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Sends of what is kept what the server takes.
    fn send_on(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(kind) = self.broken {
            return Err(kind.into());
        }
        while !self.kept.is_empty() {
            let Self { socket: Some(socket), kept, .. } = self else { break };
            match Pin::new(socket).poll_write(cx, kept) {
                Poll::Pending => break,
                Poll::Ready(Ok(count)) if count > 0 => {
                    kept.advance(count);
                    self.stuck = None;
                }
                Poll::Ready(outcome) => {
                    let error = outcome.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    return Err(self.fail(error));
                }
            }
        }
        self.backlog.set(self.kept.len());
        Ok(())
    }

    /// Nothing more is sent.
    fn fail(&mut self, error: io::Error) -> io::Error {
        self.broken = Some(error.kind());
        self.kept.clear();
        self.backlog.set(0);
        error
    }

    /// What has waited moves on, or fails where it has waited for too long.
    fn in_time<T>(&mut self, outcome: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stuck = None;
            return outcome;
        }
        let due = self.limit.map(|limit| *self.stuck.get_or_insert_with(Instant::now) + limit);
        match self.alarm.is_due(due, cx) {
            true => Poll::Ready(Err(self.fail(io::ErrorKind::TimedOut.into()))),
            false => Poll::Pending,
        }
    }
}

impl<S: Socket> AsyncRead for BothWays<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A server that takes nothing more may still have answered.
        let _ = this.send_on(cx);
        let read = this.socket()?.poll_read(cx, buf);
        if this.kept.is_empty() { read } else { this.in_time(read, cx) }
    }
}

impl<S: Socket> AsyncWrite for BothWays<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.send_on(cx)?;
        let written = match this.kept.is_empty() {
            true => this.socket()?.poll_write(cx, buf),
            false => Poll::Pending,
        };
        match written {
            Poll::Pending if this.backlog.is_answer_over() => this.in_time(Poll::Pending, cx),
            Poll::Pending => {
                this.kept.extend_from_slice(buf);
                this.backlog.set(this.kept.len());
                Poll::Ready(Ok(buf.len()))
            }
            written => written,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.send_on(cx)?;
        match this.backlog.is_answer_over() && !this.kept.is_empty() {
            true => this.in_time(Poll::Pending, cx),
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.kept.is_empty() {
            true => this.socket()?.poll_shutdown(cx),
            // It is sent when this is dropped.
            false => Poll::Ready(Ok(())),
        }
    }
}

impl<S: Socket> VirtualSocket for BothWays<S> {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        if let (VirtualSockOpt::NoDelay, Some(socket)) = (option, &self.socket) {
            // A Unix socket knows no delay.
            let _ = SockRef::from(socket).set_tcp_nodelay(true);
        }
        Ok(())
    }
}

impl<S: Socket> Drop for BothWays<S> {
    fn drop(&mut self) {
        self.backlog.set(0);
        let kept = std::mem::take(&mut self.kept);
        let (false, Some(mut socket), Ok(runtime)) =
            (kept.is_empty(), self.socket.take(), Handle::try_current())
        else {
            return;
        };
        let limit = self.limit.unwrap_or(FAREWELL);
        // Whoever wrote this takes it for sent.
        runtime.spawn(timeout(limit, async move { socket.write_all(&kept).await }));
    }
}

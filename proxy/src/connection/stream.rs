//! A client's connection as Pingora sees it.
//!
//! Between the socket and Pingora stands this type. It reads heads itself, within their deadline; hands over
//! exactly one request at a time, so that what a client sends ahead waits for its turn; gathers small writes;
//! ends an exchange that has been silent for too long; and closes so that a last answer is not lost.

use super::alarm::Alarm;
use super::body::Body;
use super::farewell::Farewell;
use super::head::{HeadBounds, HeadScan, judge};
use super::identity::digest_of;
use super::link::Link;
use super::spool::{IN_MEMORY, Spool};
use super::transport::Transport;
use crate::exchange::Failure;
use crate::http2::PREFACE;
use crate::observe::Guard;
use bytes::{Buf, BytesMut};
use pingora_core::protocols::raw_connect::ProxyDigest;
use prometheus::IntGauge;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// How much is gathered before it is written.
const WRITE_BUFFER: usize = 16 * 1024;
/// How much is read at once while a head is awaited.
const READ_STEP: usize = 4 * 1024;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct ClientStream {
    /// Taken when the connection is closed.
    transport: Option<Transport>,
    link: Arc<Link>,
    pub(super) digest: Arc<ProxyDigest>,
    /// Read from the socket, and not yet handed over.
    ahead: BytesMut,
    /// How many bytes at the beginning of `ahead` belong to the present request.
    claimed: usize,
    /// What of the present request is still to come after them.
    body: Body,
    /// The beginning of the present body, where it is gathered and large.
    spool: Spool,
    /// Handed to us, and not yet written.
    pending: BytesMut,
    alarm: Alarm,
    farewell: Farewell,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// The limits on a head that is awaited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadLimits {
    /// No first byte by then: the connection is closed without a word.
    pub first_byte: Option<Instant>,
    /// Once there is a first byte, the whole head must be there this much later.
    pub whole: Option<std::time::Duration>,
    pub bounds: HeadBounds,
}

/// Why there is no further request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoHead {
    /// The client is done, or idle for too long, or vordr stops: nothing is to be said.
    Over,
    /// What comes is HTTP/2, by prior knowledge (RFC 9113, section 3.3).
    Http2,
    /// The head is refused.
    Refused(Failure),
}

impl ClientStream {
    pub(crate) fn new(transport: Transport, link: Arc<Link>) -> Self {
        let closing = link.closing.clone().cancelled_owned();
        Self {
            transport: Some(transport),
            digest: digest_of(&link),
            link,
            ahead: BytesMut::new(),
            claimed: 0,
            body: Body::NONE,
            spool: Spool::default(),
            pending: BytesMut::new(),
            alarm: Alarm::new(),
            farewell: Farewell::default(),
            closing: Box::pin(closing),
        }
    }

    /// Waits for the next head, judges it, and returns its bytes; its body may then be read. Meanwhile it counts
    /// among the `heads` under way.
    pub(crate) async fn next_head(
        &mut self,
        limits: HeadLimits,
        heads: &IntGauge,
    ) -> Result<BytesMut, NoHead> {
        if !self.is_read_whole() {
            // What is left of a body must never be taken for a request.
            return Err(NoHead::Over);
        }
        let bounds = limits.bounds;
        let mut wait = HeadWait { scan: HeadScan::default(), since: None, counted: None, heads, limits };
        let length = poll_fn(|cx| self.poll_head(&mut wait, cx)).await?;
        if self.link.requests() == 0 && self.ahead.get(..length) == PREFACE.get(..length) {
            return Err(NoHead::Http2);
        }
        let head = self.ahead.split_to(length);
        self.judge(head, bounds, wait.since.unwrap_or_else(Instant::now)).map_err(NoHead::Refused)
    }

    /// Takes a head that came on another way; its body may then be read.
    pub(crate) fn hold_head(&mut self, head: BytesMut, bounds: HeadBounds) -> Result<BytesMut, Failure> {
        let mut scan = HeadScan::default();
        let length = scan.end(&head)?;
        bounds.hold(&scan, length.unwrap_or(head.len()))?;
        self.judge(head, bounds, Instant::now())
    }

    fn judge(&mut self, head: BytesMut, bounds: HeadBounds, since: Instant) -> Result<BytesMut, Failure> {
        self.body = judge(&head, bounds.fields)?.into();
        self.link.head_arrived(since);
        Ok(head)
    }

    fn poll_head(&mut self, wait: &mut HeadWait<'_>, cx: &mut Context<'_>) -> Poll<Result<usize, NoHead>> {
        loop {
            if !self.ahead.is_empty() {
                wait.since.get_or_insert_with(Instant::now);
                match wait.look(&self.ahead) {
                    Ok(Some(length)) => return Poll::Ready(Ok(length)),
                    Ok(None) => {}
                    Err(failure) => return Poll::Ready(Err(NoHead::Refused(failure))),
                }
            }
            self.ahead.reserve(READ_STEP);
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => return Poll::Ready(Err(NoHead::Over)),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending if self.alarm.is_due(wait.due(), cx) => {
                    return Poll::Ready(Err(match wait.since {
                        None => NoHead::Over,
                        Some(_) => NoHead::Refused(Failure::HeaderTimeout),
                    }));
                }
                // Only now: a request that is there is answered, however late it came.
                Poll::Pending if self.ahead.is_empty() && self.closing.as_mut().poll(cx).is_ready() => {
                    return Poll::Ready(Err(NoHead::Over));
                }
                Poll::Pending => {
                    wait.count();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Whether all of the present request has been handed over.
    fn is_read_whole(&self) -> bool {
        self.body.is_over() && self.claimed == 0 && self.spool.is_empty()
    }

    /// Reads from the socket to the end of `ahead`; 0 is the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(transport) = self.transport.as_mut() else { return Poll::Ready(Ok(0)) };
        tokio_util::io::poll_read_buf(Pin::new(transport), cx, &mut self.ahead)
    }

    /// The client may not be done sending, though nothing more is read.
    pub(crate) fn still_sending(&mut self) {
        self.body = Body::Anything;
    }

    /// The socket, and what has been read from it.
    pub(crate) fn into_parts(mut self) -> Option<(Transport, BytesMut)> {
        Some((self.transport.take()?, std::mem::take(&mut self.ahead)))
    }

    /// Takes the socket apart for good: what is still to be written, and whether the client is still sending.
    fn take_rest(&mut self) -> Option<(Transport, BytesMut, bool)> {
        let still_sending = !self.body.is_over() || !self.ahead.is_empty();
        let transport = self.transport.take()?;
        Some((transport, std::mem::take(&mut self.pending), still_sending && !self.link.is_tunnel()))
    }

    /// While a request is being answered, more from the client is read only to learn that it went away.
    fn poll_departure(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            return Poll::Pending;
        }
        self.ahead.reserve(READ_STEP);
        match ready!(self.poll_fill(cx)) {
            Ok(0) => Poll::Ready(Ok(())),
            Ok(_) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_hand_over(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let gathering = self.link.gather_limit().is_some() && !self.body.is_over();
            if gathering && self.claimed >= IN_MEMORY {
                ready!(self.poll_put_aside(cx))?;
            }
            if !gathering && !self.spool.is_empty() {
                return self.spool.poll_read(cx, buf);
            }
            if self.claimed > 0 && !gathering {
                let count = self.claimed.min(buf.remaining());
                buf.put_slice(&self.ahead.split_to(count));
                self.claimed -= count;
                return Poll::Ready(Ok(()));
            }
            if let (Some(limit), true, false) = (self.body.unseen(), self.ahead.is_empty(), gathering) {
                return self.poll_read_through(cx, buf, limit);
            }
            if self.ahead.len() == self.claimed {
                self.ahead.reserve(WRITE_BUFFER);
                if ready!(self.poll_fill(cx))? == 0 {
                    return Poll::Ready(Ok(()));
                }
                self.link.progress();
            }
            self.claim()?;
        }
    }

    /// Moves what is the present body's out of memory.
    fn poll_put_aside(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stored = ready!(self.spool.poll_store(cx, &mut self.ahead, &mut self.claimed));
        if stored.is_err() {
            self.link.no_room();
        }
        Poll::Ready(stored)
    }

    /// Looks at what has come, and notes how much of it is the present request's.
    fn claim(&mut self) -> io::Result<()> {
        let unclaimed = self.ahead.get(self.claimed..).unwrap_or_default();
        match self.body.claim(unclaimed) {
            Ok(count) => self.claimed += count,
            Err(_) => {
                self.link.not_chunks();
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if self.link.gather_limit().is_some_and(|limit| self.body.exceeds(limit)) {
            self.link.too_large();
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }

    /// Reads into Pingora's own buffer.
    fn poll_read_through(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        limit: usize,
    ) -> Poll<io::Result<()>> {
        let Some(transport) = self.transport.as_mut() else { return Poll::Ready(Ok(())) };
        let before = buf.filled().len();
        if limit >= buf.remaining() {
            ready!(Pin::new(transport).poll_read(cx, buf))?;
        } else {
            // Only the last part of a body is cleared before it is read into.
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(limit));
            ready!(Pin::new(transport).poll_read(cx, &mut part))?;
            let count = part.filled().len();
            buf.advance(count);
        }
        self.body.spend(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }

    /// Writes until nothing is pending.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let Some(transport) = self.transport.as_mut() else { return Poll::Ready(Err(gone())) };
            let written = ready!(Pin::new(transport).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.advance(written);
            self.link.progress();
        }
        // TLS keeps what the socket did not take.
        match self.transport.as_mut() {
            Some(transport) => Pin::new(transport).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// A head that is awaited.
struct HeadWait<'h> {
    scan: HeadScan,
    since: Option<Instant>,
    counted: Option<Guard>,
    heads: &'h IntGauge,
    limits: HeadLimits,
}

impl HeadWait<'_> {
    /// The head's length, once `bytes` hold it whole; an error where it cannot be served.
    fn look(&mut self, bytes: &[u8]) -> Result<Option<usize>, Failure> {
        let length = self.scan.end(bytes)?;
        self.limits.bounds.hold(&self.scan, length.unwrap_or(bytes.len()))?;
        Ok(length)
    }

    /// Counts a head that has begun and has to be waited for. Most come at once.
    fn count(&mut self) {
        if self.since.is_some() && self.counted.is_none() {
            self.counted = Some(Guard::new(self.heads.clone()));
        }
    }

    fn due(&self) -> Option<Instant> {
        match self.since {
            None => self.limits.first_byte,
            Some(since) => self.limits.whole.map(|whole| since + whole),
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.alarm.is_due(this.link.silence_ends(), cx) {
            this.link.give_up();
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "nothing moved within the limit",
            )));
        }
        if this.link.is_tunnel() {
            this.body = Body::Anything;
            if let Some(frame) = this.farewell.poll(&this.link, cx) {
                this.pending.extend_from_slice(frame);
            }
        }
        // Pingora waits: what it has written must not wait with it. It flushes a body with a length only at its end.
        if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        match this.is_read_whole() {
            true => this.poll_departure(cx),
            false => this.poll_hand_over(cx, buf),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.farewell.is_said() {
            return Poll::Ready(Ok(buf.len()));
        }
        if this.pending.len() + buf.len() <= WRITE_BUFFER {
            this.pending.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        loop {
            let Some(transport) = this.transport.as_mut() else { return Poll::Ready(Err(gone())) };
            let both = [IoSlice::new(&this.pending), IoSlice::new(buf)];
            let written = ready!(Pin::new(transport).poll_write_vectored(cx, &both))?;
            this.link.progress();
            let before = this.pending.len();
            this.pending.advance(written.min(before));
            match written.checked_sub(before) {
                Some(of_buf) if of_buf > 0 => return Poll::Ready(Ok(of_buf)),
                _ if written == 0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                _ => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_drain(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection is closed when this is dropped, with what a client may still be sending in mind.
        self.get_mut().poll_drain(cx)
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        if let Some((transport, pending, still_sending)) = self.take_rest() {
            super::closing::close(transport, pending, still_sending);
        }
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

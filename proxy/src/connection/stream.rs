//! A client's connection as Pingora sees it.
//!
//! Between the socket and Pingora stands this type. It reads heads itself, within their limits (`heads.rs`); hands over
//! exactly one request at a time, so that what a client sends ahead waits for its turn; gathers small writes;
//! ends an exchange that has been silent for too long, or whose client is too slow; and closes so that a last answer is not lost.

use super::alarm::Alarm;
use super::body::Body;
use super::farewell::{Farewell, close_frame};
use super::identity::digest_of;
use super::link::Link;
use super::pace::{Clock, Direction, TooSlow};
use super::ping::{self, Ping};
use super::silence::Silence;
use super::spool::Spool;
use super::trailing::Trailing;
use super::transport::Transport;
use bytes::{Buf, BytesMut};
use pingora_core::protocols::raw_connect::ProxyDigest;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::WaitForCancellationFutureOwned;
use vordr_rules::table::Buffering;

/// How much is gathered before it is written.
const WRITE_BUFFER: usize = 16 * 1024;
/// How much of a body is gathered before it goes into a file that it goes into anyway.
const FILE_STEP: usize = 64 * 1024;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct ClientStream {
    /// Taken when the connection is closed.
    pub(super) transport: Option<Transport>,
    pub(super) link: Arc<Link>,
    pub(super) digest: Arc<ProxyDigest>,
    /// Read from the socket, and not yet handed over.
    pub(super) ahead: BytesMut,
    /// How many bytes at the beginning of `ahead` belong to the present request.
    claimed: usize,
    /// What of the present request is still to come after them.
    pub(super) body: Body,
    /// More may come that is nobody's.
    is_cut_off: bool,
    /// The beginning of the present body, where it is gathered and large.
    spool: Spool,
    /// Handed to us, and not yet written.
    pending: BytesMut,
    /// How far the present answer has come, where trailers are to follow it.
    trailing: Trailing,
    pub(super) alarm: Alarm,
    silence: Silence,
    pub(super) upload: Clock,
    pub(super) download: Clock,
    farewell: Farewell,
    ping: Ping,
    pub(super) closing: Pin<Box<WaitForCancellationFutureOwned>>,
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
            is_cut_off: false,
            spool: Spool::default(),
            pending: BytesMut::new(),
            trailing: Trailing::default(),
            alarm: Alarm::new(),
            silence: Silence::default(),
            upload: Clock::new(Direction::Upload),
            download: Clock::new(Direction::Download),
            farewell: Farewell::default(),
            ping: Ping::default(),
            closing: Box::pin(closing),
        }
    }

    /// Whether all of the present request has been handed over.
    pub(super) fn is_read_whole(&self) -> bool {
        self.body.is_over() && self.claimed == 0 && self.spool.is_empty()
    }

    /// Reads from the socket to the end of `ahead`, as much as it has room for; 0 is the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(transport) = self.transport.as_mut() else { return Poll::Ready(Ok(0)) };
        tokio_util::io::poll_read_buf(Pin::new(transport), cx, &mut self.ahead)
    }

    /// The client may not be done sending, though nothing more is handed over.
    pub(crate) fn still_sending(&mut self) {
        self.body = Body::NONE;
        self.is_cut_off = true;
    }

    /// The socket, and what has been read from it.
    pub(crate) fn into_parts(mut self) -> Option<(Transport, BytesMut)> {
        Some((self.transport.take()?, std::mem::take(&mut self.ahead)))
    }

    /// Takes the socket apart for good: what is still to be written, and whether the client is still sending.
    fn take_rest(&mut self) -> Option<(Transport, BytesMut, bool)> {
        let last_word = self.link.last_word();
        if let Some(code) = last_word {
            self.pending.extend_from_slice(&close_frame(code));
        }
        let still_sending = self.is_cut_off || !self.body.is_over() || !self.ahead.is_empty();
        // It answers a close frame with one.
        let still_sending = still_sending && (!self.link.is_tunnel() || last_word.is_some());
        let transport = self.transport.take()?;
        if transport.socket().is_some() {
            self.link.passed.over(None);
        }
        Some((transport, std::mem::take(&mut self.pending), still_sending))
    }

    fn poll_hand_over(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let how = self.link.gathering().map(|gathering| gathering.how);
        loop {
            let gathering = how.is_some() && !self.body.is_over();
            if let Some(how) = how.as_ref().filter(|how| self.is_to_be_put_aside(how)) {
                ready!(self.poll_put_aside(cx, how))?;
            }
            if !gathering && !self.spool.is_empty() {
                return self.spool.poll_read(cx, buf).map(|read| read.inspect_err(|_| self.link.no_room()));
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
                match ready!(self.poll_fill(cx))? {
                    0 => return Poll::Ready(Ok(())),
                    count => self.link.passed.received(count),
                }
                self.link.progress();
            }
            self.claim()?;
        }
    }

    /// Whether what has come of the present body is to leave the memory now. Of one that is to be a file nothing stays.
    fn is_to_be_put_aside(&self, how: &Buffering) -> bool {
        let is_enough = match how.file {
            Some(_) => self.body.is_over() || self.claimed >= FILE_STEP,
            None => self.claimed as u64 > how.memory,
        };
        self.claimed > 0 && is_enough
    }

    /// Moves what is the present body's out of memory.
    fn poll_put_aside(&mut self, cx: &mut Context<'_>, how: &Arc<Buffering>) -> Poll<io::Result<()>> {
        let is_chunked = matches!(self.body, Body::Chunks(_));
        let stored = match ready!(self.spool.poll_open(cx, how, is_chunked)) {
            Ok(made) => {
                made.into_iter().for_each(|file| self.link.put_into(file));
                ready!(self.spool.poll_store(cx, &mut self.ahead, &mut self.claimed))
            }
            Err(error) => Err(error),
        };
        if stored.is_err() {
            self.link.no_room();
        }
        Poll::Ready(stored)
    }

    /// Looks at what has come, and notes how much of it is the present request's.
    fn claim(&mut self) -> io::Result<()> {
        let unclaimed = self.ahead.get(self.claimed..).unwrap_or_default();
        match self.body.claim(unclaimed) {
            Ok(count) => {
                self.claimed += count;
                self.body.payload().inspect(|payload| self.link.set_payload(*payload));
            }
            Err(_) => {
                self.link.not_chunks();
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if self.link.gathering().is_some_and(|gathering| self.body.exceeds(gathering.limit)) {
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
        let count = buf.filled().len() - before;
        self.link.passed.received(count);
        self.body.spend(count);
        Poll::Ready(Ok(()))
    }

    /// Writes what is pending, and some of `buf` after it.
    fn poll_write_through(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let Some(transport) = self.transport.as_mut() else { return Poll::Ready(Err(gone())) };
            let both = [IoSlice::new(&self.pending), IoSlice::new(buf)];
            let written = ready!(Pin::new(transport).poll_write_vectored(cx, &both))?;
            self.link.passed.sent(written);
            self.link.progress();
            let before = self.pending.len();
            self.pending.advance(written.min(before));
            match written.checked_sub(before) {
                Some(of_buf) if of_buf > 0 => return Poll::Ready(Ok(of_buf)),
                _ if written == 0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                _ => {}
            }
        }
    }

    /// Takes some of an answer in chunks behind which trailers stand, and puts those in.
    fn poll_write_trailing(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.pending.len() >= WRITE_BUFFER {
            ready!(self.poll_drain(cx))?;
        }
        let taken = buf.get(..WRITE_BUFFER.min(buf.len())).unwrap_or_default();
        let before = self.pending.len();
        let lines = || self.link.take_trailer_lines();
        let over = self.trailing.pass(taken, lines, &mut self.pending);
        self.link.answering(self.pending.len() - before);
        if over.map_err(|_| io::ErrorKind::InvalidData)? {
            self.trailing = Trailing::default();
            self.link.await_trailers(false);
        }
        Poll::Ready(Ok(taken.len()))
    }

    /// Puts in a frame of vordr's own, where it is time for one.
    fn add_own_frame(&mut self, cx: &mut Context<'_>) {
        if let Some(frame) = self.farewell.poll(&self.link, cx) {
            self.pending.extend_from_slice(frame);
        }
        // What waits for the client tells it as much as a ping does.
        let is_quiet = self.pending.is_empty() && !self.farewell.is_said();
        if is_quiet && self.ping.is_due(&self.link, &mut self.alarm, cx) {
            self.pending.extend_from_slice(&ping::FRAME);
            self.link.pinged();
        }
    }

    /// What came of asking the client for something, unless it is too slow at it.
    pub(super) fn in_time<T>(
        &mut self,
        direction: Direction,
        outcome: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if direction == Direction::Download && outcome.is_pending() {
            self.silence.look_blocked(&self.link, &mut self.alarm, cx)?;
        }
        let clock = match direction {
            Direction::Upload => &mut self.upload,
            Direction::Download => &mut self.download,
        };
        let bounds = (&self.link.patience, &*self.link.passed);
        match clock.look(outcome.is_pending(), bounds, &mut self.alarm, cx) {
            Ok(()) => outcome,
            Err(TooSlow) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")))
            }
        }
    }

    /// How many of so many bytes may go now. What may is not kept back by what may not.
    fn poll_pace(&mut self, wanted: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            match self.link.may_send(wanted) {
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(due) if self.alarm.is_due(Some(due), cx) => {}
                Err(_) => {
                    if !self.link.is_to_be_cut() {
                        // This is nobody's silence.
                        self.link.progress();
                    }
                    self.silence.look(&self.link, &mut self.alarm, cx)?;
                    return match self.poll_flush_in_time(cx) {
                        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                        _ => Poll::Pending,
                    };
                }
            }
        }
    }

    pub(super) fn poll_flush_in_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let drained = self.poll_drain(cx);
        self.in_time(Direction::Download, drained, cx)
    }

    /// Writes until nothing is pending.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let Some(transport) = self.transport.as_mut() else { return Poll::Ready(Err(gone())) };
            let written = ready!(Pin::new(transport).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.advance(written);
            self.link.passed.sent(written);
            if !self.ping.is_alone() {
                self.link.progress();
            }
        }
        // TLS keeps what the socket did not take.
        match self.transport.as_mut() {
            Some(transport) => Pin::new(transport).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.silence.look(&this.link, &mut this.alarm, cx)?;
        if this.link.is_tunnel() {
            this.body = Body::Anything;
            this.add_own_frame(cx);
        }
        // Pingora waits: what it has written must not wait with it. It flushes a body with a length only at its end.
        if let Poll::Ready(Err(error)) = this.poll_flush_in_time(cx) {
            return Poll::Ready(Err(error));
        }
        if this.is_read_whole() {
            return this.poll_departure(cx);
        }
        if this.link.is_backed_up(cx) {
            return this.poll_backed_up(cx);
        }
        let read = this.poll_hand_over(cx, buf);
        this.in_time(Direction::Upload, read, cx)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.farewell.is_said() {
            return Poll::Ready(Ok(buf.len()));
        }
        this.ping.is_followed();
        let count = ready!(this.poll_pace(buf.len(), cx))?;
        let buf = buf.get(..count).unwrap_or_default();
        if this.link.awaits_trailers() && !this.link.http2 {
            let written = this.poll_write_trailing(cx, buf);
            return this.in_time(Direction::Download, written, cx);
        }
        if this.pending.len() + buf.len() <= WRITE_BUFFER {
            this.pending.extend_from_slice(buf);
            this.link.answering(buf.len());
            return Poll::Ready(Ok(buf.len()));
        }
        let written = this.poll_write_through(cx, buf);
        if let Poll::Ready(Ok(bytes)) = &written {
            this.link.answering(*bytes);
        }
        this.in_time(Direction::Download, written, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flush_in_time(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection is closed when this is dropped, with what a client may still be sending in mind.
        self.get_mut().poll_flush_in_time(cx)
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

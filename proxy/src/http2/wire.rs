//! The socket under the library, watched: what comes in too often, and what does not go out.

use super::faults::Faults;
use super::frames::{Came, Flood, FrameScan};
use crate::connection::{Passed, Transport};
use bytes::{Buf, BytesMut};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Duration, Instant};

/// Stands for no time.
const NEVER: u64 = 0;

/// What the connection's own task may learn of its socket, which the library holds.
///
/// Both run in one task; so nothing is contended, and nearly every value is an atomic.
#[derive(Debug)]
pub(super) struct Watch {
    opened: Instant,
    head_nanos: AtomicU64,
    flood: AtomicU8,
    unread: AtomicBool,
    faults: Mutex<Faults>,
}

impl Watch {
    pub(super) fn new(opened: Instant) -> Arc<Self> {
        Arc::new(Self {
            opened,
            head_nanos: AtomicU64::new(NEVER),
            flood: AtomicU8::new(0),
            unread: AtomicBool::new(false),
            faults: Mutex::default(),
        })
    }

    /// When the request head began that has not come whole.
    pub(super) fn head_since(&self) -> Option<Instant> {
        match self.head_nanos.load(Relaxed) {
            NEVER => None,
            nanos => Some(self.opened + Duration::from_nanos(nanos)),
        }
    }

    /// What there was too much of.
    pub(super) fn flood(&self) -> Option<Flood> {
        match self.flood.load(Relaxed) {
            0 => None,
            1 => Some(Flood::Resets),
            _ => Some(Flood::Control),
        }
    }

    /// Whether the client takes nothing of what is there for it.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Relaxed)
    }

    /// Faults within streams.
    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_head(&self, since: Option<Instant>) {
        let nanos = since.map(|since| since.duration_since(self.opened).as_nanos().max(1));
        let nanos = nanos.map_or(NEVER, |nanos| u64::try_from(nanos).unwrap_or(u64::MAX));
        self.head_nanos.store(nanos, Relaxed);
    }
}

/// A client's socket, and what was read from it before HTTP/2 was known.
#[derive(Debug)]
pub(super) struct Wire {
    transport: Transport,
    ahead: BytesMut,
    scan: FrameScan,
    watch: Arc<Watch>,
    passed: Arc<Passed>,
}

impl Wire {
    pub(super) fn new(transport: Transport, ahead: BytesMut, watch: Arc<Watch>, passed: Arc<Passed>) -> Self {
        Self { transport, ahead, scan: FrameScan::new(Instant::now()), watch, passed }
    }

    fn look(&mut self, bytes: &[u8]) {
        let heard = |came| match came {
            Came::Head(stream) => self.watch.faults().head_came(stream),
            Came::Reset(stream) => self.watch.faults().forget(stream),
        };
        if let Err(flood) = self.scan.follow(bytes, Instant::now(), heard) {
            self.watch.flood.store(if flood == Flood::Resets { 1 } else { 2 }, Relaxed);
        }
        self.watch.note_head(self.scan.head_since());
    }

    /// What has come and was not read would have the kernel reset the connection, and the last word with it.
    fn empty(&mut self, cx: &mut Context<'_>) {
        let mut unread = [0; 4096];
        loop {
            let mut unread = ReadBuf::new(&mut unread);
            match Pin::new(&mut self.transport).poll_read(cx, &mut unread) {
                Poll::Ready(Ok(())) if !unread.filled().is_empty() => {}
                _ => return,
            }
        }
    }

    /// Looks at what of `bufs` has been taken.
    fn sent(&mut self, bufs: &[IoSlice<'_>], outcome: &Poll<io::Result<usize>>) {
        let Poll::Ready(Ok(mut taken)) = *outcome else { return };
        self.scan.sent(taken);
        let mut faults = self.watch.faults();
        for buf in bufs {
            let part = taken.min(buf.len());
            faults.follow(buf.get(..part).unwrap_or_default());
            taken -= part;
        }
    }

    fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.watch.unread.store(outcome.is_pending(), Relaxed);
        self.passed.blocked(outcome.is_pending());
        outcome
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.watch.flood().is_some() {
            // Nothing more is read; the connection's task looks at the watch next.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        if this.ahead.is_empty() {
            ready!(Pin::new(&mut this.transport).poll_read(cx, buf))?;
        } else {
            let count = this.ahead.len().min(buf.remaining());
            buf.put_slice(this.ahead.get(..count).unwrap_or_default());
            this.ahead.advance(count);
        }
        this.look(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.transport).poll_write(cx, buf);
        this.sent(&[IoSlice::new(buf)], &outcome);
        this.wrote(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.transport).poll_write_vectored(cx, bufs);
        this.sent(bufs, &outcome);
        this.wrote(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.transport).poll_flush(cx);
        this.wrote(outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.transport).poll_shutdown(cx))?;
        this.empty(cx);
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }
}

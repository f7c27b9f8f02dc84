//! A connection's heads: awaited within their limits, and judged.

use super::head::{HeadBounds, HeadScan, judge};
use super::retarget::retargeted;
use super::stream::ClientStream;
use crate::exchange::Failure;
use crate::http2::PREFACE;
use crate::observe::{Gauge, Guard};
use bytes::BytesMut;
use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

/// How much is read at once while a head is awaited.
const READ_STEP: usize = 4 * 1024;

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
    /// Waits for the next head, judges it, and returns its bytes; its body may then be read. Meanwhile it counts
    /// among the `heads` under way.
    pub(crate) async fn next_head(
        &mut self,
        limits: HeadLimits,
        heads: &Arc<Gauge>,
    ) -> Result<BytesMut, NoHead> {
        if !self.is_read_whole() {
            // What is left of a body must never be taken for a request.
            return Err(NoHead::Over);
        }
        let bounds = limits.bounds;
        let pipelined = !self.ahead.is_empty() && self.link.requests() > 0;
        let mut wait = HeadWait { scan: HeadScan::within(bounds), since: None, counted: None, heads, limits };
        let length = match poll_fn(|cx| self.poll_head(&mut wait, cx)).await {
            Ok(length) => length,
            Err(over) => {
                if matches!(over, NoHead::Refused(_)) {
                    let since = wait.since.unwrap_or_else(Instant::now);
                    self.link.refused(&self.ahead, bounds, since);
                }
                return Err(over);
            }
        };
        if self.link.requests() == 0 && self.ahead.get(..length) == PREFACE.get(..length) {
            return Err(NoHead::Http2);
        }
        let head = match length == self.ahead.len() {
            true => std::mem::take(&mut self.ahead),
            false => self.ahead.split_to(length),
        };
        let since = wait.since.unwrap_or_else(Instant::now);
        self.judge(head, bounds, (since, pipelined)).map_err(NoHead::Refused)
    }

    /// Takes a head that came on another way; its body may then be read.
    pub(crate) fn hold_head(&mut self, head: BytesMut, bounds: HeadBounds) -> Result<BytesMut, Failure> {
        let now = Instant::now();
        let mut scan = HeadScan::within(bounds);
        let length = scan.end(&head).and_then(|length| bounds.hold(&scan, length.unwrap_or(head.len())));
        length.inspect_err(|_| self.link.refused(&head, bounds, now))?;
        self.judge(head, bounds, (now, false))
    }

    fn judge(
        &mut self,
        head: BytesMut,
        bounds: HeadBounds,
        (since, pipelined): (Instant, bool),
    ) -> Result<BytesMut, Failure> {
        let judged = judge(&head, bounds.fields);
        let judged = judged.and_then(|framing| Ok((framing, retargeted(&head, bounds.lenient)?)));
        let (framing, again) = judged.inspect_err(|_| self.link.refused(&head, bounds, since))?;
        self.body = framing.into();
        self.link.head_arrived(since, head.len(), pipelined);
        self.upload.reset();
        self.download.reset();
        Ok(again.map_or(head, |head| head.as_slice().into()))
    }

    /// Reads what there is to the end of `ahead`, which keeps no room for it: most connections are silent most of the time.
    /// 0 is the end of the stream.
    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(transport) = self.transport.as_mut() else { return Poll::Ready(Ok(0)) };
        let mut step = [MaybeUninit::uninit(); READ_STEP];
        let mut read = ReadBuf::uninit(&mut step);
        ready!(Pin::new(transport).poll_read(cx, &mut read))?;
        self.ahead.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
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
            match self.poll_step(cx) {
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
}

/// A head that is awaited.
struct HeadWait<'h> {
    scan: HeadScan,
    since: Option<Instant>,
    counted: Option<Guard>,
    heads: &'h Arc<Gauge>,
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

//! A body that is gathered before it is sent: beyond what memory is for, it waits in a file without a name.

use bytes::{Buf, BytesMut};
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

/// How much of a body is kept in memory.
pub(super) const IN_MEMORY: usize = 256 * 1024;

/// What has been put aside of the present body; read back in order, once there is nothing more to store.
#[derive(Debug, Default)]
pub(super) struct Spool {
    file: Option<File>,
    stage: Stage,
    /// How many bytes are stored and not yet read back.
    unread: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Storing,
    Rewinding,
    Reading,
}

impl Spool {
    /// Whether there is nothing to read back.
    pub(super) fn is_empty(&self) -> bool {
        self.unread == 0
    }

    /// Moves the first `count` bytes out of `bytes`; `count` says how many are left to move.
    pub(super) fn poll_store(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut BytesMut,
        count: &mut usize,
    ) -> Poll<io::Result<()>> {
        while *count > 0 {
            let file = match &mut self.file {
                Some(file) => file,
                // The folder is `$TMPDIR`, else `/tmp`; the file is gone with whoever holds it.
                none => none.insert(File::from_std(tempfile::tempfile()?)),
            };
            let part = bytes.get(..*count).unwrap_or_default();
            let written = ready!(Pin::new(file).poll_write(cx, part))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            bytes.advance(written);
            *count -= written;
            self.unread += written as u64;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads back what was stored; only where it is not empty.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(file) = &mut self.file else { return Poll::Ready(Ok(())) };
        let mut file = Pin::new(file);
        if self.stage == Stage::Storing {
            ready!(file.as_mut().poll_flush(cx))?;
            file.as_mut().start_seek(SeekFrom::Start(0))?;
            self.stage = Stage::Rewinding;
        }
        if self.stage == Stage::Rewinding {
            ready!(file.as_mut().poll_complete(cx))?;
            self.stage = Stage::Reading;
        }
        let before = buf.filled().len();
        ready!(file.poll_read(cx, buf))?;
        let count = (buf.filled().len() - before) as u64;
        if count == 0 && buf.remaining() > 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.unread = self.unread.saturating_sub(count);
        if self.unread == 0 {
            *self = Self::default();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::future::poll_fn;

    async fn store(spool: &mut Spool, bytes: &mut BytesMut, mut count: usize) {
        poll_fn(|cx| spool.poll_store(cx, bytes, &mut count)).await.unwrap();
        assert_eq!(count, 0);
    }

    async fn read_all(spool: &mut Spool) -> Vec<u8> {
        let mut all = Vec::new();
        while !spool.is_empty() {
            let mut part = [0; 1000];
            let mut buf = ReadBuf::new(&mut part);
            poll_fn(|cx| spool.poll_read(cx, &mut buf)).await.unwrap();
            all.extend_from_slice(buf.filled());
        }
        all
    }

    #[tokio::test]
    async fn what_was_stored_comes_back_in_order_and_the_rest_stays_where_it_is() {
        let mut spool = Spool::default();
        let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        for piece in body.chunks(70_000) {
            let mut bytes = BytesMut::from(piece);
            bytes.extend_from_slice(b"next");
            store(&mut spool, &mut bytes, piece.len()).await;
            assert_eq!(&bytes[..], b"next");
        }
        assert!(!spool.is_empty());
        assert_eq!(read_all(&mut spool).await, body);
    }

    #[tokio::test]
    async fn once_read_it_takes_the_next_body() {
        let mut spool = Spool::default();
        for body in [&b"first"[..], b"second"] {
            store(&mut spool, &mut BytesMut::from(body), body.len()).await;
            assert_eq!(read_all(&mut spool).await, body);
            assert!(spool.is_empty());
        }
    }
}

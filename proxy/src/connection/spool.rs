//! A body that is gathered before it is sent: beyond what memory is for, or where the rules want it so, it waits in a file.

use super::chunks::ChunkScan;
use crate::temporary::Temporary;
use bytes::{Buf, Bytes, BytesMut};
use std::future::Future;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use vordr_rules::table::Buffering;

/// What has been put aside of the present body; read back in order, once there is nothing more to store.
#[derive(Debug, Default)]
pub(super) struct Spool {
    making: Option<JoinHandle<io::Result<(std::fs::File, Temporary)>>>,
    file: Option<File>,
    stage: Stage,
    /// How many bytes are stored and not yet read back.
    unread: u64,
    /// Where the chunks are taken off, as others read the file: what is in one.
    chunks: Option<ChunkScan>,
    /// What frames the body as a chunk again.
    before: Bytes,
    after: &'static [u8],
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
        self.file.is_none()
    }

    /// Opens a file, unless there is one; what it is called, where it is new.
    pub(super) fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
        how: &Arc<Buffering>,
        is_chunked: bool,
    ) -> Poll<io::Result<Option<Temporary>>> {
        if self.file.is_some() {
            return Poll::Ready(Ok(None));
        }
        let making = self.making.get_or_insert_with(|| {
            let how = how.clone();
            tokio::task::spawn_blocking(move || match how.file {
                Some(_) => Temporary::make(&how.folder),
                None => Temporary::make_unlinked(&how.folder),
            })
        });
        let made = ready!(Pin::new(making).poll(cx));
        self.making = None;
        let (file, made) = made.map_err(io::Error::other)??;
        self.file = Some(File::from_std(file));
        self.chunks = (is_chunked && how.file.is_some()).then(ChunkScan::new);
        Poll::Ready(Ok(Some(made)))
    }

    /// Moves the first `count` bytes out of `bytes`; `count` says how many are left to move. Only where a file is open.
    pub(super) fn poll_store(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut BytesMut,
        count: &mut usize,
    ) -> Poll<io::Result<()>> {
        while *count > 0 {
            let part = bytes.get(..*count).unwrap_or_default();
            let (moved, is_payload) = match &mut self.chunks {
                Some(scan) if scan.payload_next() == 0 => {
                    (scan.pass_frame(part).map_err(|_| io::ErrorKind::InvalidData)?, false)
                }
                _ => (ready!(self.poll_write(cx, part))?, true),
            };
            if moved == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            bytes.advance(moved);
            *count -= moved;
            self.unread += if is_payload { moved as u64 } else { 0 };
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is payload at the beginning of `part`.
    fn poll_write(&mut self, cx: &mut Context<'_>, part: &[u8]) -> Poll<io::Result<usize>> {
        let Some(file) = &mut self.file else { return Poll::Ready(Ok(0)) };
        let most = self.chunks.as_ref().map_or(u64::MAX, ChunkScan::payload_next);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(part.len());
        let written = ready!(Pin::new(file).poll_write(cx, part.get(..most).unwrap_or_default()))?;
        if let Some(scan) = &mut self.chunks {
            scan.pass_payload(written as u64);
        }
        Poll::Ready(Ok(written))
    }

    /// Reads back what was stored; only where it is not empty.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rewind(cx))?;
        let before = self.before.split_to(self.before.len().min(buf.remaining()));
        buf.put_slice(&before);
        if before.is_empty() && self.unread > 0 {
            let Some(file) = &mut self.file else { return Poll::Ready(Ok(())) };
            let start = buf.filled().len();
            ready!(Pin::new(file).poll_read(cx, buf))?;
            let count = (buf.filled().len() - start) as u64;
            if count == 0 && buf.remaining() > 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.unread = self.unread.saturating_sub(count);
        } else if before.is_empty() {
            let (part, rest) = self.after.split_at(self.after.len().min(buf.remaining()));
            buf.put_slice(part);
            self.after = rest;
        }
        if self.before.is_empty() && self.unread == 0 && self.after.is_empty() {
            *self = Self::default();
        }
        Poll::Ready(Ok(()))
    }

    /// Goes back to where the file begins, once all of it is written.
    fn poll_rewind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
            if self.chunks.is_some() {
                (self.before, self.after) = match self.unread {
                    0 => (Bytes::from_static(b"0\r\n\r\n"), &b""[..]),
                    all => (format!("{all:x}\r\n").into(), &b"\r\n0\r\n\r\n"[..]),
                };
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::future::poll_fn;
    use vordr_rules::table::BodyFile;

    async fn store(spool: &mut Spool, bytes: &mut BytesMut, mut count: usize) {
        store_as(&Arc::default(), false, spool, bytes, &mut count).await;
        assert_eq!(count, 0);
    }

    async fn store_as(
        how: &Arc<Buffering>,
        is_chunked: bool,
        spool: &mut Spool,
        bytes: &mut BytesMut,
        count: &mut usize,
    ) -> Option<Temporary> {
        let made = poll_fn(|cx| spool.poll_open(cx, how, is_chunked)).await.unwrap();
        poll_fn(|cx| spool.poll_store(cx, bytes, count)).await.unwrap();
        made
    }

    async fn read_all(spool: &mut Spool) -> Vec<u8> {
        let mut all = Vec::new();
        while !spool.is_empty() {
            let mut part = [0; 1000];
            let mut buf = ReadBuf::new(&mut part);
            poll_fn(|cx| spool.poll_read(cx, &mut buf)).await.unwrap();
            assert!(!buf.filled().is_empty(), "nothing is what ends a stream");
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

    #[tokio::test]
    async fn a_file_for_others_has_what_is_in_the_chunks_and_goes_on_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut how = Buffering { file: Some(BodyFile::Removed), ..Buffering::default() };
        how.folder.path = Some(folder.path().display().to_string());
        let how = Arc::new(how);
        for (chunks, payload, again) in [
            (
                "3;x=y\r\none\r\n004\r\ntwo!\r\n0\r\nTrailer: x\r\n\r\n",
                "onetwo!",
                "7\r\nonetwo!\r\n0\r\n\r\n",
            ),
            ("0\r\n\r\n", "", "0\r\n\r\n"),
        ] {
            for step in 1..=chunks.len() {
                let (mut spool, mut made) = (Spool::default(), None);
                for piece in chunks.as_bytes().chunks(step) {
                    let (mut bytes, mut count) = (BytesMut::from(piece), piece.len());
                    let new = store_as(&how, true, &mut spool, &mut bytes, &mut count).await;
                    made = new.or(made);
                }
                assert_eq!(String::from_utf8(read_all(&mut spool).await).unwrap(), again, "by {step}");
                assert_eq!(std::fs::read_to_string(made.unwrap().path()).unwrap(), payload);
            }
        }
    }
}

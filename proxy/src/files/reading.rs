//! A file while it is sent: read part by part, on threads that may wait for a disk.

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::pread;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// How much is read, and held for each client, at once.
const PART: u64 = 64 * 1024;

/// A file that is open.
#[derive(Debug)]
pub(crate) struct Reading {
    file: Arc<File>,
    /// Its beginning, where that has been read already.
    first: Bytes,
}

impl Reading {
    /// Begins with a file; `at_once` reads its first part too, as it will be wanted.
    pub(super) fn begin(file: File, length: u64, at_once: bool) -> io::Result<Self> {
        let first = if at_once { read(&file, 0..length)? } else { Bytes::new() };
        Ok(Self { file: Arc::new(file), first })
    }

    /// The beginning of a range, as much as is read at once. Nothing where the file has become shorter than that.
    pub(crate) async fn part(&self, range: Range<u64>) -> io::Result<Bytes> {
        let ahead = usize::try_from(range.start).ok().filter(|start| *start < self.first.len());
        if let Some(start) = ahead {
            let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(self.first.len());
            return Ok(self.first.slice(start..end.max(start)));
        }
        let file = self.file.clone();
        let reading = tokio::task::spawn_blocking(move || read(&file, range));
        reading.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let wanted = range.end.saturating_sub(range.start).min(PART);
    let mut part = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
    if wanted > 0 {
        pread(file, spare_capacity(&mut part), range.start)?;
        // The buffer may be larger than what was asked for.
        part.truncate(usize::try_from(wanted).unwrap_or_default());
    }
    Ok(part.into())
}

//! Lines written to one file or stream, and what becomes of those that it does not take.

use prometheus::IntCounter;
use std::io::{ErrorKind, Write};

/// Where lines go to.
pub(super) struct Stream<W> {
    out: W,
    /// The last line that was written has no end.
    torn: bool,
    dropped: IntCounter,
}

impl<W: Write> Stream<W> {
    /// What cannot be written is counted as `dropped`.
    pub(super) fn new(out: W, dropped: IntCounter) -> Self {
        Self { out, torn: false, dropped }
    }

    /// A full disk or a closed pipe must not stop the proxy: what cannot be written is counted as dropped.
    pub(super) fn write(&mut self, lines: &[u8]) {
        let written = self.whole(lines);
        let rest = lines.get(written..).unwrap_or_default();
        self.dropped.inc_by(rest.iter().filter(|byte| **byte == b'\n').count() as u64);
    }

    /// The same of what counts as one, however many lines it has.
    pub(super) fn write_one(&mut self, record: &[u8]) {
        if self.whole(record) < record.len() {
            self.dropped.inc();
        }
    }

    /// Whether the last line that was written has no end.
    pub(super) fn is_torn(&self) -> bool {
        self.torn
    }

    /// As many of the bytes as can be written, on a line of their own.
    fn whole(&mut self, lines: &[u8]) -> usize {
        if std::mem::take(&mut self.torn) && !lines.is_empty() {
            self.torn = self.some(b"\n") == 0;
        }
        let written = if self.torn { 0 } else { self.some(lines) };
        let last = written.checked_sub(1).and_then(|last| lines.get(last));
        self.torn |= last.is_some_and(|last| *last != b'\n');
        written
    }

    /// As many of the bytes as can be written.
    fn some(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.out.write(rest) {
                Ok(0) => break,
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // What a stream of the standard library still holds.
        let _ = self.out.flush();
        written
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io;

    /// Takes so many bytes, and no more.
    struct Full(Vec<u8>, usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = bytes.len().min(self.1 - self.0.len());
            self.0.extend(&bytes[..room]);
            if room == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(room) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_counted_and_what_comes_later_begins_on_a_line_of_its_own() {
        let mut disk = Stream::new(Full(Vec::new(), 9), IntCounter::new("dropped", "Dropped.").unwrap());
        disk.write(b"one\ntwo\nthree\nfour\n");
        assert_eq!((disk.out.0.as_slice(), disk.dropped.get()), (b"one\ntwo\nt".as_slice(), 2));
        disk.write(b"five\n");
        disk.write_one(b"a record\nof two lines\n");
        assert_eq!(disk.dropped.get(), 4);
        disk.out.1 = 99;
        disk.write(b"six\n");
        assert_eq!((disk.out.0.as_slice(), disk.dropped.get()), (b"one\ntwo\nt\nsix\n".as_slice(), 4));
    }
}

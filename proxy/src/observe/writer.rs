//! Lines to a file or a stream, from a thread of its own, so that a slow disk never slows a request.
//!
//! Each worker appends to a buffer of its own, and the writing thread empties them all: at once when a line comes after a
//! silence, and under load twenty times a second, so that a line costs its bytes, and neither an allocation nor a
//! wake-up. Lines of one worker keep their order; between two of them it may differ within that time.

use super::cells::PerWorker;
use super::outputs::{ManyFiles, Packed, ToSyslog};
use crate::start_error::StartError;
use prometheus::IntCounter;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileTypeExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use vordr_rules::table::LogTarget;

/// How many bytes of one buffer may wait; what comes then is dropped and counted.
const WAITING: usize = 4 * 1024 * 1024;
/// How long lines are gathered, counted from those before them.
const GATHER: Duration = Duration::from_millis(50);
/// The same where they are packed, as few of them make a large packet.
const GATHER_PACKED: Duration = Duration::from_secs(1);
/// What a buffer may hold on to while it is hardly used.
const KEPT: usize = 16 * 1024;
/// How long a flush waits for a disk, or for whoever reads a pipe.
const PATIENCE: Duration = Duration::from_secs(2);

/// The way to the writing thread, which ends with it.
#[derive(Debug)]
pub(super) struct Writer {
    lines: Arc<Lines>,
    thread: Thread,
    dropped: IntCounter,
}

/// What waits to be written.
#[derive(Debug)]
struct Lines {
    buffers: PerWorker<Mutex<Vec<u8>>>,
    /// There is something to be done.
    waiting: AtomicBool,
    /// Somebody waits for it to be done.
    hurried: AtomicBool,
    over: AtomicBool,
    /// How often everything has been written.
    rounds: Mutex<u64>,
    round_done: Condvar,
}

impl Writer {
    /// Opens the target, so that a wrong one is told at start; so many workers write to it. What is lost of their
    /// lines is counted.
    pub(super) fn open(target: &LogTarget, workers: usize, dropped: IntCounter) -> Result<Self, StartError> {
        let out: Box<dyn Write + Send> = match target {
            LogTarget::Stdout => Box::new(io::stdout()),
            LogTarget::Stderr => Box::new(io::stderr()),
            LogTarget::File(path) => {
                file(path).map_err(|source| StartError::Log { path: path.clone(), source })?
            }
            LogTarget::Packed(path, level) => {
                let file = append(path).map_err(|source| StartError::Log { path: path.clone(), source })?;
                Box::new(Packed::new(file, *level))
            }
            LogTarget::Filled(_) => Box::new(ManyFiles::new(dropped.clone())),
            LogTarget::Syslog(syslog) => Box::new(ToSyslog::new(syslog.clone(), dropped.clone())),
        };
        let lines = Arc::new(Lines::of(workers));
        let gather = if matches!(target, LogTarget::Packed(..)) { GATHER_PACKED } else { GATHER };
        let (theirs, out) = (lines.clone(), Out { out, torn: false, dropped: dropped.clone() });
        let thread = thread::Builder::new()
            .name("vordr-log".to_owned())
            .spawn(move || theirs.write_on(out, gather))
            .map_err(StartError::Worker)?;
        Ok(Self { lines, thread: thread.thread().clone(), dropped })
    }

    /// Appends a line, newline included, by `write`; if too much waits, the line is dropped and counted.
    pub(super) fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut buffer = lock(self.lines.buffers.mine());
        if buffer.len() >= WAITING {
            return self.dropped.inc();
        }
        write(&mut buffer);
        drop(buffer);
        // Read first, as most lines find it set: a write would take it from the other workers' processors.
        if !self.lines.waiting.load(Relaxed) && !self.lines.waiting.swap(true, Relaxed) {
            self.thread.unpark();
        }
    }

    /// Waits until what was handed over has been written, as long as there is hope.
    pub(super) fn flush(&self) {
        let mut rounds = lock(&self.lines.rounds);
        // The round that is under way may have passed this thread's buffer already.
        let (wanted, end) = (*rounds + 2, Instant::now() + PATIENCE);
        while *rounds < wanted && Instant::now() < end {
            self.lines.waiting.store(true, Relaxed);
            self.lines.hurried.store(true, Relaxed);
            self.thread.unpark();
            let (later, _) =
                self.lines.round_done.wait_timeout(rounds, GATHER).unwrap_or_else(PoisonError::into_inner);
            rounds = later;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lines.over.store(true, Relaxed);
        self.thread.unpark();
    }
}

impl Lines {
    fn of(workers: usize) -> Self {
        Self {
            buffers: PerWorker::new(workers),
            waiting: AtomicBool::new(false),
            hurried: AtomicBool::new(false),
            over: AtomicBool::new(false),
            rounds: Mutex::new(0),
            round_done: Condvar::new(),
        }
    }

    /// Lets lines come for so long, unless somebody waits for them or no more will come.
    fn gather(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.hurried.swap(false, Relaxed) && !self.over.load(Relaxed) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    /// The writing thread's whole life: to the last line after the [`Writer`] is gone.
    fn write_on(&self, mut out: Out, gather: Duration) {
        let mut batch = Vec::new();
        let mut last: Option<Instant> = None;
        loop {
            let over = self.over.load(Relaxed);
            if self.waiting.load(Relaxed) || over {
                self.gather(last.map_or(Duration::ZERO, |last| gather.saturating_sub(last.elapsed())));
                // A line that comes from here on asks for another round.
                self.waiting.store(false, Relaxed);
                last = Some(Instant::now());
                for buffer in self.buffers.all() {
                    std::mem::swap(&mut *lock(buffer), &mut batch);
                    out.write(&batch);
                    empty(&mut batch);
                }
                *lock(&self.rounds) += 1;
                self.round_done.notify_all();
            } else {
                thread::park();
            }
            if over {
                return;
            }
        }
    }
}

/// Where lines go to in the end.
struct Out {
    out: Box<dyn Write + Send>,
    /// The last line that was written has no end.
    torn: bool,
    dropped: IntCounter,
}

impl Out {
    /// A full disk or a closed pipe must not stop the proxy: what cannot be written is counted as dropped.
    fn write(&mut self, lines: &[u8]) {
        if std::mem::take(&mut self.torn) && !lines.is_empty() {
            self.torn = self.some(b"\n") == 0;
        }
        let written = if self.torn { 0 } else { self.some(lines) };
        let (whole, rest) = lines.split_at_checked(written).unwrap_or((lines, &[]));
        self.torn |= whole.last().is_some_and(|last| *last != b'\n');
        self.dropped.inc_by(rest.iter().filter(|byte| **byte == b'\n').count() as u64);
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

/// What a burst took is given back once lines are few again.
fn empty(batch: &mut Vec<u8>) {
    if batch.capacity() / 4 > batch.len().max(KEPT) {
        *batch = Vec::new();
    }
    batch.clear();
}

/// A thread that panicked while it appended has left a line's beginning at worst.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file; in containers it is often a link to one of the streams, which may be one that this user cannot open again.
fn file(path: &str) -> io::Result<Box<dyn Write + Send>> {
    let link = std::fs::read_link(path).unwrap_or_default();
    Ok(match link.to_str() {
        Some("/dev/stdout") => Box::new(io::stdout()),
        Some("/dev/stderr") => Box::new(io::stderr()),
        _ => Box::new(append(path)?),
    })
}

/// A named pipe is opened for reading too, as opening it would wait for somebody who reads otherwise.
fn append(path: &str) -> io::Result<File> {
    let pipe = std::fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo());
    OpenOptions::new().create(true).append(true).read(pipe).open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::cells::count_as_worker;
    use super::*;

    /// Takes so many bytes, and no more.
    struct Full(Arc<Mutex<Vec<u8>>>, usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut written = lock(&self.0);
            let room = bytes.len().min(self.1 - written.len());
            written.extend(&bytes[..room]);
            if room == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(room) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_counted_and_what_comes_later_begins_on_a_line_of_its_own() {
        let (disk, dropped) = (Arc::default(), IntCounter::new("dropped", "Dropped.").unwrap());
        let mut out =
            Out { out: Box::new(Full(Arc::clone(&disk), 9)), torn: false, dropped: dropped.clone() };
        out.write(b"one\ntwo\nthree\nfour\n");
        assert_eq!((lock(&disk).as_slice(), dropped.get()), (b"one\ntwo\nt".as_slice(), 2));
        out.write(b"five\n");
        assert_eq!(dropped.get(), 3);
        out.out = Box::new(Full(Arc::clone(&disk), 99));
        out.write(b"six\n");
        assert_eq!((lock(&disk).as_slice(), dropped.get()), (b"one\ntwo\nt\nsix\n".as_slice(), 3));
    }

    fn in_a_file() -> (tempfile::TempDir, String, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log").display().to_string();
        let dropped = IntCounter::new("dropped", "Dropped.").unwrap();
        let writer = Writer::open(&LogTarget::File(path.clone()), 2, dropped).unwrap();
        (folder, path, writer)
    }

    #[test]
    fn lines_of_several_threads_are_whole_and_each_threads_are_in_order() {
        let (_folder, path, writer) = in_a_file();
        thread::scope(|scope| {
            for (worker, name) in ["a", "b", "c"].into_iter().enumerate() {
                let writer = &writer;
                scope.spawn(move || {
                    count_as_worker(worker);
                    (0..5_000).for_each(|number| {
                        writer.line(|line| line.extend(format!("{name} {number}\n").bytes()));
                    });
                });
            }
        });
        writer.flush();
        let text = std::fs::read_to_string(path).unwrap();
        for name in ["a", "b", "c"] {
            let numbers: Vec<usize> =
                text.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse().ok()).collect();
            assert!(numbers.into_iter().eq(0..5_000), "lines of {name}");
        }
    }

    #[test]
    fn what_is_packed_is_there_once_it_is_flushed_however_little_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.gz").display().to_string();
        let dropped = IntCounter::new("dropped", "Dropped.").unwrap();
        let writer = Writer::open(&LogTarget::Packed(path.clone(), 1), 1, dropped).unwrap();
        let mut sizes = vec![0];
        for _ in 0..20 {
            writer.line(|line| line.extend(b"a line\n"));
            writer.flush();
            sizes.push(std::fs::metadata(&path).unwrap().len());
        }
        assert!(sizes.is_sorted_by(|before, after| before < after), "{sizes:?}");
    }

    #[test]
    fn what_a_burst_of_lines_took_is_given_back() {
        let (_folder, _path, writer) = in_a_file();
        let held = || writer.lines.buffers.all().map(|buffer| lock(buffer).capacity()).sum::<usize>();
        writer.line(|line| line.resize(WAITING / 2, b'x'));
        // Buffers change places with the one that is being written, whose size is not seen.
        writer.flush();
        for _ in 0..4 {
            writer.flush();
            assert!(held() <= 8 * KEPT, "{} bytes", held());
        }
    }

    #[test]
    fn what_cannot_be_written_in_time_is_dropped_and_counted() {
        let (_folder, path, writer) = in_a_file();
        writer.line(|line| line.resize(WAITING, b'x'));
        let before = writer.dropped.get();
        // Unless the writing thread was quick enough to take the first one.
        writer.line(|line| line.extend(b"\n"));
        writer.flush();
        let written = std::fs::read(path).unwrap().len() as u64;
        assert_eq!(written + (writer.dropped.get() - before), WAITING as u64 + 1);
    }
}

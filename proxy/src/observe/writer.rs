//! Lines to a file or a stream, from a thread of its own, so that a slow disk never slows a request.
//!
//! Each worker appends to a buffer of its own, and the writing thread empties them all: at once when a line comes after a
//! silence, and under load twenty times a second, so that a line costs its bytes, and neither an allocation nor a
//! wake-up. Lines of one worker keep their order; between two of them it may differ within that time.

use super::cells::PerWorker;
use super::frames;
use super::outputs::{ManyFiles, Packed, ToSyslog};
use super::stream::Stream;
use crate::start_error::StartError;
use prometheus::IntCounter;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
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

/// The way to the writing thread, which ends with it.
#[derive(Debug)]
pub(super) struct Writer {
    lines: Arc<Lines>,
    /// Each line is a record of its own, whatever it holds.
    records: bool,
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
        let told = |source| match target {
            LogTarget::File(path) | LogTarget::Packed(path, _) => {
                StartError::Log { path: path.clone(), source }
            }
            _ => StartError::Worker(source),
        };
        let out = Out::open(target, dropped.clone()).map_err(told)?;
        let records = out.is_of_records();
        let lines = Arc::new(Lines::of(workers));
        let gather = if matches!(target, LogTarget::Packed(..)) { GATHER_PACKED } else { GATHER };
        let theirs = lines.clone();
        let thread = thread::Builder::new()
            .name("vordr-log".to_owned())
            .spawn(move || theirs.write_on(out, gather))
            .map_err(StartError::Worker)?;
        Ok(Self { lines, records, thread: thread.thread().clone(), dropped })
    }

    /// Appends a line, newline included, by `write`; if too much waits, the line is dropped and counted.
    pub(super) fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut buffer = lock(self.lines.buffers.mine());
        if buffer.len() >= WAITING {
            return self.dropped.inc();
        }
        match self.records {
            true => frames::push(&mut buffer, write),
            false => write(&mut buffer),
        }
        drop(buffer);
        // Read first, as most lines find it set: a write would take it from the other workers' processors.
        if !self.lines.waiting.load(Relaxed) && !self.lines.waiting.swap(true, Relaxed) {
            self.thread.unpark();
        }
    }

    /// Has what was handed over written as soon as may be.
    pub(super) fn hurry(&self) {
        self.lines.waiting.store(true, Relaxed);
        self.lines.hurried.store(true, Relaxed);
        self.thread.unpark();
    }

    /// Waits until what was handed over has been written, and no longer than to this moment.
    pub(super) fn flush(&self, end: Instant) {
        let mut rounds = lock(&self.lines.rounds);
        // The round that is under way may have passed this thread's buffer already.
        let wanted = *rounds + 2;
        while *rounds < wanted && Instant::now() < end {
            self.hurry();
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
enum Out {
    Stream(Stream<Box<dyn Write + Send>>),
    Files(ManyFiles),
    Syslog(ToSyslog),
}

impl Out {
    fn open(target: &LogTarget, dropped: IntCounter) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = match target {
            LogTarget::Filled(_) => return Ok(Self::Files(ManyFiles::new(dropped))),
            LogTarget::Syslog(syslog) => return Ok(Self::Syslog(ToSyslog::new(syslog.clone(), dropped))),
            LogTarget::Stdout => Box::new(io::stdout()),
            LogTarget::Stderr => Box::new(io::stderr()),
            LogTarget::File(path) => file(path)?,
            LogTarget::Packed(path, level) => Box::new(Packed::new(append(path)?, *level)),
        };
        Ok(Self::Stream(Stream::new(out, dropped)))
    }

    /// Whether each line is a record, as it goes its own way.
    fn is_of_records(&self) -> bool {
        !matches!(self, Self::Stream(_))
    }

    fn write(&mut self, lines: &[u8]) {
        match self {
            Self::Stream(stream) => stream.write(lines),
            Self::Files(files) => frames::all(lines).for_each(|record| files.write(record)),
            Self::Syslog(syslog) => frames::all(lines).for_each(|record| syslog.write(record)),
        }
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

/// A file, or one of the streams by its name or by a link, as is usual in containers: this user may be one that cannot
/// open it again.
fn file(path: &str) -> io::Result<Box<dyn Write + Send>> {
    let link = std::fs::read_link(path).unwrap_or_default();
    let is_stream = matches!(path, "/dev/stdout" | "/dev/stderr");
    Ok(match if is_stream { Some(path) } else { link.to_str() } {
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

    fn flush(writer: &Writer) {
        writer.flush(Instant::now() + Duration::from_secs(9));
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
        flush(&writer);
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
            flush(&writer);
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
        flush(&writer);
        for _ in 0..4 {
            flush(&writer);
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
        flush(&writer);
        let written = std::fs::read(path).unwrap().len() as u64;
        assert_eq!(written + (writer.dropped.get() - before), WAITING as u64 + 1);
    }
}

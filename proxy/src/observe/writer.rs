//! Lines to a file or a stream, from a thread of its own, so that a slow disk never slows a request.
//!
//! Each thread that logs appends to a buffer of its own, and the writing thread empties them all a hundred times a
//! second: a line costs its bytes, and neither an allocation nor a wake-up. Lines of one thread keep their order;
//! between two threads it may differ within that hundredth.

use crate::start_error::StartError;
use prometheus::IntCounter;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;
use vordr_rules::table::LogTarget;

/// How many bytes of one buffer may wait; what comes then is dropped and counted.
const WAITING: usize = 4 * 1024 * 1024;
/// How many buffers there are; threads beyond that share one.
const BUFFERS: usize = 64;
/// How long lines are gathered.
const GATHER: Duration = Duration::from_millis(10);

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = THREADS.fetch_add(1, Relaxed);
}

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
    buffers: Vec<Mutex<Vec<u8>>>,
    /// There is something to be done.
    waiting: AtomicBool,
    over: AtomicBool,
    /// How often everything has been written.
    rounds: Mutex<u64>,
    round_done: Condvar,
}

impl Writer {
    /// Opens the target, so that a wrong one is told at start.
    pub(super) fn open(target: &LogTarget, dropped: IntCounter) -> Result<Self, StartError> {
        let out: Box<dyn Write + Send> = match target {
            LogTarget::Stdout => Box::new(io::stdout()),
            LogTarget::Stderr => Box::new(io::stderr()),
            LogTarget::File(path) => {
                Box::new(append(path).map_err(|source| StartError::Log { path: path.clone(), source })?)
            }
        };
        let lines = Arc::new(Lines::new());
        let theirs = lines.clone();
        let thread = thread::Builder::new()
            .name("vordr-log".to_owned())
            .spawn(move || theirs.write_on(out))
            .map_err(StartError::Worker)?;
        Ok(Self { lines, thread: thread.thread().clone(), dropped })
    }

    /// Appends a line, newline included, by `write`; if too much waits, the line is dropped and counted.
    pub(super) fn line(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(buffer) = self.lines.buffers.get(THREAD.with(|thread| thread % BUFFERS)) else { return };
        let mut buffer = lock(buffer);
        if buffer.len() >= WAITING {
            return self.dropped.inc();
        }
        write(&mut buffer);
        drop(buffer);
        if !self.lines.waiting.swap(true, Relaxed) {
            self.thread.unpark();
        }
    }

    /// Waits until what was handed over has been written.
    pub(super) fn flush(&self) {
        let mut rounds = lock(&self.lines.rounds);
        // The round that is under way may have passed this thread's buffer already.
        let wanted = *rounds + 2;
        while *rounds < wanted {
            self.lines.waiting.store(true, Relaxed);
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
    fn new() -> Self {
        Self {
            buffers: (0..BUFFERS).map(|_| Mutex::default()).collect(),
            waiting: AtomicBool::new(false),
            over: AtomicBool::new(false),
            rounds: Mutex::new(0),
            round_done: Condvar::new(),
        }
    }

    /// The writing thread's whole life: to the last line after the [`Writer`] is gone.
    fn write_on(&self, mut out: Box<dyn Write + Send>) {
        let mut batch = Vec::new();
        loop {
            let over = self.over.load(Relaxed);
            if self.waiting.swap(false, Relaxed) || over {
                thread::sleep(if over { Duration::ZERO } else { GATHER });
                for buffer in &self.buffers {
                    std::mem::swap(&mut *lock(buffer), &mut batch);
                    // A full disk or a closed pipe must not stop the proxy; there is no one left to tell.
                    let _ = out.write_all(&batch);
                    batch.clear();
                }
                let _ = out.flush();
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

/// A thread that panicked while it appended has left a line's beginning at worst.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn append(path: &str) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn in_a_file() -> (tempfile::TempDir, String, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log").display().to_string();
        let dropped = IntCounter::new("dropped", "Dropped.").unwrap();
        let writer = Writer::open(&LogTarget::File(path.clone()), dropped).unwrap();
        (folder, path, writer)
    }

    #[test]
    fn lines_of_several_threads_are_whole_and_each_threads_are_in_order() {
        let (_folder, path, writer) = in_a_file();
        thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let writer = &writer;
                scope.spawn(move || {
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

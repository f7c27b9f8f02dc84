//! Lines to a file or a stream, from a thread of its own, so that a slow disk never slows a request.

use crate::start_error::StartError;
use prometheus::IntCounter;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use vordr_rules::table::LogTarget;

/// How many lines may wait; more are dropped and counted.
const WAITING: usize = 16 * 1024;
/// How much is gathered before it is written.
const BATCH: usize = 64 * 1024;
/// How long lines are gathered: waking the thread for each of them would cost a request more than the line itself.
const GATHER: Duration = Duration::from_millis(10);

/// The way to the writing thread.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    lines: SyncSender<Message>,
    dropped: IntCounter,
}

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
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
        let (lines, waiting) = sync_channel(WAITING);
        thread::Builder::new()
            .name("vordr-log".to_owned())
            .spawn(move || write_all(&waiting, out))
            .map_err(StartError::Worker)?;
        Ok(Self { lines, dropped })
    }

    /// Hands a line over, newline included; if too many wait, it is dropped and counted.
    pub(super) fn write(&self, line: Vec<u8>) {
        if self.lines.try_send(Message::Line(line)).is_err() {
            self.dropped.inc();
        }
    }

    /// Waits until what was handed over has been written.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.lines.send(Message::Flush(done)).is_ok() {
            let _ = written.recv();
        }
    }
}

fn append(path: &str) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Ends when the last sender is gone.
fn write_all(waiting: &Receiver<Message>, mut out: Box<dyn Write + Send>) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Ok(first) = waiting.recv() {
        let mut flushed = Vec::new();
        if matches!(first, Message::Line(_)) {
            thread::sleep(GATHER);
        }
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => batch.extend_from_slice(&line),
                Message::Flush(done) => flushed.push(done),
            }
            next = if batch.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        // A full disk or a closed pipe must not stop the proxy; there is no one left to tell.
        let _ = out.write_all(&batch).and_then(|()| out.flush());
        batch.clear();
        for done in flushed {
            // Whoever asked may have given up waiting.
            let _ = done.send(());
        }
    }
}

//! The logs of the rules in force, and those of the rules before them.

use super::open_logs::OpenLogs;
use crate::exchange::Exchange;
use crate::start_error::StartError;
use arc_swap::Guard;
use prometheus::IntCounter;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use vordr_rules::table::{Level, Table};

/// How long a flush waits for disks, and for whoever reads a pipe: for all of them together.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is logged to.
#[derive(Debug)]
pub(crate) struct Logs {
    /// By the rules in force.
    pub(super) now: Arc<OpenLogs>,
    /// Those of rules that were replaced, for as long as an exchange holds to these.
    older: Vec<Weak<OpenLogs>>,
}

impl Logs {
    /// For so many workers; `dropped` counts the lines that are lost.
    pub(super) fn open(table: &Arc<Table>, workers: usize, dropped: &IntCounter) -> Result<Self, StartError> {
        Ok(Self { now: OpenLogs::open(table, workers, dropped)?, older: Vec::new() })
    }

    /// The same, with what is still written to by who began before.
    pub(super) fn after(mut self, before: &Self) -> Self {
        self.older = before.older.iter().filter(|logs| logs.strong_count() > 0).cloned().collect();
        self.older.push(Arc::downgrade(&before.now));
        self
    }

    /// Tells of an exchange in the logs of its own rules.
    pub(super) fn tell_of(&self, exchange: &Exchange, tell: impl FnOnce(&OpenLogs)) {
        if self.now.is_of(&exchange.table) {
            return tell(&self.now);
        }
        let mut older = self.older.iter().filter_map(Weak::upgrade);
        if let Some(logs) = older.find(|logs| logs.is_of(&exchange.table)) {
            tell(&logs);
        }
    }

    /// Those of older rules that somebody still goes by.
    pub(super) fn older(&self) -> impl Iterator<Item = Arc<OpenLogs>> {
        self.older.iter().filter_map(Weak::upgrade)
    }

    /// Waits until every line has been handed to the system, as long as there is hope.
    pub(super) fn flush(&self) {
        let all: Vec<_> = self.older().chain([self.now.clone()]).collect();
        all.iter().for_each(|logs| logs.hurry());
        let end = Instant::now() + PATIENCE;
        all.iter().for_each(|logs| logs.flush(end));
    }
}

/// The process's own error logs as they are now.
pub(crate) struct Log(pub(super) Guard<Arc<Logs>>);

impl Log {
    /// Something failed.
    pub(crate) fn error(&self, message: &str, fields: &[(&str, &str)]) {
        self.write(Level::Error, message, fields);
    }

    /// Something will fail, or was worked around.
    pub(crate) fn warn(&self, message: &str, fields: &[(&str, &str)]) {
        self.write(Level::Warn, message, fields);
    }

    /// What is going on.
    pub(crate) fn info(&self, message: &str, fields: &[(&str, &str)]) {
        self.write(Level::Notice, message, fields);
    }

    fn write(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        self.0.now.of_process().write(level, message, fields);
    }
}

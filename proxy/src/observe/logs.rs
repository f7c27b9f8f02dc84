//! The logs, opened together and replaced together.

use super::access_logs::AccessLogs;
use super::error_log::ErrorLog;
use super::record::Record;
use crate::start_error::StartError;
use arc_swap::Guard;
use prometheus::IntCounter;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use vordr_rules::table::Table;

/// The access logs and the error log.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(super) access: Arc<AccessLogs>,
    /// Those of rules that were replaced, for as long as an exchange holds to these.
    older: Vec<Weak<AccessLogs>>,
    pub(super) error: ErrorLog,
}

impl Logs {
    /// For so many workers; `dropped` counts the lines that are lost.
    pub(super) fn open(table: &Arc<Table>, workers: usize, dropped: &IntCounter) -> Result<Self, StartError> {
        let access = AccessLogs::open(table, workers, dropped)?;
        let error = ErrorLog::open(&table.process.error_logs, workers, dropped)?;
        Ok(Self { access, older: Vec::new(), error })
    }

    /// The same, with what is still written to by who began before.
    pub(super) fn after(mut self, before: &Self) -> Self {
        self.older = before.older.iter().filter(|logs| logs.strong_count() > 0).cloned().collect();
        self.older.push(Arc::downgrade(&before.access));
        self
    }

    /// Writes an exchange's line where its own rules say.
    pub(super) fn write(&self, record: &Record<'_>) {
        let table = &record.exchange.table;
        if self.access.is_of(table) {
            return self.access.write(record);
        }
        let mut older = self.older.iter().filter_map(Weak::upgrade);
        if let Some(logs) = older.find(|logs| logs.is_of(table)) {
            logs.write(record);
        }
    }

    /// Waits until every line has been handed to the system.
    pub(super) fn flush(&self) {
        self.older.iter().filter_map(Weak::upgrade).for_each(|logs| logs.flush());
        self.access.flush();
        self.error.flush();
    }
}

/// The error log as it is now.
pub(crate) struct Log(pub(super) Guard<Arc<Logs>>);

impl Deref for Log {
    type Target = ErrorLog;

    fn deref(&self) -> &ErrorLog {
        &self.0.error
    }
}

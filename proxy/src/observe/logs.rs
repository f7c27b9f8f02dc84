//! Both logs, opened together and replaced together.

use super::access_log::AccessLog;
use super::error_log::ErrorLog;
use crate::start_error::StartError;
use arc_swap::Guard;
use prometheus::IntCounter;
use std::ops::Deref;
use std::sync::Arc;
use vordr_rules::table::Process;

/// The access log and the error log.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(super) access: Option<AccessLog>,
    pub(super) error: ErrorLog,
}

impl Logs {
    /// For so many workers; `dropped` counts the lines that are lost.
    pub(super) fn open(process: &Process, workers: usize, dropped: &IntCounter) -> Result<Self, StartError> {
        let access = process.access_log.as_ref().map(|log| AccessLog::open(log, workers, dropped.clone()));
        let error = ErrorLog::open(&process.error_logs, workers, dropped)?;
        Ok(Self { access: access.transpose()?, error })
    }

    /// Waits until every line has been handed to the system.
    pub(super) fn flush(&self) {
        self.access.iter().for_each(AccessLog::flush);
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

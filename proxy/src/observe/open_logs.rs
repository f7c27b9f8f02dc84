//! The places that one set of rules logs to, each of them opened once.

use super::words::Drawing;
use super::writer::Writer;
use crate::start_error::StartError;
use arc_swap::ArcSwap;
use prometheus::IntCounter;
use std::sync::{Arc, Weak};
use std::time::Instant;
use vordr_rules::table::{ErrorLog, LogTarget, Table};

/// What one set of rules logs to.
#[derive(Debug)]
pub(crate) struct OpenLogs {
    table: Weak<Table>,
    /// The process's own, which speaks before and after its rules are in force.
    pub(super) errors: Vec<ErrorLog>,
    /// In the order of [`Table::log_targets`].
    outputs: ArcSwap<Vec<Output>>,
}

/// One of the places.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) writer: Writer,
    /// How a terminal is drawn on.
    pub(super) drawing: Option<Drawing>,
}

impl OpenLogs {
    /// Opens each file, once; `dropped` counts the lines that are lost.
    pub(super) fn open(
        table: &Arc<Table>,
        workers: usize,
        dropped: &IntCounter,
    ) -> Result<Arc<Self>, StartError> {
        let outputs = ArcSwap::from_pointee(outputs(table, workers, dropped)?);
        let errors = table.process.error_logs.clone();
        Ok(Arc::new(Self { table: Arc::downgrade(table), errors, outputs }))
    }

    /// Opens each file anew; on a failure all of them stay. Whatever was handed to the old ones is still written there.
    pub(super) fn reopen(&self, workers: usize, dropped: &IntCounter) -> Result<(), StartError> {
        // Nobody writes to the logs of rules that nobody goes by.
        let Some(table) = self.table() else { return Ok(()) };
        self.outputs.store(Arc::new(outputs(&table, workers, dropped)?));
        Ok(())
    }

    /// Whether these are the rules that it is for.
    pub(super) fn is_of(&self, table: &Arc<Table>) -> bool {
        std::ptr::eq(self.table.as_ptr(), Arc::as_ptr(table))
    }

    /// The rules that it is for, while anybody goes by them.
    pub(super) fn table(&self) -> Option<Arc<Table>> {
        self.table.upgrade()
    }

    /// Writes to the place of that number among [`Table::log_targets`].
    pub(super) fn to(&self, number: usize, write: impl FnOnce(&Output)) {
        if let Some(output) = self.outputs.load().get(number) {
            write(output);
        }
    }

    /// Has every line handed to the system as soon as may be.
    pub(super) fn hurry(&self) {
        self.outputs.load().iter().for_each(|output| output.writer.hurry());
    }

    /// Waits until every line has been handed to the system, and no longer than to this moment.
    pub(super) fn flush(&self, end: Instant) {
        self.outputs.load().iter().for_each(|output| output.writer.flush(end));
    }
}

fn outputs(table: &Table, workers: usize, dropped: &IntCounter) -> Result<Vec<Output>, StartError> {
    let open = |target: &LogTarget| -> Result<Output, StartError> {
        let writer = Writer::open(target, workers, dropped.clone())?;
        Ok(Output { writer, drawing: Drawing::on(target) })
    };
    table.log_targets.iter().map(open).collect()
}

//! The places that one set of rules logs to, each of them opened once.

use super::words::Drawing;
use super::writer::Writer;
use crate::start_error::StartError;
use prometheus::IntCounter;
use std::sync::{Arc, Weak};
use vordr_rules::table::{ErrorLog, LogTarget, Table};

/// What one set of rules logs to.
#[derive(Debug)]
pub(crate) struct OpenLogs {
    table: Weak<Table>,
    /// The process's own, which speaks before and after its rules are in force.
    pub(super) errors: Vec<ErrorLog>,
    /// In the order of [`Table::log_targets`].
    outputs: Vec<Output>,
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
        let open = |target: &LogTarget| -> Result<Output, StartError> {
            let writer = Writer::open(target, workers, dropped.clone())?;
            Ok(Output { writer, drawing: Drawing::on(target) })
        };
        let outputs = table.log_targets.iter().map(open).collect::<Result<_, _>>()?;
        let errors = table.process.error_logs.clone();
        Ok(Arc::new(Self { table: Arc::downgrade(table), errors, outputs }))
    }

    /// Whether these are the rules that it is for.
    pub(super) fn is_of(&self, table: &Arc<Table>) -> bool {
        std::ptr::eq(self.table.as_ptr(), Arc::as_ptr(table))
    }

    /// The rules that it is for, while anybody goes by them.
    pub(super) fn table(&self) -> Option<Arc<Table>> {
        self.table.upgrade()
    }

    /// The place of that number among [`Table::log_targets`].
    pub(super) fn output(&self, number: usize) -> Option<&Output> {
        self.outputs.get(number)
    }

    /// Waits until every line has been handed to the system.
    pub(super) fn flush(&self) {
        self.outputs.iter().for_each(|output| output.writer.flush());
    }
}

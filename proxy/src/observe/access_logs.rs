//! The files that one set of rules writes its access logs to, and which of them a request's line goes to.

use super::access_log;
use super::outputs::NAMED;
use super::record::{Record, Rejection};
use super::words::Drawing;
use super::writer::Writer;
use crate::start_error::StartError;
use prometheus::IntCounter;
use std::sync::{Arc, Weak};
use vordr_rules::table::{AccessLog, LogTarget, Table};

/// What one set of rules logs to.
#[derive(Debug)]
pub(crate) struct AccessLogs {
    table: Weak<Table>,
    /// In the order of [`Table::log_targets`].
    outputs: Vec<Output>,
}

#[derive(Debug)]
struct Output {
    writer: Writer,
    /// How a terminal is drawn on.
    drawing: Option<Drawing>,
}

impl AccessLogs {
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
        Ok(Arc::new(Self { table: Arc::downgrade(table), outputs }))
    }

    /// Whether these are the rules that it is for.
    pub(super) fn is_of(&self, table: &Arc<Table>) -> bool {
        std::ptr::eq(self.table.as_ptr(), Arc::as_ptr(table))
    }

    /// Writes a line to each log that wants one.
    pub(super) fn write(&self, record: &Record<'_>) {
        let exchange = record.exchange;
        for log in exchange.access_logs() {
            let is_wanted = |condition| exchange.wants_line(condition, record.request, record.answer);
            if !log.condition.as_ref().is_none_or(is_wanted) {
                continue;
            }
            if let Some(Output { writer, drawing }) = self.outputs.get(log.number) {
                writer.line(|bytes| match &log.target {
                    LogTarget::Filled(path) => {
                        exchange.log_path(path, record.request, record.answer, bytes);
                        named(bytes, |bytes| access_log::write(log, *drawing, record, bytes));
                    }
                    _ => access_log::write(log, *drawing, record, bytes),
                });
            }
        }
    }

    /// Writes a line of a request that reached no server: to the logs of the server that takes every other host where it
    /// came in. Those with a condition get it too, as nothing is known of what that asks for.
    pub(super) fn write_rejection(&self, rejection: &Rejection) {
        let Some(table) = self.table.upgrade() else { return };
        // Nothing is known that could name a file.
        let is_named = |log: &&AccessLog| !matches!(log.target, LogTarget::Filled(_));
        for log in logs_at(&table, rejection).iter().filter(is_named) {
            if let Some(Output { writer, drawing }) = self.outputs.get(log.number) {
                writer.line(|bytes| access_log::write_rejection(log, *drawing, rejection, bytes));
            }
        }
    }

    /// Waits until every line has been handed to the system.
    pub(super) fn flush(&self) {
        self.outputs.iter().for_each(|output| output.writer.flush());
    }
}

/// Ends a file's name and appends the line that goes there, or takes the name away where there is no line.
fn named(bytes: &mut Vec<u8>, line: impl FnOnce(&mut Vec<u8>)) {
    bytes.push(NAMED);
    let before = bytes.len();
    line(bytes);
    if bytes.len() == before {
        let start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(start);
    }
}

fn logs_at<'t>(table: &'t Table, rejection: &Rejection) -> &'t [AccessLog] {
    let own =
        table.default_server(&rejection.listener).and_then(|server| server.settings.access_logs.as_deref());
    own.unwrap_or(&table.process.access_logs)
}

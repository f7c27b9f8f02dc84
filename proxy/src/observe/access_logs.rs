//! Which of the access logs a request's line goes to.

use super::access_log;
use super::open_logs::{OpenLogs, Output};
use super::outputs::NAMED;
use super::record::{Record, Rejection};
use vordr_rules::table::{AccessLog, LogTarget, Table};

impl OpenLogs {
    /// Writes a line to each log that wants one.
    pub(super) fn write(&self, record: &Record<'_>) {
        let exchange = record.exchange;
        for log in exchange.access_logs() {
            let is_wanted = |condition| exchange.wants_line(condition, record.request, record.answer);
            if !log.condition.as_ref().is_none_or(is_wanted) {
                continue;
            }
            self.to(log.number, |Output { writer, drawing }| {
                writer.line(|bytes| match &log.target {
                    LogTarget::Filled(path) => {
                        exchange.log_path(path, record.request, record.answer, bytes);
                        named(bytes, |bytes| access_log::write(log, *drawing, record, bytes));
                    }
                    _ => access_log::write(log, *drawing, record, bytes),
                });
            });
        }
    }

    /// Writes a line of a request that reached no server: to the logs of the server that takes every other host where it
    /// came in. Those with a condition get it too, as nothing is known of what that asks for.
    pub(super) fn write_rejection(&self, rejection: &Rejection) {
        let Some(table) = self.table() else { return };
        // Nothing is known that could name a file.
        let is_named = |log: &&AccessLog| !matches!(log.target, LogTarget::Filled(_));
        for log in logs_at(&table, rejection).iter().filter(is_named) {
            self.to(log.number, |Output { writer, drawing }| {
                writer.line(|bytes| access_log::write_rejection(log, *drawing, rejection, bytes));
            });
        }
    }
}

/// Ends a file's name and appends the line that goes there, or takes the name away where there is no line.
fn named(bytes: &mut Vec<u8>, line: impl FnOnce(&mut Vec<u8>)) {
    bytes.push(NAMED);
    let before = bytes.len();
    line(bytes);
    if bytes.len() == before {
        bytes.clear();
    }
}

/// Those of the server that takes every other host where a request came in.
pub(super) fn logs_at<'t>(table: &'t Table, rejection: &Rejection) -> &'t [AccessLog] {
    let own =
        table.default_server(&rejection.listener).and_then(|server| server.settings.access_logs.as_deref());
    own.unwrap_or(&table.process.access_logs)
}

//! What vordr itself has to say, and what goes wrong with requests: JSON, words on a terminal, or nginx's lines; to as many
//! places as the rules name.

use super::access_logs::logs_at;
use super::error_line::{self, Failed};
use super::open_logs::OpenLogs;
use super::record::Rejection;
use super::words::Drawing;
use crate::exchange::Exchange;
use vordr_rules::table::{Address, ErrorFormat, ErrorLog, Level, LogTarget};

/// What is said of a request that goes on all the same.
const DRY: &str = "a limit would have refused a request";

/// The error logs that hold in one place of the rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorLogs<'l> {
    rules: &'l [ErrorLog],
    open: &'l OpenLogs,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    /// For a person on a terminal.
    Words(Drawing),
    Nginx,
}

impl OpenLogs {
    /// Those of the process.
    pub(super) fn of_process(&self) -> ErrorLogs<'_> {
        ErrorLogs { rules: &self.errors, open: self }
    }

    /// Those of the location that a request is in.
    pub(super) fn of_request<'l>(&'l self, exchange: &'l Exchange) -> ErrorLogs<'l> {
        ErrorLogs { rules: exchange.error_logs(), open: self }
    }

    /// Tells of a request that was refused before it reached a server: where the server that takes every other host does.
    pub(super) fn tell_of_rejection(&self, rejection: &Rejection) {
        let queries = self.table().is_none_or(|table| logs_at(&table, rejection).iter().all(|log| log.query));
        self.at(&rejection.listener, |logs, server| logs.rejected(rejection, server, queries));
    }

    /// Tells of a connection that did not get as far as a request.
    pub(super) fn tell_of_connection(&self, listener: &Address, message: &str, fields: &[(&str, &str)]) {
        self.at(listener, |logs, _| logs.write(Level::Debug, message, fields));
    }

    /// Tells in the logs of the server that takes every other host at a listener, which has a name.
    fn at(&self, listener: &Address, tell: impl FnOnce(ErrorLogs<'_>, &str)) {
        let table = self.table();
        let server = table.as_ref().and_then(|table| table.default_server(listener));
        let rules = server.and_then(|server| server.settings.error_logs.as_deref());
        let logs = ErrorLogs { rules: rules.unwrap_or(&self.errors), open: self };
        tell(logs, server.map_or("", |server| server.name()));
    }
}

impl ErrorLogs<'_> {
    /// Something that is told in every form.
    pub(super) fn write(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        self.each(level, |form| match form {
            Form::Words(drawing) => Some(drawing.event(level, message, fields)),
            Form::Json => Some(json(level, message, fields)),
            Form::Nginx => Some(error_line::event(level, message, fields)),
        });
    }

    /// A request failed, or an attempt of it: told in nginx's form alone, as the access log's others have it.
    pub(super) fn failed(&self, failed: &Failed<'_>) {
        if let Some(level) = failed.level() {
            self.each(level, |form| (form == Form::Nginx).then(|| failed.line(level)));
        }
    }

    /// A request that a limit would have refused, which no other log tells of.
    pub(super) fn limited(&self, failed: &Failed<'_>, level: Level) {
        self.each(level, |form| match form {
            Form::Nginx => Some(failed.line(level)),
            Form::Words(drawing) => Some(drawing.event(level, DRY, &failed.about())),
            Form::Json => Some(json(level, DRY, &failed.about())),
        });
    }

    /// A request that has to wait for its turn: nginx alone tells of it.
    pub(super) fn delayed(&self, failed: &Failed<'_>, level: Level) {
        self.each(level, |form| (form == Form::Nginx).then(|| failed.line(level)));
    }

    fn rejected(&self, rejection: &Rejection, server: &str, queries: bool) {
        if let Some(level) = error_line::level(&rejection.failure) {
            let line = || error_line::rejected(level, rejection, server, queries);
            self.each(level, |form| (form == Form::Nginx).then(line));
        }
    }

    /// Writes a line to each that takes those of this level, in its form, where that has one.
    fn each(&self, level: Level, line: impl Fn(Form) -> Option<String>) {
        for rules in self.rules.iter().filter(|log| level <= log.level) {
            self.open.to(rules.number, |output| {
                let Some(line) = line(Form::of(rules, output.drawing)) else { return };
                output.writer.line(|bytes| {
                    if matches!(rules.target, LogTarget::Syslog(_)) {
                        bytes.push(b'0' + level.severity());
                    }
                    bytes.extend_from_slice(line.as_bytes());
                });
            });
        }
    }
}

impl Form {
    /// `drawing` is how a terminal is drawn on, where the log goes to one.
    fn of(rules: &ErrorLog, drawing: Option<Drawing>) -> Self {
        match (rules.format, drawing) {
            (Some(ErrorFormat::Nginx), _) => Self::Nginx,
            (None, Some(drawing)) => Self::Words(drawing),
            (Some(ErrorFormat::Json) | None, _) => Self::Json,
        }
    }
}

/// `info` stands for `notice` too: for programs the two were always one.
fn name(level: Level) -> &'static str {
    match level {
        Level::Notice => Level::Info.name(),
        level => level.name(),
    }
}

fn json(level: Level, message: &str, fields: &[(&str, &str)]) -> String {
    let mut object = serde_json::Map::new();
    object.insert("ts".into(), super::clock::Stamp::now().as_str().into());
    object.insert("level".into(), name(level).into());
    object.insert("message".into(), message.into());
    object.extend(fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
    serde_json::Value::Object(object).to_string() + "\n"
}

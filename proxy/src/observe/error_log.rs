//! What vordr itself has to say: JSON, words on a terminal, or nginx's lines; to as many places as the rules name.

use super::error_line::{self, Failed};
use super::record::Rejection;
use super::words::Drawing;
use super::writer::Writer;
use crate::start_error::StartError;
use prometheus::IntCounter;
use vordr_rules::table::{ErrorFormat, ErrorLog as Rules, Level};

/// What is said of a request that goes on all the same.
const DRY: &str = "a limit would have refused a request";

/// The error logs.
#[derive(Debug)]
pub(crate) struct ErrorLog {
    logs: Vec<Log>,
}

/// One of them.
#[derive(Debug)]
struct Log {
    writer: Writer,
    level: Level,
    form: Form,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    /// For a person on a terminal.
    Words(Drawing),
    Nginx,
}

impl ErrorLog {
    pub(super) fn open(rules: &[Rules], workers: usize, dropped: &IntCounter) -> Result<Self, StartError> {
        let logs = rules.iter().map(|rules| Log::open(rules, workers, dropped.clone()));
        Ok(Self { logs: logs.collect::<Result<_, _>>()? })
    }

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

    /// What is going on inside.
    pub(crate) fn debug(&self, message: &str, fields: &[(&str, &str)]) {
        self.write(Level::Debug, message, fields);
    }

    /// A request failed, or an attempt of it: told in nginx's form alone, as the access log's others have it.
    pub(super) fn failed(&self, failed: &Failed<'_>) {
        let Some(level) = failed.level() else { return };
        let mut nginx = self.heard(level).filter(|log| log.form == Form::Nginx).peekable();
        if nginx.peek().is_some() {
            let line = failed.line(level);
            nginx.for_each(|log| log.line(&line));
        }
    }

    /// A request that a limit would have refused, which no other log tells of.
    pub(super) fn limited(&self, failed: &Failed<'_>, level: Level) {
        for log in self.heard(level) {
            match log.form {
                Form::Nginx => log.line(&failed.line(level)),
                Form::Words(drawing) => log.line(&drawing.event(level, DRY, &failed.about())),
                Form::Json => log.line(&json(level, DRY, &failed.about())),
            }
        }
    }

    /// A request that has to wait for its turn: nginx alone tells of it.
    pub(super) fn delayed(&self, failed: &Failed<'_>, level: Level) {
        for log in self.heard(level).filter(|log| log.form == Form::Nginx) {
            log.line(&failed.line(level));
        }
    }

    /// A request was refused before it reached a server.
    pub(super) fn rejected(&self, rejection: &Rejection) {
        if self.logs.iter().all(|log| log.form != Form::Nginx) {
            return;
        }
        let Some((level, line)) = error_line::rejected(rejection) else { return };
        self.heard(level).filter(|log| log.form == Form::Nginx).for_each(|log| log.line(&line));
    }

    fn write(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        for log in self.heard(level) {
            log.line(&match log.form {
                Form::Words(drawing) => drawing.event(level, message, fields),
                Form::Json => json(level, message, fields),
                Form::Nginx => error_line::event(level, message, fields),
            });
        }
    }

    /// Those that take lines of this level.
    fn heard(&self, level: Level) -> impl Iterator<Item = &Log> {
        self.logs.iter().filter(move |log| level <= log.level)
    }

    pub(super) fn flush(&self) {
        self.logs.iter().for_each(|log| log.writer.flush());
    }
}

impl Log {
    fn open(rules: &Rules, workers: usize, dropped: IntCounter) -> Result<Self, StartError> {
        let form = match (rules.format, Drawing::on(&rules.target)) {
            (Some(ErrorFormat::Nginx), _) => Form::Nginx,
            (None, Some(drawing)) => Form::Words(drawing),
            (Some(ErrorFormat::Json) | None, _) => Form::Json,
        };
        Ok(Self { writer: Writer::open(&rules.target, workers, dropped)?, level: rules.level, form })
    }

    fn line(&self, line: &str) {
        self.writer.line(|bytes| bytes.extend_from_slice(line.as_bytes()));
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

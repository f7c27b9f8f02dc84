//! What vordr itself has to say: JSON, or words on a terminal.

use super::words::Drawing;
use super::writer::Writer;
use crate::start_error::StartError;
use prometheus::IntCounter;
use vordr_rules::table::{ErrorLog as Rules, Level};

/// The error log.
#[derive(Debug)]
pub(crate) struct ErrorLog {
    writer: Writer,
    level: Level,
    /// How to draw for a person; `None` is JSON.
    drawing: Option<Drawing>,
}

impl ErrorLog {
    pub(super) fn open(rules: &Rules, workers: usize, dropped: IntCounter) -> Result<Self, StartError> {
        let drawing = Drawing::on(&rules.target);
        Ok(Self { writer: Writer::open(&rules.target, workers, dropped)?, level: rules.level, drawing })
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
        self.write(Level::Info, message, fields);
    }

    /// What is going on inside.
    pub(crate) fn debug(&self, message: &str, fields: &[(&str, &str)]) {
        self.write(Level::Debug, message, fields);
    }

    fn write(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        if level > self.level {
            return;
        }
        let line = match self.drawing {
            Some(drawing) => drawing.event(level, message, fields),
            None => json(level, message, fields),
        };
        self.writer.line(|bytes| bytes.extend_from_slice(line.as_bytes()));
    }

    pub(super) fn flush(&self) {
        self.writer.flush();
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
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

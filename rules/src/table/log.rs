//! `access-log`, `log-format` and `error-log`.

use super::Syslog;
use crate::placeholder::Template;
use std::sync::Arc;

/// `access-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// Where lines go.
    pub target: LogTarget,
    /// Which of [`Table::log_targets`](super::Table::log_targets) that is.
    pub number: usize,
    /// Their form, where one is asked for; else words on a terminal, and JSON anywhere else.
    pub format: Option<LogFormat>,
    /// Whether the query is written; a format of the rules' own says so itself.
    pub query: bool,
    /// Only where this is neither empty nor `0`.
    pub condition: Option<Template>,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { target: LogTarget::Stdout, number: 0, format: None, query: true, condition: None }
    }
}

/// Where a log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(String),
    /// A file of gzip's members, appended to, and how hard it is tried to make them small: 1 to 9.
    Packed(String, u32),
    /// A file whose path each request fills in; what is filled in has no `/`.
    Filled(Template),
    /// A syslog server.
    Syslog(Syslog),
}

/// The form of an access log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// nginx's and Apache's `combined`.
    Combined,
    /// A `log-format`.
    Own(Arc<LineFormat>),
}

/// `log-format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFormat {
    /// By which an `access-log` asks for it.
    pub name: String,
    /// A line, without its end.
    pub line: Template,
    /// How what is filled in is written.
    pub escape: Escape,
}

/// How a [`LineFormat`] writes what is filled in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Escape {
    /// Quotes, backslashes and all that is no visible ASCII as `\xXX`, and `-` for what is not there.
    #[default]
    Default,
    /// As within a string of JSON (RFC 8259, section 7).
    Json,
    /// As it is.
    None,
}

impl Escape {
    /// All of them, by the words of the rules.
    pub const NAMES: [(&'static str, Self); 3] =
        [("default", Self::Default), ("json", Self::Json), ("none", Self::None)];

    /// The word of the rules.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("default", |(name, _)| name)
    }
}

/// `error-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLog {
    /// Where lines go.
    pub target: LogTarget,
    /// Which of [`Table::log_targets`](super::Table::log_targets) that is.
    pub number: usize,
    /// The lowest level written.
    pub level: Level,
    /// Their form, where one is asked for; else words on a terminal, and JSON anywhere else.
    pub format: Option<ErrorFormat>,
}

/// The form of an error log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorFormat {
    /// One JSON object a line.
    Json,
    /// As nginx writes it, with a line for each request that failed.
    Nginx,
}

/// A log level, gravest first: the severities of syslog, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing goes on. No line is as grave as this.
    Emerg,
    /// Somebody has to act at once. No line is as grave as this.
    Alert,
    /// Nothing goes on as it is.
    Crit,
    /// Something failed.
    Error,
    /// Something will fail, or was worked around.
    Warn,
    /// What vordr does: it starts, listens, takes rules in, stops.
    Notice,
    /// What clients make of it.
    Info,
    /// What is going on inside.
    Debug,
}

impl Level {
    /// Every one, gravest first.
    pub const ALL: [Self; 8] = [
        Self::Emerg,
        Self::Alert,
        Self::Crit,
        Self::Error,
        Self::Warn,
        Self::Notice,
        Self::Info,
        Self::Debug,
    ];

    /// Its number among [`Syslog::SEVERITIES`].
    pub fn severity(self) -> u8 {
        self as u8
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emerg => "emerg",
            Self::Alert => "alert",
            Self::Crit => "crit",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_the_severity_of_its_name() {
        for level in Level::ALL {
            assert_eq!(Syslog::SEVERITIES.get(usize::from(level.severity())), Some(&level.name()));
        }
    }
}

//! What is wrong, in nginx's words: a line each for programs, then drawn for people.

use super::super::rules;
use super::given::Given;
use super::pid::in_words;
use std::fs::OpenOptions;
use std::io::{self, Write};
use vordr::StartError;
use vordr::rules::nginx::COMMAND_LINE;
use vordr::rules::{Diagnostics, Severity};

/// Tells what was found.
pub(super) fn tell(given: &Given, diagnostics: &Diagnostics) {
    // What stops it comes first: programs look at the first line.
    let (errors, warnings): (Vec<_>, Vec<_>) =
        diagnostics.iter().partition(|found| found.severity == Severity::Error);
    for found in errors.into_iter().chain(warnings) {
        let place = diagnostics.sources().place(found.span);
        let level = if found.severity == Severity::Error { "emerg" } else { "warn" };
        let at = match &*place.file {
            COMMAND_LINE => COMMAND_LINE.to_owned(),
            file => format!("{file}:{}", place.line),
        };
        given.say(level, &format!("{} in {at}", found.message));
    }
    rules::print(diagnostics);
}

/// Tells that a file cannot be opened.
pub(super) fn tell_unreadable(given: &Given, path: &str, error: &io::Error) {
    given.say("emerg", &format!("open() \"{path}\" failed ({})", in_words(error)));
}

/// Tells why it does not start.
pub(super) fn tell_start(given: &Given, error: &StartError) {
    match error {
        StartError::Rules(found) => tell(given, found),
        StartError::Unreadable { path, source } | StartError::Log { path, source } => {
            tell_unreadable(given, path, source);
        }
        StartError::Listen { address, source } => {
            let address =
                address.strip_prefix(':').map_or_else(|| address.clone(), |port| format!("0.0.0.0:{port}"));
            given.say("emerg", &format!("bind() to {address} failed ({})", in_words(source)));
        }
        other => given.say("emerg", &other.to_string()),
    }
}

/// A line in a log that nobody has open. Where it cannot be written, stderr has it all the same.
pub(super) fn append(path: &str, level: &str, said: &str) {
    let time = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S").to_string();
    let id = std::process::id();
    let line = format!("{time} [{level}] {id}#{id}: {said}\n");
    let opened = OpenOptions::new().create(true).append(true).open(path);
    let _ = opened.and_then(|mut log| log.write_all(line.as_bytes()));
}

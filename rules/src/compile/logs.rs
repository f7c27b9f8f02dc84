//! Logs: those that hold at a place, the formats of access logs by their names, and which of the files each goes to.

use crate::diagnostic::{Diagnostic, nearest};
use crate::language::File;
use crate::language::log::{AccessLog as Written, BUILT_IN};
use crate::language::settings::Settings as Layer;
use crate::node::Reading;
use crate::source::Spanned;
use crate::table::{AccessLog, ErrorLog, LineFormat, LogFormat, LogTarget, Process, Server};
use std::sync::Arc;

/// As one block has them; `None` is `access-log off`.
type Logs = [Spanned<Option<Written>>];

/// Every `log-format`.
#[derive(Debug, Default)]
pub(super) struct Formats(Vec<Arc<LineFormat>>);

impl Formats {
    pub(super) fn new(file: &File, reading: &mut Reading<'_>) -> Self {
        let mut formats = Self::default();
        for written in file.process.iter().flat_map(|process| &process.value.log_formats) {
            if formats.named(&written.name.value).is_some() {
                let message = format!("there are two formats `{}`", written.name.value);
                let error = Diagnostic::error("duplicate-name", written.name.span, message);
                reading.report(error.label("name one of them otherwise"));
            }
            let (name, line) = (written.name.value.clone(), written.line.clone());
            formats.0.push(Arc::new(LineFormat { name, line, escape: written.escape }));
        }
        formats.check(file, reading);
        formats
    }

    /// In the order they were written.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<LineFormat>> {
        self.0.iter()
    }

    /// The logs of the nearest layer that says anything of them; `None` where none does.
    pub(super) fn of(&self, layers: &[&Layer]) -> Option<Vec<AccessLog>> {
        layers.iter().rev().find_map(|layer| self.logs(&layer.access_logs))
    }

    /// What a block comes to, where it says anything: an `off` in it drops what stands before.
    pub(super) fn logs(&self, written: &Logs) -> Option<Vec<AccessLog>> {
        let off = written.iter().rposition(|log| log.value.is_none()).map_or(0, |off| off + 1);
        let logs = written.get(off..).unwrap_or_default().iter().filter_map(|log| log.value.as_ref());
        (!written.is_empty()).then(|| logs.map(|log| self.log(log)).collect())
    }

    fn log(&self, written: &Written) -> AccessLog {
        let format = written.format.as_ref().and_then(|format| match format.value.as_str() {
            "json" => Some(LogFormat::Json),
            "combined" => Some(LogFormat::Combined),
            name => self.named(name).cloned().map(LogFormat::Own),
        });
        AccessLog {
            target: written.target.clone(),
            number: 0,
            format,
            query: written.query.as_ref().is_none_or(|query| query.value),
            condition: written.condition.clone(),
        }
    }

    fn named(&self, name: &str) -> Option<&Arc<LineFormat>> {
        self.0.iter().find(|format| format.name == name)
    }

    /// Reports what names no format, and what is said to one that says it itself.
    fn check(&self, file: &File, reading: &mut Reading<'_>) {
        let process = file.process.iter().map(|process| &process.value.access_logs);
        let templates = file.templates.iter().map(|template| &template.settings);
        let servers = file.servers.iter().flat_map(|server| {
            server.locations.iter().map(|location| &location.settings).chain([&server.settings])
        });
        let settings = templates.chain(servers).map(|settings| &settings.access_logs);
        for log in process.chain(settings).flatten().filter_map(|log| log.value.as_ref()) {
            let Some(format) = &log.format else { continue };
            if BUILT_IN.contains(&format.value.as_str()) {
                continue;
            }
            if self.named(&format.value).is_none() {
                let message = format!("there is no format `{}`", format.value);
                let error = Diagnostic::error("unknown-word", format.span, message);
                let known = BUILT_IN.into_iter().chain(self.0.iter().map(|format| format.name.as_str()));
                reading.report(match nearest(&format.value, known) {
                    Some(meant) => error.label(format!("did you mean `{meant}`?")),
                    None => error.label(format!("add `log-format {} \"…\"` to `vordr`", format.value)),
                });
            } else if let Some(query) = &log.query {
                let message = "a `log-format` says itself whether the query is written";
                let error = Diagnostic::error("surplus-property", query.span, message);
                reading.report(error.label("leave it out, and write `{path}` in the place of `{uri}`"));
            }
        }
    }
}

/// The error logs of a block, where it has any.
pub(super) fn errors(written: &[Spanned<ErrorLog>]) -> Option<Vec<ErrorLog>> {
    (!written.is_empty()).then(|| written.iter().map(|log| log.value.clone()).collect())
}

/// Gives each place where lines go a number; what is named several times is opened once.
pub(super) fn number(process: &mut Process, servers: &mut [Server]) -> Vec<LogTarget> {
    let mut targets = Vec::new();
    process.error_logs.iter_mut().for_each(|log| log.number = number_of(&log.target, &mut targets));
    process.access_logs.iter_mut().for_each(|log| log.number = number_of(&log.target, &mut targets));
    let settings = servers.iter_mut().flat_map(|server| {
        let of_locations = server.locations.iter_mut().map(|location| &mut location.settings);
        let own = [&mut server.settings].into_iter().chain(server.early.as_deref_mut());
        of_locations.chain(own)
    });
    for settings in settings {
        for log in settings.access_logs.iter_mut().flatten() {
            log.number = number_of(&log.target, &mut targets);
        }
        for log in settings.error_logs.iter_mut().flatten() {
            log.number = number_of(&log.target, &mut targets);
        }
    }
    targets
}

fn number_of(target: &LogTarget, targets: &mut Vec<LogTarget>) -> usize {
    let known = targets.iter().position(|known| known == target);
    known.unwrap_or_else(|| {
        targets.push(target.clone());
        targets.len() - 1
    })
}

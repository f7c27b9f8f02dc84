//! `error_log`.

use super::Nginx;
use super::log::stream_or_file;
use super::scope::Scope;
use super::tree::Directive;
use crate::source::{Span, Spanned};
use crate::table::{ErrorFormat, ErrorLog, Level, LogTarget, Syslog};

impl Nginx<'_, '_> {
    /// Those of the process, which stand outside of `http`; where there are none, what `-e` said.
    pub(super) fn read_error_logs_of_process(&mut self, main: &[Directive]) -> Vec<Spanned<ErrorLog>> {
        let mut logs = self.read_error_logs(&Scope::of(main));
        if logs.is_empty() {
            let (target, level) = match self.reading.surroundings.nginx_error_log() {
                Some("stderr") => (LogTarget::Stderr, Level::Error),
                Some(file) => (LogTarget::File(file.to_owned()), Level::Error),
                None => (LogTarget::Stderr, Level::Notice),
            };
            let nowhere = Span { source: self.reading.source, start: 0, length: 0 };
            logs.push(Spanned::new(as_nginx(target, level), nowhere));
        }
        logs
    }

    /// Those of the nearest block that has any.
    pub(super) fn read_error_logs(&mut self, scope: &Scope<'_>) -> Vec<Spanned<ErrorLog>> {
        let logs = scope.all("error_log").into_iter().filter_map(|directive| {
            let (target, level) = (self.error_target(directive), self.error_level(directive));
            Some(Spanned::new(as_nginx(target?, level?), directive.name.span))
        });
        logs.collect()
    }

    fn error_target(&mut self, directive: &Directive) -> Option<LogTarget> {
        let span = directive.span_of(0);
        match directive.first() {
            syslog if syslog.starts_with("syslog:") => {
                if syslog.contains("severity=") {
                    let message = "\"severity\" changes nothing here: each line of an error log has its own";
                    self.trap(span, message, "leave it out");
                }
                let syslog = self.read_syslog(directive)?;
                return Some(LogTarget::Syslog(Syslog { severity: None, ..syslog }));
            }
            memory if memory.starts_with("memory:") => {
                let message = "vordr keeps no log in memory";
                self.refuse(span, message, "write the name of a file, such as `/var/log/nginx/error.log`");
                return None;
            }
            "off" => {
                let message = "\"off\" is the name of a file here: an error log cannot be switched off";
                self.trap(span, message, "`error_log /dev/null;` drops all lines");
            }
            filled if filled.contains('$') => {
                let message = "nothing is filled into the name of an error log";
                self.trap(span, message, "write a name without a variable");
            }
            _ => {}
        }
        Some(stream_or_file(directive.first()))
    }

    /// The least grave that is written; each `debug_…` of nginx's is a part of what `debug` is here.
    fn error_level(&mut self, directive: &Directive) -> Option<Level> {
        let mut found = None;
        for (number, word) in directive.arguments.iter().enumerate().skip(1) {
            let named = Level::ALL.into_iter().find(|level| level.name() == word.value);
            let level = match DEBUG_PARTS.contains(&word.value.as_str()) {
                true => Some(Level::Debug),
                false => named,
            };
            let Some(level) = level else {
                self.fault(directive.span_of(number), format!("invalid log level \"{}\"", word.value));
                return None;
            };
            if found.is_some() && named.is_some() {
                self.fault(directive.span_of(number), format!("duplicate log level \"{}\"", word.value));
                return None;
            }
            found = Some(level);
        }
        Some(found.unwrap_or(Level::Error))
    }
}

/// What of nginx's own doings can be told of alone.
const DEBUG_PARTS: [&str; 7] =
    ["debug_core", "debug_alloc", "debug_mutex", "debug_event", "debug_http", "debug_mail", "debug_stream"];

fn as_nginx(target: LogTarget, level: Level) -> ErrorLog {
    ErrorLog { target, number: 0, level, format: Some(ErrorFormat::Nginx) }
}

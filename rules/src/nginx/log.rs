//! `access_log` and `log_format`.

use super::Nginx;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use crate::language::log::{AccessLog, BUILT_IN, LineFormat, is_tag};
use crate::placeholder::{Part, Template};
use crate::source::{Span, Spanned};
use crate::table::{Escape, LogTarget, Syslog, SyslogAddress};

/// The format of vordr's own that a format without a line stands for, where it is escaped as JSON.
const JSON: &str = "json";

/// A `log_format`, and whether some log asks for it: what nobody asks for is not read.
#[derive(Debug, Clone)]
pub(super) struct Format {
    directive: Directive,
    wanted: bool,
}

impl Nginx<'_, '_> {
    /// Takes a `log_format` down.
    pub(super) fn note_format(&mut self, directive: &Directive) {
        let name = directive.first();
        if name == "combined" || self.formats.iter().any(|format| format.directive.first() == name) {
            self.fault(directive.span_of(0), format!("duplicate \"log_format\" name \"{name}\""));
        }
        let escape = directive.argument(1).strip_prefix("escape=");
        if escape.is_some_and(|word| named(word).is_none()) {
            let word = escape.unwrap_or_default();
            self.fault(directive.span_of(1), format!("unknown log format escaping \"{word}\""));
        }
        self.formats.push(Format { directive: directive.clone(), wanted: false });
    }

    /// The logs of the nearest block that has any; `None` within is `off`.
    pub(super) fn read_access_logs(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Vec<Spanned<Option<AccessLog>>> {
        let directives = scope.all("access_log");
        let off = directives.iter().find(|directive| directive.first() == "off");
        if let Some(off) = off {
            if off.arguments.len() > 1 {
                self.fault(off.span_of(1), format!("invalid parameter \"{}\"", off.argument(1)));
            }
            return vec![Spanned::new(None, off.name.span)];
        }
        let logs = directives.into_iter().filter_map(|directive| {
            let log = self.read_access_log(directive, variables)?;
            Some(Spanned::new(Some(log), directive.name.span))
        });
        logs.collect()
    }

    fn read_access_log(&mut self, directive: &Directive, variables: &Variables) -> Option<AccessLog> {
        let target = match directive.first() {
            syslog if syslog.starts_with("syslog:") => self.read_syslog(directive).map(LogTarget::Syslog),
            filled if filled.contains('$') => self.read_log_path(directive, variables),
            file => Some(stream_or_file(file)),
        };
        let target = match directive.arguments.iter().skip(2).find_map(level_of) {
            None => target,
            Some((level, span)) => self.packed(target?, level, span),
        };
        let format = self.log_format(directive);
        let mut condition = None;
        for argument in directive.arguments.iter().skip(2) {
            condition = condition.or(self.read_parameter(argument, variables));
        }
        Some(AccessLog { target: target?, format: format?, query: None, condition })
    }

    /// `gzip`, or `gzip=9`
    fn packed(&mut self, target: LogTarget, level: Option<u32>, span: Span) -> Option<LogTarget> {
        match (target, level) {
            (_, None) => self.fault(span, "invalid compression level"),
            (LogTarget::Syslog(_), _) => self.fault(span, "parameter \"gzip\" is not supported by syslog"),
            (LogTarget::Filled(_), _) => self.fault(span, "buffered logs cannot have variables in name"),
            (LogTarget::File(path), Some(level)) => return Some(LogTarget::Packed(path, level)),
            (_, Some(_)) => self.refuse(span, "only a file is packed", "leave it out"),
        }
        None
    }

    /// A path with variables, which may be known all the same.
    fn read_log_path(&mut self, directive: &Directive, variables: &Variables) -> Option<LogTarget> {
        let mut path = self.template(directive.arguments.first()?, variables)?;
        if let Some(Part::Text(text)) = path.parts.first_mut() {
            *text = self.below_prefix(text);
        }
        Some(match path.as_text() {
            Some(text) => LogTarget::File(text.to_owned()),
            None => LogTarget::Filled(path),
        })
    }

    /// `syslog:server=…,facility=…,severity=…,tag=…,nohostname`
    pub(super) fn read_syslog(&mut self, directive: &Directive) -> Option<Syslog> {
        let span = directive.span_of(0);
        let (mut address, mut given) = (None, Syslog::to(SyslogAddress::Unix(String::new())));
        let at = |known: &[&str], word: &str| {
            known.iter().position(|name| *name == word).and_then(|at| u8::try_from(at).ok())
        };
        for parameter in directive.first().trim_start_matches("syslog:").split(',') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let number = match name {
                "facility" => at(&Syslog::FACILITIES, value),
                "severity" => at(&Syslog::SEVERITIES, value),
                _ => Some(0),
            };
            match (name, number) {
                ("server", _) => address = SyslogAddress::read(value),
                ("facility", Some(number)) => given.facility = number,
                ("facility", None) => self.fault(span, format!("unknown syslog facility \"{value}\"")),
                ("severity", Some(number)) => given.severity = Some(number),
                ("severity", None) => self.fault(span, format!("unknown syslog severity \"{value}\"")),
                ("tag", _) if is_tag(value) => value.clone_into(&mut given.tag),
                ("tag", _) => {
                    self.fault(span, "syslog \"tag\" only allows alphanumeric characters and underscore")
                }
                ("nohostname", _) => given.hostname = false,
                _ => self.fault(span, format!("unknown syslog parameter \"{parameter}\"")),
            }
        }
        let Some(address) = address else {
            self.fault(span, "no syslog server specified");
            return None;
        };
        Some(Syslog { address, ..given })
    }

    /// A parameter behind the format; `if=` is one that something comes of.
    fn read_parameter(&mut self, argument: &Spanned<String>, variables: &Variables) -> Option<Template> {
        let (name, value) = argument.value.split_once('=').unwrap_or((&argument.value, ""));
        match (name, value) {
            ("if", _) => return self.template(&Spanned::new(value.to_owned(), argument.span), variables),
            // Lines are gathered for 50 ms in any case.
            ("buffer" | "flush", value) if !value.is_empty() => {}
            ("gzip", _) => {}
            _ => self.fault(argument.span, format!("invalid parameter \"{}\"", argument.value)),
        }
        None
    }

    /// The format that a log asks for, by its name in KDL.
    fn log_format(&mut self, log: &Directive) -> Option<Option<Spanned<String>>> {
        let span = log.span_of(1);
        let name = match log.argument(1) {
            "" | "combined" => return Some(Some(Spanned::new("combined".to_owned(), span))),
            name => name,
        };
        let Some(format) = self.formats.iter_mut().find(|format| format.directive.first() == name) else {
            self.fault(span, format!("unknown log format \"{name}\""));
            return None;
        };
        let name = match is_vordrs(&format.directive) {
            true => JSON.to_owned(),
            false => {
                format.wanted = true;
                name_of(&format.directive)
            }
        };
        Some(Some(Spanned::new(name, span)))
    }

    /// The formats that are asked for.
    pub(super) fn finish_formats(&mut self) -> Vec<LineFormat> {
        let wanted = std::mem::take(&mut self.formats).into_iter().filter(|format| format.wanted);
        wanted.map(|format| self.read_format(&format.directive)).collect()
    }

    fn read_format(&mut self, directive: &Directive) -> LineFormat {
        let mut variables = self.set_by_requests.clone();
        let escape = directive.argument(1).strip_prefix("escape=").and_then(named);
        if escape.unwrap_or_default() == Escape::Default {
            // What is not there is a dash.
            for name in ["upstream_cache_status", "ssl_early_data"] {
                variables.set_text(name, "-");
            }
        }
        let mut parts = Vec::new();
        for text in directive.arguments.iter().skip(if escape.is_some() { 2 } else { 1 }) {
            parts.extend(self.template(text, &variables).into_iter().flat_map(|text| text.parts));
        }
        let line = Template { parts: super::answer::joined(parts) };
        let name = Spanned::new(name_of(directive), directive.span_of(0));
        LineFormat { name, line, escape: escape.unwrap_or_default() }
    }
}

/// A file, or one of the two that are the process's own.
pub(super) fn stream_or_file(written: &str) -> LogTarget {
    match written {
        "/dev/stdout" => LogTarget::Stdout,
        "/dev/stderr" | "stderr" => LogTarget::Stderr,
        // Files here, and words of KDL's own there.
        "stdout" | "off" => LogTarget::File(format!("./{written}")),
        file => LogTarget::File(file.to_owned()),
    }
}

/// Where an argument is about packing: how hard it is tried, `None` where that is no level, and where it stands.
fn level_of(argument: &Spanned<String>) -> Option<(Option<u32>, Span)> {
    let level = match argument.value.strip_prefix("gzip")? {
        "" => Some(1),
        level => level.strip_prefix('=')?.parse().ok().filter(|level| (1..=9).contains(level)),
    };
    Some((level, argument.span))
}

fn named(word: &str) -> Option<Escape> {
    Escape::NAMES.iter().find(|(name, _)| *name == word).map(|(_, escape)| *escape)
}

/// `log_format NAME escape=json '';` is vordr's own JSON.
fn is_vordrs(format: &Directive) -> bool {
    let mut texts = format.arguments.iter().skip(2);
    format.argument(1) == "escape=json" && texts.all(|text| text.value.is_empty())
}

/// vordr has formats of its own whose names are taken.
fn name_of(format: &Directive) -> String {
    match format.first() {
        name if BUILT_IN.contains(&name) => format!("nginx-{name}"),
        name => name.to_owned(),
    }
}

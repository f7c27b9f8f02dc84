//! `access-log`, `log-format` and `error-log`.

use super::text::one_of;
use super::{header, text};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::{Span, Spanned};
use crate::table::{ErrorFormat, ErrorLog, Escape, Level, LogTarget, Syslog, SyslogAddress};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static ACCESS: Word = Word::simple(
    "access-log",
    "stdout | stderr | FILE | syslog:ADDRESS | off",
    "A line for each request. Default: to stdout, JSON unless that is a terminal.",
)
.properties(&["format", "query", "if", "gzip", "facility", "severity", "tag", "hostname"])
.many();
pub(super) static FORMAT: Word =
    Word::simple("log-format", "NAME LINE", "A form of access logs: a line with placeholders.")
        .properties(&["escape"])
        .many();
pub(super) static ERROR: Word = Word::simple(
    "error-log",
    "stdout | stderr | FILE | syslog:ADDRESS",
    "What vordr itself has to say, and what goes wrong with requests. Default: stderr, from `info` on.",
)
.properties(&["level", "format", "facility", "tag", "hostname"])
.many();

/// The severity of a line where nothing is said of it, as a number of syslog's.
const INFO: u8 = 6;
/// The formats that need no `log-format`.
pub(crate) const BUILT_IN: [&str; 2] = ["json", "combined"];

/// One `access-log`, its format by name.
#[derive(Debug)]
pub(crate) struct AccessLog {
    pub target: LogTarget,
    pub format: Option<Spanned<String>>,
    pub query: Option<Spanned<bool>>,
    pub condition: Option<Template>,
}

/// One `log-format`.
#[derive(Debug)]
pub(crate) struct LineFormat {
    pub name: Spanned<String>,
    pub line: Template,
    pub escape: Escape,
}

/// As written; `None` within is `access-log off`.
pub(super) fn read_access(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Option<AccessLog>>> {
    let mut node = Node::open(kdl, &ACCESS, reading);
    let span = node.span;
    let off = node.take_word("off").is_some();
    let log = match off {
        true => Some(None),
        false => read_access_words(&mut node, reading).map(Some),
    };
    node.finish(reading);
    log.map(|log| Spanned::new(log, span))
}

fn read_access_words(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<AccessLog> {
    let word = node.need::<String>(reading);
    let span = word.as_ref().map_or(node.span, |word| word.span);
    let target = word.and_then(|word| read_target(word, node, reading));
    let target = target.and_then(|target| read_packing(target, node, reading));
    note_file(target.as_ref(), span, reading);
    let format = node.property::<String>("format", reading);
    let query = node.property("query", reading);
    let condition = node.property::<String>("if", reading);
    let condition = condition.and_then(|text| header::template(text, ACCESS.name, reading));
    let condition = condition.map(|condition| condition.value);
    Some(AccessLog { target: target?, format, query, condition })
}

pub(super) fn read_format(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<LineFormat> {
    let mut node = Node::open(kdl, &FORMAT, reading);
    let name = node.need::<String>(reading);
    if let Some(name) = name.as_ref().filter(|name| BUILT_IN.contains(&name.value.as_str())) {
        let message = format!("vordr has a format `{}` of its own", name.value);
        reading
            .report(Diagnostic::error("duplicate-name", name.span, message).label("name this one otherwise"));
    }
    let line = node.need::<String>(reading);
    if let Some(line) = line.as_ref().filter(|line| line.value.contains('\n')) {
        reading.report(text::wrong(FORMAT.name, line.span, "a line has no end within"));
    }
    let line = line.and_then(|line| header::template(line, FORMAT.name, reading));
    let escape = node.property::<String>("escape", reading);
    let escape = text::one_of(escape, &Escape::NAMES.map(|(name, _)| name), "escape", reading);
    let escape = escape.and_then(|at| Escape::NAMES.get(at)).map_or(Escape::Default, |(_, escape)| *escape);
    node.finish(reading);
    Some(LineFormat { name: name?, line: line?.value, escape })
}

pub(super) fn read_error(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<ErrorLog>> {
    let mut node = Node::open(kdl, &ERROR, reading);
    let span = node.span;
    let target = node.need::<String>(reading);
    let word_span = target.as_ref().map_or(span, |target| target.span);
    let target = target.and_then(|target| match target.value.starts_with("syslog:") {
        true => read_syslog(&target, None, &mut node, reading),
        false if target.value == "off" => {
            let error = text::wrong(ERROR.name, target.span, "an error log cannot be switched off");
            reading.report(error.label("`error-log \"/dev/null\"` drops what it is told"));
            None
        }
        // Nothing is filled in here, and a brace is a brace.
        false => Some(target_of(target.value)),
    });
    note_file(target.as_ref(), word_span, reading);
    let level = node.property::<String>("level", reading);
    let level = one_of(level, &Level::ALL.map(Level::name), "level", reading);
    let level = level.and_then(|at| Level::ALL.get(at).copied()).unwrap_or(Level::Info);
    let format = node.property::<String>("format", reading);
    let format = match one_of(format, &["json", "nginx"], "format", reading) {
        Some(0) => Some(ErrorFormat::Json),
        Some(_) => Some(ErrorFormat::Nginx),
        None => None,
    };
    node.finish(reading);
    Some(Spanned::new(ErrorLog { target: target?, number: 0, level, format }, span))
}

/// Where an access log goes; a path may have placeholders.
fn read_target(word: Spanned<String>, node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<LogTarget> {
    if word.value.starts_with("syslog:") {
        return read_syslog(&word, Some(INFO), node, reading);
    }
    if !word.value.contains('{') {
        return Some(target_of(word.value));
    }
    let path = header::template(word, ACCESS.name, reading)?.value;
    Some(match path.as_text() {
        Some(text) => LogTarget::File(text.to_owned()),
        None => LogTarget::Filled(path),
    })
}

/// Whoever looks at the files that rules name looks at this one too.
fn note_file(target: Option<&LogTarget>, span: Span, reading: &mut Reading<'_>) {
    if let Some(LogTarget::File(path) | LogTarget::Packed(path, _)) = target {
        reading.logs.push(Spanned::new(path.clone(), span));
    }
}

/// `gzip=1`, for a file whose name is known.
fn read_packing(target: LogTarget, node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<LogTarget> {
    let Some(level) = node.property::<u32>("gzip", reading) else { return Some(target) };
    match target {
        LogTarget::File(path) if (1..=9).contains(&level.value) => Some(LogTarget::Packed(path, level.value)),
        LogTarget::File(_) => {
            reading.report(text::wrong("gzip", level.span, "expected 1, the fastest, to 9, the smallest"));
            None
        }
        _ => {
            let message = "a file is packed whose name has no placeholder, and nothing else";
            reading.report(Diagnostic::error("conflict", level.span, message).label("leave it out"));
            None
        }
    }
}

/// `syslog:ADDRESS`, and what its messages say of themselves; `severity` where it says nothing, and `None` where each line
/// says that itself.
fn read_syslog(
    word: &Spanned<String>,
    severity: Option<u8>,
    node: &mut Node<'_>,
    reading: &mut Reading<'_>,
) -> Option<LogTarget> {
    let address = SyslogAddress::read(word.value.trim_start_matches("syslog:"));
    if address.is_none() {
        let message = "expected `\"syslog:192.0.2.1:514\"` or `\"syslog:unix:/dev/log\"`";
        reading.report(text::wrong(node.word.name, word.span, message));
    }
    let syslog = Syslog { tag: "vordr".to_owned(), severity, ..Syslog::to(address?) };
    let mut named = |name: &str, known: &[&str], default: u8| {
        let word = node.property::<String>(name, reading);
        one_of(word, known, name, reading).and_then(|at| u8::try_from(at).ok()).unwrap_or(default)
    };
    let facility = named("facility", &Syslog::FACILITIES, syslog.facility);
    let severity = severity.map(|usual| named("severity", &Syslog::SEVERITIES, usual));
    let tag = node.property::<String>("tag", reading);
    if let Some(tag) = tag.as_ref().filter(|tag| !is_tag(&tag.value)) {
        reading.report(text::wrong("tag", tag.span, "a tag has letters, digits and `_`, 32 of them at most"));
    }
    let tag = tag.map_or(syslog.tag, |tag| tag.value);
    let hostname = node.property("hostname", reading).is_none_or(|on| on.value);
    Some(LogTarget::Syslog(Syslog { facility, severity, tag, hostname, ..syslog }))
}

/// As nginx takes it (RFC 3164, section 4.1.3).
pub(crate) fn is_tag(tag: &str) -> bool {
    (1..=32).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn target_of(word: String) -> LogTarget {
    match word.as_str() {
        "stdout" => LogTarget::Stdout,
        "stderr" => LogTarget::Stderr,
        _ => LogTarget::File(word),
    }
}

//! `access-log`, `log-format` and `error-log`.

use super::text::one_of;
use super::{header, text};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::table::{ErrorFormat, ErrorLog, Escape, Level, LogTarget};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static ACCESS: Word = Word::simple(
    "access-log",
    "stdout | stderr | FILE | off",
    "A line for each request. Default: to stdout, JSON unless that is a terminal.",
)
.properties(&["format", "query", "if"])
.many();
pub(super) static FORMAT: Word =
    Word::simple("log-format", "NAME LINE", "A form of access logs: a line with placeholders.")
        .properties(&["escape"])
        .many();
pub(super) static ERROR: Word = Word::simple(
    "error-log",
    "stdout | stderr | FILE",
    "What vordr itself has to say. Default: stderr, from `info` on.",
)
.properties(&["level", "format"])
.many();

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
    let target = node.need::<String>(reading).map(|target| target_of(target.value));
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

pub(super) fn read_error(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<ErrorLog> {
    let mut node = Node::open(kdl, &ERROR, reading);
    let target = node.need::<String>(reading).map(|target| target_of(target.value));
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
    Some(ErrorLog { target: target?, level, format })
}

fn target_of(word: String) -> LogTarget {
    match word.as_str() {
        "stdout" => LogTarget::Stdout,
        "stderr" => LogTarget::Stderr,
        _ => LogTarget::File(word),
    }
}

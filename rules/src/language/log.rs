//! `access-log` and `error-log`.

use super::text::one_of;
use crate::node::{Node, Reading};
use crate::table::{AccessLog, ErrorFormat, ErrorLog, Level, LogFormat, LogTarget};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static ACCESS: Word = Word::simple(
    "access-log",
    "stdout | stderr | FILE | off",
    "A line for each request. Default: to stdout, JSON unless that is a terminal.",
)
.properties(&["format", "query"]);
pub(super) static ERROR: Word = Word::simple(
    "error-log",
    "stdout | stderr | FILE",
    "What vordr itself has to say. Default: stderr, from `info` on.",
)
.properties(&["level", "format"])
.many();

/// `Some(None)` is off.
pub(super) fn read_access(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Option<AccessLog>> {
    let mut node = Node::open(kdl, &ACCESS, reading);
    let off = node.take_word("off").is_some();
    let log = match off {
        true => Some(None),
        false => read_access_words(&mut node, reading).map(Some),
    };
    node.finish(reading);
    log
}

fn read_access_words(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<AccessLog> {
    let target = node.need::<String>(reading).map(|target| target_of(target.value));
    let format = node.property::<String>("format", reading);
    let format = match one_of(format, &["json", "combined"], "format", reading) {
        Some(0) => Some(LogFormat::Json),
        Some(_) => Some(LogFormat::Combined),
        None => None,
    };
    let query = node.property("query", reading).is_none_or(|query| query.value);
    Some(AccessLog { target: target?, format, query })
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

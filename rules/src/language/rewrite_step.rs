//! `rewrite`, as a step: another path, where a regex fits the present one.

use super::header::template;
use super::text::{self, one_of};
use super::when::regex;
use crate::node::{Node, Reading};
use crate::placeholder::{Part, Template};
use crate::source::Span;
use crate::table::{Rewrite, Then};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("rewrite", "REGEX TEXT", "Another path, where a regex fits the present one.")
        .properties(&["then"])
        .many();

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Rewrite> {
    let mut node = Node::open(kdl, &WORD, reading);
    let regex = node.need::<String>(reading).and_then(|written| regex(written, reading));
    let target = node.need::<String>(reading).and_then(|target| template(target, "rewrite", reading));
    let then = node.property::<String>("then", reading);
    let then = match then {
        None => Some(Then::Next),
        written => one_of(written, &Then::ALL.map(|(_, name)| name), "rewrite", reading)
            .and_then(|at| Then::ALL.get(at).map(|(then, _)| *then)),
    };
    node.finish(reading);
    let (regex, target, then) = (regex?, target?, then?);
    check_target(&target.value, then, target.span, reading);
    Some(Rewrite::new(regex, target.value, then))
}

/// A path of this server, unless a client is sent away.
fn check_target(target: &Template, then: Then, span: Span, reading: &mut Reading<'_>) {
    let is_path = match target.parts.first() {
        Some(Part::Text(text)) => text.starts_with('/'),
        Some(Part::Placeholder(_)) => true,
        None => false,
    };
    if !is_path && !matches!(then, Then::Redirect(_)) {
        let found = text::wrong("rewrite", span, "the new path starts with `/`");
        reading.report(found.label("another server's address goes with `then=redirect`"));
    }
}

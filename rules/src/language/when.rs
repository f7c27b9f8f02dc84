//! `when`: steps that are taken where something holds.

use super::header::template;
use super::location;
use super::steps::{self, When};
use super::text::one_of;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{FileKind, PathRegex, Test};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple("when", "TEXT", "Steps that are taken where something holds.")
    .properties(&["is", "is-not", "matches", "not-matches", "exists", "not-exists"])
    .block(&[steps::SIMPLE])
    .many();

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<When> {
    let mut node = Node::open(kdl, &WORD, reading);
    let subject = node.need::<String>(reading).and_then(|subject| template(subject, "when", reading));
    let test = read_test(&mut node, reading);
    let steps = steps::read_block(&node, reading);
    if steps.is_empty() && !node.lost_children {
        let message = "`when` does nothing";
        reading.report(Diagnostic::error("no-step", node.span, message).label("add a block with a step"));
    }
    node.finish(reading);
    Some(When { subject: subject?.value, test: test?, steps })
}

/// One property at most; none asks for text that is neither empty nor `0`.
fn read_test(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Test> {
    let mut tests: Vec<(Span, Option<Test>)> = Vec::new();
    for name in WORD.properties {
        if let Some(value) = node.property::<String>(name, reading) {
            tests.push((value.span, test(name, value, reading)));
        }
    }
    let mut tests = tests.into_iter();
    let Some((_, first)) = tests.next() else { return Some(Test::Filled) };
    for (span, _) in tests {
        let found = Diagnostic::error("two-tests", span, "`when` asks for one thing");
        reading.report(found.label("write a `set` in a `when`, and another `when` that looks at it"));
    }
    first
}

fn test(name: &str, value: Spanned<String>, reading: &mut Reading<'_>) -> Option<Test> {
    Some(match name {
        "is" => Test::Is(template(value, "when", reading)?.value),
        "is-not" => Test::IsNot(template(value, "when", reading)?.value),
        "matches" => Test::Matches(regex(value, reading)?),
        "not-matches" => Test::MatchesNot(regex(value, reading)?),
        "exists" => Test::Exists(kind(value, name, reading)?),
        _ => Test::ExistsNot(kind(value, name, reading)?),
    })
}

fn kind(value: Spanned<String>, word: &str, reading: &mut Reading<'_>) -> Option<FileKind> {
    let at = one_of(Some(value), &FileKind::ALL.map(|(_, name)| name), word, reading)?;
    FileKind::ALL.get(at).map(|(kind, _)| *kind)
}

/// A regex whose groups with names are variables.
pub(super) fn regex(written: Spanned<String>, reading: &mut Reading<'_>) -> Option<PathRegex> {
    let regex = location::compiled(written, reading)?.value;
    reading.made_variables.extend(regex.names().iter().map(|(_, name)| name.clone()));
    Some(regex)
}

//! `substitute { … }`: texts in the bodies of answers that others take the place of.

use super::header::template;
use super::text::wrong;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::table::Substitute;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("substitute", "[off]", "Texts in the bodies of answers that others take the place of.")
        .properties(&["types", "once", "validators"])
        .block(&[&[&REPLACE]]);
static REPLACE: Word =
    Word::simple("replace", "TEXT TEXT", "A text in a body, and what takes its place.").many();

/// Whose bodies are looked through where nothing is said.
const HTML: &str = "text/html";

/// `None` within is `off`.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Option<Substitute>>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    if node.take_word("off").is_some() {
        if !node.block().is_empty() {
            let error = Diagnostic::error("conflict", span, "`substitute off` has a block");
            reading.report(error.label("leave one of them out"));
        }
        node.finish(reading);
        return Some(Spanned::new(None, span));
    }
    let types = node.property::<String>("types", reading);
    let substitute = Substitute {
        pairs: node.children("replace").into_iter().filter_map(|kdl| read_pair(kdl, reading)).collect(),
        types: types.map_or_else(
            || vec![HTML.to_owned()],
            |types| types.value.split_whitespace().map(str::to_ascii_lowercase).collect(),
        ),
        once: node.property("once", reading).is_some_and(|once| once.value),
        validators: node.property("validators", reading).is_some_and(|stay| stay.value),
    };
    if node.children("replace").is_empty() {
        let error = Diagnostic::error("missing-node", span, "`substitute` lacks `replace`");
        reading.report(error.label("add `replace \"this\" \"that\"`"));
    }
    node.finish(reading);
    Some(Spanned::new(Some(substitute), span))
}

fn read_pair(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<(String, Template)> {
    let mut node = Node::open(kdl, &REPLACE, reading);
    let from = node.need::<String>(reading);
    let to = node.need::<String>(reading).and_then(|to| template(to, "replace", reading));
    node.finish(reading);
    let from = from?;
    if from.value.is_empty() {
        reading.report(wrong("replace", from.span, "nothing stands everywhere: write what is looked for"));
        return None;
    }
    Some((from.value, to?.value))
}

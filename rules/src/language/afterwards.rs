//! `afterwards`: another location that a request goes on in once it has been answered.

use super::header::template;
use super::text;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple(
    "afterwards",
    "[PATH | off]",
    "Another location that a request goes on in once it has been answered; its client sees nothing of it.",
)
.properties(&["enter"]);

/// As written.
#[derive(Debug, Clone)]
pub(crate) enum Afterwards {
    /// The location that a path leads to.
    Search(Template),
    /// The location of this name.
    Enter(Spanned<String>),
}

/// `None` within is `off`.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Option<Afterwards>>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    if node.take_word("off").is_some() {
        node.finish(reading);
        return Some(Spanned::new(None, span));
    }
    let path = node.take::<String>(reading);
    let name = node.property::<String>("enter", reading);
    if path.is_none() && name.is_none() {
        let error = Diagnostic::error("missing-argument", span, "`afterwards` lacks its path");
        let error = error.label("write `afterwards \"/done\"`, `afterwards enter=NAME` or `off`");
        node.lacks(error, reading);
    }
    node.finish(reading);
    match (path, name) {
        (None, Some(name)) => Some(Spanned::new(Some(Afterwards::Enter(name)), span)),
        (Some(path), None) if path.value.starts_with(['/', '{']) => {
            let path = template(path, WORD.name, reading)?;
            Some(Spanned::new(Some(Afterwards::Search(path.value)), span))
        }
        (Some(path), None) => {
            let error = text::wrong(WORD.name, path.span, "a path starts with `/`");
            reading.report(error.label("a location by its name is `enter=NAME`"));
            None
        }
        (None, None) => None,
        (Some(_), Some(name)) => {
            let error = Diagnostic::error("conflict", name.span, "it goes on in one location");
            reading.report(error.label("leave out the path, or this"));
            None
        }
    }
}

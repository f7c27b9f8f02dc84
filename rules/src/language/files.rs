//! `files`: answers from a folder.

use super::text;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple("files", "FOLDER", "Answer with the files of a folder.")
    .properties(&["index", "fallback", "precompressed"]);

/// As written.
pub(crate) type Files = Spanned<table::Files>;

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Files> {
    let mut node = Node::open(kdl, &WORD, reading);
    let root = node.need::<String>(reading);
    let index =
        node.property::<String>("index", reading).map_or("index.html".to_owned(), |index| index.value);
    let fallback = node.property::<String>("fallback", reading);
    let precompressed = node.property("precompressed", reading).is_some_and(|on| on.value);
    let span: Span = node.span;
    node.finish(reading);
    if let Some(path) = fallback.as_ref().filter(|path| !path.value.starts_with('/')) {
        reading.report(text::wrong("files", path.span, "`fallback` is a path that starts with `/`"));
    }
    let fallback = fallback.map(|path| path.value);
    Some(Spanned::new(table::Files { root: root?.value, index, fallback, precompressed }, span))
}

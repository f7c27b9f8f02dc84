//! `compress`: codings that answers are packed in.

use super::text::one_of;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("compress", "gzip zstd br | off", "Codings that answers are packed in, most wanted first.");

/// As written; empty is `off`.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Spanned<Vec<String>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    let mut codings = Vec::new();
    if node.take_word("off").is_none() {
        for word in node.need_some::<String>(reading) {
            let name = word.value.clone();
            codings.extend(one_of(Some(word), &["gzip", "zstd", "br"], "compress", reading).map(|_| name));
        }
    }
    node.finish(reading);
    Spanned::new(codings, span)
}

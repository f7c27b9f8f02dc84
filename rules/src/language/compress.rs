//! `compress`: codings that answers are packed in.

use super::text::one_of;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::Compress;
use crate::value::Bytes;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("compress", "gzip zstd br | off", "Codings that answers are packed in, most wanted first.")
        .properties(&["types", "min-size", "vary", "proxied"]);

/// What is smaller gains nothing worth the trouble; it may fit into one packet as it is.
const MIN_SIZE: u64 = 1024;

/// As written; `None` is `off`.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Spanned<Option<Compress>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    if node.take_word("off").is_some() {
        node.finish(reading);
        return Spanned::new(None, span);
    }
    let mut codings = Vec::new();
    for word in node.need_some::<String>(reading) {
        let name = word.value.clone();
        codings.extend(one_of(Some(word), &["gzip", "zstd", "br"], "compress", reading).map(|_| name));
    }
    let types = node.property::<String>("types", reading);
    let compress = Compress {
        types: types.map(|types| types.value.split_whitespace().map(str::to_ascii_lowercase).collect()),
        min_size: node.property::<Bytes>("min-size", reading).map_or(MIN_SIZE, |size| size.value.0),
        vary: node.property("vary", reading).is_none_or(|vary| vary.value),
        proxied: node.property("proxied", reading).is_none_or(|proxied| proxied.value),
        codings,
    };
    node.finish(reading);
    // Without a coding, what is wrong has been reported.
    Spanned::new(Some(compress).filter(|compress| !compress.codings.is_empty()), span)
}

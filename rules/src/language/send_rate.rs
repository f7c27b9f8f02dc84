//! `send-rate`: how fast the body of an answer goes to the client.

use super::text::out_of_range;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::SendRate;
use crate::value::Bytes;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple(
    "send-rate",
    "SIZE | off",
    "How many bytes of an answer's body go to the client in a second. Default off.",
)
.properties(&["after"]);

/// `None` within is `off`.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Option<SendRate>>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    if node.take_word("off").is_some() {
        node.finish(reading);
        return Some(Spanned::new(None, span));
    }
    let size = node.need::<Bytes>(reading);
    let after = node.property::<Bytes>("after", reading).map_or(0, |after| after.value.0);
    node.finish(reading);
    let size = size?;
    if size.value.0 == 0 {
        reading.report(out_of_range("send-rate", size.span, "a size such as `\"100k\"`, or `off`"));
        return None;
    }
    Some(Spanned::new(Some(SendRate { bytes: size.value.0, after }), span))
}

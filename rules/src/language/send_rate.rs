//! `send-rate`: how fast the body of an answer goes to the client.

use super::header::template;
use super::text::out_of_range;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::table::{Pace, SendRate};
use crate::value::Bytes;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple(
    "send-rate",
    "SIZE | off",
    "How many bytes of an answer's body go to the client in a second. Default off.",
)
.properties(&["after"]);

/// `None` within is `off` with nothing else.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Option<SendRate>>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    if node.take_word("off").is_some() {
        let after = node.property::<Bytes>("after", reading).map(|after| after.value.0);
        node.finish(reading);
        return Some(Spanned::new(after.filter(|after| *after > 0).map(SendRate::Told), span));
    }
    let size = node.need::<String>(reading);
    let after = node.property::<String>("after", reading);
    node.finish(reading);
    let size = size?;
    let is_filled = |text: &Spanned<String>| text.value.contains('{');
    if is_filled(&size) || after.as_ref().is_some_and(is_filled) {
        let bytes = template(size, "send-rate", reading)?.value;
        let after = match after {
            Some(after) => template(after, "after", reading)?.value,
            None => Template { parts: Vec::new() },
        };
        return Some(Spanned::new(Some(SendRate::Filled(bytes, after)), span));
    }
    let size = reading.value::<Bytes>(&size, "send-rate")?;
    let after = match after {
        Some(after) => reading.value::<Bytes>(&after, "after")?.value.0,
        None => 0,
    };
    if size.value.0 == 0 {
        reading.report(out_of_range("send-rate", size.span, "a size such as `\"100k\"`, or `off`"));
        return None;
    }
    Some(Spanned::new(Some(SendRate::Fixed(Pace { bytes: size.value.0, after })), span))
}

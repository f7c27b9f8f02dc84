//! `enter`: hands the request to another location, which is known by its name.

use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("enter", "NAME", "Hand the request to the location of this name; the path stays.");

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<String>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let name = node.need::<String>(reading);
    node.finish(reading);
    name
}

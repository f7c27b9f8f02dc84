//! `search`: finds a location anew, for another path.

use super::header::template;
use super::text;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("search", "PATH", "Find a location of this server anew, for another path; nobody sees it.");

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Template>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let path = node.need::<String>(reading);
    node.finish(reading);
    let path = path?;
    if !path.value.starts_with(['/', '{']) {
        reading.report(text::wrong("search", path.span, "a path starts with `/`"));
        return None;
    }
    template(path, "search", reading)
}

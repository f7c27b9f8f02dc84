//! `allow`, `deny` and `satisfy`: who may come, by address.

use super::text::one_of;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::{AccessRule, Satisfy};
use crate::word::Word;
use ipnet::IpNet;
use kdl::KdlNode;

pub(super) static ALLOW: Word = Word::simple(
    "allow",
    "NETWORK… | all",
    "Who may come; of `allow` and `deny` the first that fits decides.",
)
.many();
pub(super) static DENY: Word = Word::simple(
    "deny",
    "NETWORK… | all",
    "Who may not come; of `allow` and `deny` the first that fits decides.",
)
.many();
pub(super) static SATISFY: Word = Word::simple(
    "satisfy",
    "all | any",
    "Whether both the address and the credentials must be right, or either.",
);

pub(super) fn read(
    kdl: &KdlNode,
    word: &'static Word,
    reading: &mut Reading<'_>,
) -> Vec<Spanned<AccessRule>> {
    let mut node = Node::open(kdl, word, reading);
    let allow = word.name == "allow";
    let rules = match node.take_word("all") {
        Some(span) => vec![Spanned::new(AccessRule { allow, network: None }, span)],
        None => {
            let rule = |found: Spanned<IpNet>| {
                Spanned::new(AccessRule { allow, network: Some(found.value) }, found.span)
            };
            node.need_some(reading).into_iter().map(rule).collect()
        }
    };
    node.finish(reading);
    rules
}

pub(super) fn read_satisfy(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Satisfy>> {
    let mut node = Node::open(kdl, &SATISFY, reading);
    let word = node.need::<String>(reading);
    let span = node.span;
    node.finish(reading);
    match one_of(word, &["all", "any"], "satisfy", reading)? {
        0 => Some(Spanned::new(Satisfy::All, span)),
        _ => Some(Spanned::new(Satisfy::Any, span)),
    }
}

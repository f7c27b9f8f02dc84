//! `allow`, `deny` and `satisfy`: who may come, by address.

use super::text::one_of;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::{AccessRule, Satisfy, Whom};
use crate::word::Word;
use ipnet::IpNet;
use kdl::KdlNode;

pub(super) static ALLOW: Word = Word::simple(
    "allow",
    "NETWORK… | unix | all",
    "Who may come; of `allow` and `deny` the first that fits decides.",
)
.many();
pub(super) static DENY: Word = Word::simple(
    "deny",
    "NETWORK… | unix | all",
    "Who may not come; of `allow` and `deny` the first that fits decides.",
)
.many();
pub(super) static SATISFY: Word = Word::simple(
    "satisfy",
    "all | any | one",
    "Whether both the address and the credentials must be right, or either.",
);

pub(super) fn read(
    kdl: &KdlNode,
    word: &'static Word,
    reading: &mut Reading<'_>,
) -> Vec<Spanned<AccessRule>> {
    let mut node = Node::open(kdl, word, reading);
    let allow = word.name == "allow";
    let word = node.take_word("all").map(|span| Spanned::new(Whom::All, span));
    let word = word.or_else(|| node.take_word("unix").map(|span| Spanned::new(Whom::Unix, span)));
    let rule = |whom, span| Spanned::new(AccessRule { allow, whom }, span);
    let rules = match word {
        Some(whom) => vec![rule(whom.value, whom.span)],
        None => {
            let networks: Vec<Spanned<IpNet>> = node.need_some(reading);
            networks.into_iter().map(|found| rule(Whom::Network(found.value), found.span)).collect()
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
    let satisfy = match one_of(word, &["all", "any", "one"], "satisfy", reading)? {
        0 => Satisfy::All,
        1 => Satisfy::Any,
        _ => Satisfy::One,
    };
    Some(Spanned::new(satisfy, span))
}

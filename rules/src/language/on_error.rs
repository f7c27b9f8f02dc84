//! `on-error`: what is done in the place of a failure.

use super::action::{self, Action};
use super::text::{self, one_of};
use crate::node::{Node, Reading};
use crate::source::Span;
use crate::word::Word;
use http::StatusCode;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple("on-error", "STATUS…", "An action in the place of a failure.")
    .properties(&["from"])
    .block(&[action::WORDS])
    .many();

/// As written.
#[derive(Debug)]
pub(crate) struct OnError {
    pub span: Span,
    pub statuses: Vec<StatusCode>,
    pub from_upstream: bool,
    pub action: Option<Action>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> OnError {
    let mut node = Node::open(kdl, &WORD, reading);
    let statuses = node.need_some::<StatusCode>(reading);
    for status in statuses.iter().filter(|status| status.value.as_u16() < 400) {
        let message = format!("{} is no failure", status.value.as_u16());
        reading.report(text::wrong("on-error", status.span, message).label("expected 400 to 599"));
    }
    let statuses = statuses.into_iter().map(|status| status.value).collect();
    let from = node.property::<String>("from", reading);
    let from_upstream = one_of(from, &["upstream"], "from", reading).is_some();
    let action = action::read_one(&node, reading);
    let span = node.span;
    node.finish(reading);
    OnError { span, statuses, from_upstream, action }
}

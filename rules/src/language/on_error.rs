//! `on-error`: what is done in the place of a failure.

use super::action::{self, Action};
use super::text::{self, one_of};
use crate::node::{Node, Reading};
use crate::source::Span;
use crate::table::{AnswerStatus, OnErrorFrom};
use crate::word::Word;
use http::StatusCode;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple("on-error", "STATUS…", "An action in the place of a failure.")
    .properties(&["from", "as", "again"])
    .block(&[action::WORDS])
    .many();

/// As written.
#[derive(Debug)]
pub(crate) struct OnError {
    pub span: Span,
    pub statuses: Vec<StatusCode>,
    pub from: OnErrorFrom,
    pub status: AnswerStatus,
    pub again: bool,
    pub action: Option<Action>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> OnError {
    let mut node = Node::open(kdl, &WORD, reading);
    let statuses = node.need_some::<StatusCode>(reading);
    for status in statuses.iter().filter(|status| status.value.as_u16() < 300) {
        let message = format!("{} is no failure", status.value.as_u16());
        reading.report(text::wrong("on-error", status.span, message).label("expected 300 to 599"));
    }
    let statuses = statuses.into_iter().map(|status| status.value).collect();
    let from = node.property::<String>("from", reading);
    let from = match one_of(from, &["upstream", "rules", "all"], "from", reading) {
        None => OnErrorFrom::Failures,
        Some(0) => OnErrorFrom::Upstream,
        Some(1) => OnErrorFrom::Rules,
        Some(_) => OnErrorFrom::All,
    };
    let status = read_status(&mut node, reading);
    let again = node.property::<bool>("again", reading).is_some_and(|again| again.value);
    let action = action::read_one(&node, reading);
    let span = node.span;
    node.finish(reading);
    OnError { span, statuses, from, status, again, action }
}

/// `as=`: the status of what is answered.
fn read_status(node: &mut Node<'_>, reading: &mut Reading<'_>) -> AnswerStatus {
    let Some(written) = node.property::<String>("as", reading) else { return AnswerStatus::Usual };
    match written.value.as_str() {
        "failure" => AnswerStatus::Failure,
        "own" => AnswerStatus::Own,
        _ => reading
            .value::<StatusCode>(&written, "on-error")
            .map_or(AnswerStatus::Usual, |status| AnswerStatus::Fixed(status.value)),
    }
}

//! `redirect`: an answer that names another place.

use super::header::template;
use super::text;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::word::Word;
use http::StatusCode;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("redirect", "[STATUS] TARGET", "Answer with a `Location`. Default 302; the query is kept.")
        .properties(&["query"]);

/// As written.
#[derive(Debug)]
pub(crate) struct Redirect {
    pub status: StatusCode,
    pub target: Spanned<Template>,
    /// `query=off`: the request's query is dropped.
    pub keeps_query: bool,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Redirect> {
    let mut node = Node::open(kdl, &WORD, reading);
    let has_status = kdl.entries().iter().filter(|entry| entry.name().is_none()).count() > 1;
    let last = kdl.entries().iter().rfind(|entry| entry.name().is_none());
    if has_status && last.is_some_and(|last| last.value().as_integer().is_some()) {
        let message = "the status comes before the place to go to";
        let error = Diagnostic::error("wrong-order", node.span, message);
        reading.report(error.label("write `redirect 301 \"…\"`"));
        node.forget_rest();
        return None;
    }
    let status = if has_status { node.take::<StatusCode>(reading) } else { None };
    let target = node.need::<String>(reading);
    let keeps_query = node.property::<bool>("query", reading).is_none_or(|query| query.value);
    node.finish(reading);
    if let Some(status) =
        status.as_ref().filter(|status| !matches!(status.value.as_u16(), 301..=303 | 307 | 308))
    {
        reading.report(text::wrong("redirect", status.span, "the status is 301, 302, 303, 307 or 308"));
    }
    let target = target?;
    if !has_status && target.value.parse::<StatusCode>().is_ok() {
        let message = format!("`redirect {}` says no place to go to", target.value);
        let error = Diagnostic::error("missing-argument", target.span, message);
        reading.report(error.label(format!("write `redirect {} \"/…\"`", target.value)));
        return None;
    }
    let target = template(target, "redirect", reading)?;
    Some(Redirect { status: status.map_or(StatusCode::FOUND, |status| status.value), target, keeps_query })
}

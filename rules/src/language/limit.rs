//! `limit`: how often a client may ask.

use super::header::template;
use super::text;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::{Span, Spanned};
use crate::word::Word;
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word =
    Word::simple("limit", "[off]", "How often a client may ask; more is answered 429.")
        .properties(&["rate", "burst", "key"]);

/// As written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Limit {
    pub off: bool,
    pub span: Option<Span>,
    /// A rate was written, readable or not.
    pub has_rate: bool,
    /// Requests, and the span of time they count for.
    pub rate: Option<(u32, Duration)>,
    pub burst: Option<u32>,
    pub key: Option<Template>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Limit {
    let mut node = Node::open(kdl, &WORD, reading);
    if node.take_word("off").is_some() {
        let off = Limit { off: true, span: Some(node.span), ..Limit::default() };
        // Whatever else it has means nothing, and is reported.
        node.finish(reading);
        return off;
    }
    let rate = node.property::<String>("rate", reading);
    let limit = Limit {
        off: false,
        span: Some(node.span),
        has_rate: rate.is_some(),
        rate: rate.and_then(|rate| read_rate(&rate, reading)),
        burst: node.property("burst", reading).map(|burst| burst.value),
        key: node
            .property::<String>("key", reading)
            .and_then(|key| template(key, "limit", reading))
            .map(|key| key.value),
    };
    node.finish(reading);
    limit
}

/// `20/s`, `100/m`, `1000/h`, `5000/d`.
fn read_rate(rate: &Spanned<String>, reading: &mut Reading<'_>) -> Option<(u32, Duration)> {
    let read = || {
        let (requests, unit) = rate.value.split_once('/')?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        let requests = requests.parse().ok().filter(|requests| *requests > 0)?;
        Some((requests, Duration::from_secs(seconds)))
    };
    let found = read();
    if found.is_none() {
        reading.report(text::wrong(
            "limit",
            rate.span,
            "a rate is written `\"20/s\"`, `\"100/m\"`, `\"1000/h\"` or `\"5000/d\"`",
        ));
    }
    found
}

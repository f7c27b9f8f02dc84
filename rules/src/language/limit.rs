//! `limit`: how often a client may ask; `concurrent`: how much of it may be under way at once.

use super::header::template;
use super::text;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::{Span, Spanned};
use crate::table::Level;
use crate::word::Word;
use http::StatusCode;
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word =
    Word::simple("limit", "[off]", "How often a client may ask; more is answered 429.")
        .properties(&["rate", "burst", "at-once", "spaced", "key", "zone", "status", "dry", "level"])
        .many();
pub(super) static CONCURRENT: Word = Word::simple(
    "concurrent",
    "NUMBER | off",
    "How many requests of a client may be under way at once; more is answered 503.",
)
.properties(&["key", "zone", "status", "dry", "level"])
.many();

/// As written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Limit {
    pub off: bool,
    pub span: Span,
    /// A rate was written, readable or not.
    pub has_rate: bool,
    /// Requests, and the span of time they count for.
    pub rate: Option<(u32, Duration)>,
    pub burst: Option<u32>,
    pub at_once: Option<u32>,
    pub spaced: Option<bool>,
    pub key: Option<Template>,
    pub zone: Option<String>,
    pub status: Option<StatusCode>,
    pub dry: Option<bool>,
    pub level: Option<Level>,
}

/// As written; no number is `off`.
#[derive(Debug, Clone)]
pub(crate) struct Concurrent {
    pub span: Span,
    pub most: Option<u32>,
    pub key: Option<Template>,
    pub zone: Option<String>,
    pub status: Option<StatusCode>,
    pub dry: Option<bool>,
    pub level: Option<Level>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Limit {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    if node.take_word("off").is_some() {
        // Whatever else it has means nothing, and is reported.
        node.finish(reading);
        return Limit { off: true, span, ..Limit::default() };
    }
    let limit = Limit {
        off: false,
        span,
        has_rate: node.has_property("rate"),
        rate: node.property::<String>("rate", reading).and_then(|rate| read_rate(&rate, reading)),
        burst: node.property("burst", reading).map(|burst| burst.value),
        at_once: node.property("at-once", reading).map(|at_once| at_once.value),
        spaced: node.property("spaced", reading).map(|spaced| spaced.value),
        key: read_key(&mut node, reading),
        zone: node.property("zone", reading).map(|zone| zone.value),
        status: read_status(&mut node, reading),
        dry: node.property("dry", reading).map(|dry| dry.value),
        level: read_level(&mut node, reading),
    };
    node.finish(reading);
    limit
}

pub(super) fn read_concurrent(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Concurrent> {
    let mut node = Node::open(kdl, &CONCURRENT, reading);
    let span = node.span;
    let most = match node.take_word("off") {
        Some(_) => Some(None),
        None => node.need::<u32>(reading).map(|most| {
            if most.value == 0 {
                let error = text::wrong("concurrent", most.span, "0 lets nothing through");
                reading.report(error.label("write `off` for no limit"));
            }
            Some(most.value)
        }),
    };
    let limited = matches!(most, Some(Some(_)));
    let concurrent = Concurrent {
        span,
        most: most.flatten(),
        key: limited.then(|| read_key(&mut node, reading)).flatten(),
        zone: limited.then(|| node.property("zone", reading)).flatten().map(|zone| zone.value),
        status: limited.then(|| read_status(&mut node, reading)).flatten(),
        dry: limited.then(|| node.property("dry", reading)).flatten().map(|dry| dry.value),
        level: limited.then(|| read_level(&mut node, reading)).flatten(),
    };
    node.finish(reading);
    most.map(|_| concurrent)
}

fn read_key(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Template> {
    let key = node.property::<String>("key", reading)?;
    template(key, node.word.name, reading).map(|key| key.value)
}

/// A refusal is an error of the client's or of the server's.
fn read_status(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<StatusCode> {
    let status = node.property::<StatusCode>("status", reading)?;
    if !status.value.is_client_error() && !status.value.is_server_error() {
        reading.report(text::out_of_range("status", status.span, "400 to 599"));
        return None;
    }
    Some(status.value)
}

fn read_level(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Level> {
    let level = node.property::<String>("level", reading);
    let level = text::one_of(level, &Level::ALL.map(Level::name), "level", reading);
    level.and_then(|at| Level::ALL.get(at).copied())
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

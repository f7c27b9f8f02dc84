//! `limits { … }`: connections, request heads, and how slow a client may be.

use super::keepalive::{self, Keepalive};
use super::text;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::value::{Bytes, Limit};
use crate::word::Word;
use kdl::KdlNode;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) static WORD: Word =
    Word::simple("limits", "", "Limits on connections, request heads and slow clients.").block(&[&[
        &HEADER_TIMEOUT,
        &HEADER_SIZE,
        &HEADER_COUNT,
        &REQUEST_LINE,
        &KEEPALIVE,
        &CONNECTIONS,
        &MIN_RATE,
        &HEADS,
    ]]);

static HEADER_TIMEOUT: Word = Word::simple(
    "header-timeout",
    "DURATION | off",
    "The whole request head must arrive within this. Default 30 s.",
);
static HEADER_SIZE: Word = Word::simple("header-size", "SIZE", "The largest request head. Default 32 KiB.");
static HEADER_COUNT: Word =
    Word::simple("header-count", "NUMBER", "How many header fields a request may have. Default 128.");
static REQUEST_LINE: Word = Word::simple("request-line", "SIZE", "The longest request line. Default 8 KiB.");
static KEEPALIVE: Word =
    Word::simple("keepalive", "DURATION | off", "How long an idle connection is kept. Default 75 s.")
        .properties(keepalive::PROPERTIES);
static CONNECTIONS: Word =
    Word::simple("connections", "NUMBER | off", "How many client connections may be open. Default 20000.")
        .properties(&["per-client"]);
static MIN_RATE: Word = Word::simple(
    "min-rate",
    "SIZE | off",
    "Bytes a second that a client has to send of a body, or take of an answer. Default 128.",
);

static HEADS: Word =
    Word::simple("heads", "strict | lenient", "How requests' heads are read. Default strict.");

/// As written.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub header_timeout: Option<Limit<Duration>>,
    pub header_size: Option<Bytes>,
    pub header_count: Option<u32>,
    pub request_line: Option<Bytes>,
    pub keepalive: Keepalive,
    pub connections: Option<Limit<u64>>,
    pub connections_per_client: Option<Limit<u64>>,
    pub min_rate: Option<Limit<Bytes>>,
    pub lenient_heads: Option<bool>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Limits {
    let node = Node::open(kdl, &WORD, reading);
    let mut limits = Limits::default();
    for (word, child) in node.block() {
        let mut child = Node::open(child, word, reading);
        match word.name {
            "header-timeout" => limits.header_timeout = limit(word.name, child.need(reading), reading),
            // What is held in memory, or in a table of a fixed size, has bounds of its own.
            "header-size" => {
                let bounds = (Bytes(256)..=Bytes(1 << 20), "256 bytes to 1 MiB");
                limits.header_size = within(word.name, bounds, child.need(reading), reading);
            }
            "header-count" => {
                limits.header_count = within(word.name, (16..=256, "16 to 256"), child.need(reading), reading)
            }
            "request-line" => {
                let bounds = (Bytes(256)..=Bytes(64 << 10), "256 bytes to 64 KiB");
                limits.request_line = within(word.name, bounds, child.need(reading), reading);
            }
            "keepalive" => {
                let idle = child.need(reading);
                limits.keepalive = keepalive::read_with(idle, &mut child, reading);
            }
            "heads" => {
                let how = text::one_of(child.need(reading), &["strict", "lenient"], word.name, reading);
                limits.lenient_heads = how.map(|how| how == 1);
            }
            "min-rate" => limits.min_rate = limit(word.name, child.need(reading), reading),
            _ => {
                limits.connections = limit("connections", child.need(reading), reading);
                let each = child.property("per-client", reading);
                limits.connections_per_client = limit("per-client", each, reading);
            }
        }
        child.finish(reading);
    }
    node.finish(reading);
    limits
}

fn limit<T: PartialEq + Default>(
    word: &str,
    written: Option<Spanned<Limit<T>>>,
    reading: &mut Reading<'_>,
) -> Option<Limit<T>> {
    text::check_not_none(word, written.as_ref(), reading);
    written.map(|written| written.value)
}

/// What has to be within `bounds`, which are given in words too.
fn within<T: PartialOrd>(
    word: &str,
    (bounds, in_words): (RangeInclusive<T>, &str),
    written: Option<Spanned<T>>,
    reading: &mut Reading<'_>,
) -> Option<T> {
    let written = written?;
    if bounds.contains(&written.value) {
        return Some(written.value);
    }
    reading.report(text::out_of_range(word, written.span, in_words));
    None
}

//! `limits { … }`: connections and request heads.

use super::text;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::value::{Bytes, Limit};
use crate::word::Word;
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word = Word::simple("limits", "", "Limits on connections and request heads.")
    .block(&[&[&HEADER_TIMEOUT, &HEADER_SIZE, &KEEPALIVE, &CONNECTIONS]]);

static HEADER_TIMEOUT: Word = Word::simple(
    "header-timeout",
    "DURATION | off",
    "The whole request head must arrive within this. Default 30 s.",
);
static HEADER_SIZE: Word = Word::simple("header-size", "SIZE", "The largest request head. Default 32 KiB.");
static KEEPALIVE: Word =
    Word::simple("keepalive", "DURATION | off", "How long an idle connection is kept. Default 75 s.")
        .properties(&["requests"]);
static CONNECTIONS: Word =
    Word::simple("connections", "NUMBER | off", "How many client connections may be open. Default 20000.");

/// As written.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub header_timeout: Option<Limit<Duration>>,
    pub header_size: Option<Bytes>,
    pub keepalive: Option<Limit<Duration>>,
    pub keepalive_requests: Option<Limit<u64>>,
    pub connections: Option<Limit<u64>>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Limits {
    let node = Node::open(kdl, &WORD, reading);
    let mut limits = Limits::default();
    for (word, child) in node.block() {
        let mut child = Node::open(child, word, reading);
        match word.name {
            "header-timeout" => limits.header_timeout = limit(word.name, child.need(reading), reading),
            "header-size" => {
                limits.header_size = child.need(reading).and_then(|size| header_size(size, reading))
            }
            "keepalive" => {
                limits.keepalive = child.need(reading).map(|found| found.value);
                limits.keepalive_requests = limit("requests", child.property("requests", reading), reading);
            }
            _ => limits.connections = limit("connections", child.need(reading), reading),
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

/// A head is held in memory, so its size has an upper bound of its own.
fn header_size(size: Spanned<Bytes>, reading: &mut Reading<'_>) -> Option<Bytes> {
    if (256..=1 << 20).contains(&size.value.0) {
        return Some(size.value);
    }
    reading.report(text::out_of_range("header-size", size.span, "256 bytes to 1 MiB"));
    None
}

//! `websocket`: upgrades, and how long a stream may be silent.

use super::text;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::value::Limit;
use crate::word::Word;
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word = Word::simple(
    "websocket",
    "[on | off]",
    "Upgrades are forwarded unless off; a stream may be silent for 1 h.",
)
.properties(&["idle", "ping"]);

/// As written.
#[derive(Debug, Default, Clone)]
pub(crate) struct WebSocket {
    pub allowed: Option<Spanned<bool>>,
    pub idle: Option<Spanned<Limit<Duration>>>,
    pub ping: Option<Spanned<Limit<Duration>>>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> WebSocket {
    let mut node = Node::open(kdl, &WORD, reading);
    let websocket = WebSocket {
        allowed: node.take(reading),
        idle: node.property("idle", reading),
        ping: node.property("ping", reading),
    };
    text::check_not_none("idle", websocket.idle.as_ref(), reading);
    text::check_not_none("ping", websocket.ping.as_ref(), reading);
    node.finish(reading);
    websocket
}

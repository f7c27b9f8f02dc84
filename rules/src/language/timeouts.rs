//! `timeouts`: limits on silence.

use super::text;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::value::Limit;
use crate::word::Word;
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word =
    Word::simple("timeouts", "", "Limits on silence: connect 5 s; send, read and client 60 s by default.")
        .properties(&["connect", "send", "read", "client"]);

/// As written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Timeouts {
    pub connect: Option<Spanned<Limit<Duration>>>,
    pub send: Option<Spanned<Limit<Duration>>>,
    pub read: Option<Spanned<Limit<Duration>>>,
    pub client: Option<Spanned<Limit<Duration>>>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Timeouts {
    let mut node = Node::open(kdl, &WORD, reading);
    let timeouts = Timeouts {
        connect: node.property("connect", reading),
        send: node.property("send", reading),
        read: node.property("read", reading),
        client: node.property("client", reading),
    };
    for (word, limit) in [
        ("connect", &timeouts.connect),
        ("send", &timeouts.send),
        ("read", &timeouts.read),
        ("client", &timeouts.client),
    ] {
        text::check_not_none(word, limit.as_ref(), reading);
    }
    node.finish(reading);
    timeouts
}

//! `early { … }`: what a server says of requests that are refused before they have a location.

use super::settings::{self, Settings};
use super::{header, media, on_error};
use crate::node::{Node, Reading};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple(
    "early",
    "",
    "What holds besides for requests that are refused before they have a location.",
)
.block(&[&[&header::RESPONSE, &media::EXPIRES, &on_error::WORD]]);

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Settings {
    let node = Node::open(kdl, &WORD, reading);
    let settings = settings::read(&node, reading);
    node.finish(reading);
    settings
}

//! `trusted-proxies` of a server or a location: who may say there whose address is the client's.

use super::text::wrong;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::Trust;
use crate::word::Word;
use http::HeaderName;
use ipnet::IpNet;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple(
    "trusted-proxies",
    "NETWORK… | unix",
    "Whose header tells the client's address here. Default those of the process.",
)
.properties(&["header", "recursive"]);

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Trust>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let span = node.span;
    let (mut proxies, mut unix) = (Vec::new(), false);
    for written in node.need_some::<String>(reading) {
        match written.value.as_str() {
            "unix" => unix = true,
            _ => proxies.extend(reading.value::<IpNet>(&written, WORD.name).map(|network| network.value)),
        }
    }
    let has_header = node.has_property("header");
    let header = node.property::<String>("header", reading);
    let recursive = node.property("recursive", reading).is_none_or(|recursive| recursive.value);
    node.finish(reading);
    if !has_header {
        let message = "`trusted-proxies` of a server or a location says which header it is about";
        let error = Diagnostic::error("missing-property", span, message);
        reading.report(error.label("add `header=\"X-Real-IP\"`").help("vordr help trusted-proxies"));
    }
    let header = header?;
    match header.value.parse::<HeaderName>() {
        Ok(header) => Some(Spanned::new(Trust { proxies, unix, header, recursive }, span)),
        Err(_) => {
            let message = format!("`{}` is no header's name", header.value);
            reading.report(wrong(WORD.name, header.span, message));
            None
        }
    }
}

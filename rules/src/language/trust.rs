//! `trusted-proxies` of a server or a location: who may say there whose address is the client's.

use super::text::{one_of, wrong};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::{Teller, Trust};
use crate::word::Word;
use http::HeaderName;
use ipnet::IpNet;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple(
    "trusted-proxies",
    "NETWORK… | unix",
    "Whose header tells the client's address here. Default those of the process.",
)
.properties(&["header", "recursive", "by"]);

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
    let teller = read_teller(&mut node, reading);
    node.finish(reading);
    Some(Spanned::new(Trust { proxies, unix, teller: teller? }, span))
}

/// `header="X-Real-IP" recursive=off`, or `by=proxy-protocol`.
fn read_teller(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Teller> {
    let (has_header, has_by) = (node.has_property("header"), node.has_property("by"));
    let header = node.property::<String>("header", reading);
    let recursive = node.property::<bool>("recursive", reading);
    if !has_header && !has_by {
        let message = "`trusted-proxies` of a server or a location says which header it is about";
        let error = Diagnostic::error("missing-property", node.span, message);
        let error = error.label("add `header=\"X-Real-IP\"`, or `by=proxy-protocol`");
        reading.report(error.help("vordr help trusted-proxies"));
        return None;
    }
    if !has_by {
        return named(header?, recursive, reading);
    }
    let header = header.map(|header| ("header", header.span));
    if let Some((word, span)) = header.or(recursive.map(|recursive| ("recursive", recursive.span))) {
        let message = format!("`{word}` is about a header of requests, and `by` about none");
        reading.report(Diagnostic::error("conflict", span, message).label("leave out one or the other"));
    }
    let by = node.property::<String>("by", reading);
    one_of(by, &["proxy-protocol"], "by", reading).map(|_| Teller::ProxyProtocol)
}

fn named(
    header: Spanned<String>,
    recursive: Option<Spanned<bool>>,
    reading: &mut Reading<'_>,
) -> Option<Teller> {
    match header.value.parse::<HeaderName>() {
        Ok(name) => {
            Some(Teller::Header { name, recursive: recursive.is_none_or(|recursive| recursive.value) })
        }
        Err(_) => {
            let message = format!("`{}` is no header's name", header.value);
            reading.report(wrong(WORD.name, header.span, message));
            None
        }
    }
}

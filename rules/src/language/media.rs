//! `types`, `charset`, `expires` and `bodies`: what is said of bodies, and how those of vordr's own look.

use super::header::template;
use super::text::{one_of, wrong};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{Bodies, Charset, Expires, Recode, Types, usual_types};
use crate::word::Word;
use http::HeaderValue;
use kdl::KdlNode;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) static TYPES: Word = Word::simple("types", "", "What bodies are, by the endings of their names.")
    .properties(&["default", "like"])
    .block(&[&[&TYPE]]);
static TYPE: Word = Word::simple("type", "TYPE ENDING…", "The endings of a type, without their dots.").many();
pub(super) static CHARSET: Word =
    Word::simple("charset", "NAME | off", "The charset that is said of text where none is. Default off.")
        .properties(&["types", "source", "override"])
        .block(&[&[&RECODE]]);
static RECODE: Word = Word::simple(
    "recode",
    "FROM BYTES",
    "What becomes of the bytes of a body in another charset: `e0=c1`, in hexadecimal.",
)
.many();
pub(super) static EXPIRES: Word =
    Word::simple("expires", "LIFETIME | off", "For how long answers may be used again. Default off.");
pub(super) static BODIES: Word =
    Word::simple("bodies", "own | nginx", "How redirects, and failures of vordr's own, look. Default own.");

/// What a charset is said of where nothing is said.
pub(crate) const TEXT: [&str; 6] = [
    "text/html",
    "text/xml",
    "text/plain",
    "text/vnd.wap.wml",
    "application/javascript",
    "application/rss+xml",
];

pub(super) fn read_types(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Arc<Types>>> {
    let mut node = Node::open(kdl, &TYPES, reading);
    let default = node.property::<String>("default", reading);
    let like = node.property::<String>("like", reading);
    let mut by_ending = match one_of(like, &["nginx"], "like", reading) {
        Some(_) => usual_types::of_nginx(),
        None => BTreeMap::new(),
    };
    for kdl in node.children("type") {
        read_type(kdl, &mut by_ending, reading);
    }
    let span = node.span;
    node.finish(reading);
    let default = match default {
        Some(default) => content_type(&default, "types", reading)?,
        None => HeaderValue::from_static("application/octet-stream"),
    };
    Some(Spanned::new(Arc::new(Types { default, by_ending }), span))
}

fn read_type(kdl: &KdlNode, by_ending: &mut BTreeMap<String, HeaderValue>, reading: &mut Reading<'_>) {
    let mut node = Node::open(kdl, &TYPE, reading);
    let name = node.need::<String>(reading).and_then(|name| content_type(&name, "type", reading));
    let endings = node.need_some::<String>(reading);
    node.finish(reading);
    let Some(name) = name else { return };
    for ending in endings {
        if ending.value.contains(['.', '/']) {
            reading.report(wrong("type", ending.span, "an ending is written without its dot: `html`"));
        }
        by_ending.insert(ending.value.to_ascii_lowercase(), name.clone());
    }
}

fn content_type(text: &Spanned<String>, word: &str, reading: &mut Reading<'_>) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(&text.value).ok();
    if value.is_none() {
        reading.report(wrong(word, text.span, "this is no content type"));
    }
    value
}

/// `None` within is `off`.
pub(super) fn read_charset(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Option<Charset>>> {
    let mut node = Node::open(kdl, &CHARSET, reading);
    let name = node.need::<String>(reading);
    let types = node.property::<String>("types", reading);
    let source = node.property::<String>("source", reading).map(|source| source.value);
    let replaces = node.property("override", reading).is_some_and(|on| on.value);
    let recodes = node.children("recode").into_iter().filter_map(|kdl| read_recode(kdl, reading)).collect();
    node.finish(reading);
    let name = name?;
    if name.value == "off" {
        return Some(Spanned::new(None, name.span));
    }
    let (filled, span) = (name.value.contains('{'), name.span);
    if !filled && !is_charset(&name.value) {
        reading.report(wrong("charset", name.span, "this is no charset's name"));
    }
    let name = template(name, "charset", reading)?.value;
    let types = match types {
        Some(types) => types.value.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        None => TEXT.map(str::to_owned).to_vec(),
    };
    Some(Spanned::new(Some(Charset { name, types, source, replaces, recodes }), span))
}

fn read_recode(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Recode> {
    let mut node = Node::open(kdl, &RECODE, reading);
    let (from, bytes) = (node.need::<String>(reading), node.need::<String>(reading));
    node.finish(reading);
    let (from, bytes) = from.zip(bytes)?;
    let byte = |text: &str| u8::from_str_radix(text, 16).ok();
    let pair = |text: &str| text.split_once('=').and_then(|(from, to)| Some((byte(from)?, byte(to)?)));
    let pairs: Option<Vec<_>> = bytes.value.split_ascii_whitespace().map(pair).collect();
    if pairs.is_none() {
        reading.report(wrong("recode", bytes.span, "expected bytes such as `e0=c1 e1=c2`"));
    }
    Some(Recode::new(from.value, pairs?))
}

/// A token (RFC 2978, section 2.3), so that it can stand in a header.
pub(crate) fn is_charset(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-^_`{}~.".contains(&byte);
    !name.is_empty() && name.bytes().all(fine)
}

pub(super) fn read_expires(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Spanned<Expires>> {
    let text = node.need::<String>(reading)?;
    let span = text.span;
    if text.value.contains('{') {
        let filled = template(text, "expires", reading)?;
        return Some(Spanned::new(Expires::Filled(filled.value), span));
    }
    let expires = text.value.parse().ok().map(Expires::Always);
    if expires.is_none() {
        report_lifetime(span, reading);
    }
    Some(Spanned::new(expires?, span))
}

fn report_lifetime(span: Span, reading: &mut Reading<'_>) {
    let error = Diagnostic::error("wrong-value", span, "`expires`: this is no lifetime");
    reading.report(error.label(crate::table::NoLifetime.to_string()));
}

pub(super) fn read_bodies(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Spanned<Bodies>> {
    let word = node.need::<String>(reading)?;
    let span = word.span;
    let at = one_of(Some(word), &["own", "nginx"], "bodies", reading)?;
    Some(Spanned::new(if at == 0 { Bodies::Own } else { Bodies::Nginx }, span))
}

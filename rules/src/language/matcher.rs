//! `match`: what else must hold of a request.

use crate::diagnostic::{Diagnostic, nearest};
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::Condition;
use crate::value::Value;
use crate::word::Word;
use http::{HeaderName, Method};
use kdl::KdlNode;

/// What may be looked at; each is a property, and an argument `KIND:VALUE`.
const KINDS: &[&str] = &["method", "header", "query", "cookie"];

pub(super) static WORD: Word =
    Word::simple("match", "[\"KIND:VALUE\"…]", "What else must hold; several `match` are alternatives.")
        .properties(KINDS)
        .many();

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Condition {
    let mut node = Node::open(kdl, &WORD, reading);
    let mut condition = Condition::default();
    if kdl.entries().is_empty() {
        let error = Diagnostic::error("missing-argument", node.span, "`match` lacks a condition");
        reading.report(error.label("expected `method=`, `header=`, `query=` or `cookie=`"));
    }
    for kind in KINDS {
        if let Some(value) = node.property::<String>(kind, reading) {
            add(&mut condition, kind, value, reading);
        }
    }
    for argument in node.rest::<String>(reading) {
        match argument.value.split_once(':') {
            Some((kind, value)) if KINDS.contains(&kind) => {
                add(&mut condition, kind, Spanned::new(value.to_owned(), argument.span), reading);
            }
            parts => reading.report(unknown_kind(parts.map_or(&argument.value, |(kind, _)| kind), &argument)),
        }
    }
    node.finish(reading);
    condition
}

fn add(condition: &mut Condition, kind: &str, written: Spanned<String>, reading: &mut Reading<'_>) {
    let (name, value) = match written.value.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (written.value.clone(), None),
    };
    if name.is_empty() {
        return reading.report(Diagnostic::error(
            "wrong-value",
            written.span,
            format!("`{kind}` lacks a name"),
        ));
    }
    match kind {
        "method" => condition.methods.extend(read_as::<Method>(&written.value, &written, reading)),
        "header" => {
            condition
                .headers
                .extend(read_as::<HeaderName>(&name, &written, reading).map(|name| (name, value)));
        }
        "query" => condition.queries.push((name, value)),
        _ => condition.cookies.push((name, value)),
    }
}

fn read_as<T: Value>(text: &str, written: &Spanned<String>, reading: &mut Reading<'_>) -> Option<T> {
    reading.value::<T>(&Spanned::new(text.to_owned(), written.span), "match").map(|found| found.value)
}

fn unknown_kind(kind: &str, argument: &Spanned<String>) -> Diagnostic {
    let error = Diagnostic::error("unknown-word", argument.span, format!("`match` cannot look at `{kind}`"));
    match nearest(kind, KINDS.iter().copied()) {
        Some(meant) => error.label(format!("did you mean `\"{meant}:…\"`?")),
        None => error.label("expected `\"method:…\"`, `\"header:…\"`, `\"query:…\"` or `\"cookie:…\"`"),
    }
}

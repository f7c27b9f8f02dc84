//! `cors { … }`: which other origins' pages may read the answers.

use super::text;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::Origins;
use crate::value::Limit;
use crate::word::Word;
use http::{HeaderName, Method};
use kdl::KdlNode;
use std::time::Duration;

pub(super) static WORD: Word =
    Word::simple("cors", "[off]", "Which other origins' pages may read the answers.").block(&[&[
        &ORIGINS,
        &METHODS,
        &HEADERS,
        &EXPOSE,
        &CREDENTIALS,
        &MAX_AGE,
    ]]);

static ORIGINS: Word = Word::simple(
    "origins",
    "\"*\" | ORIGIN…",
    "Who may ask; `https://*.b.example` stands for every sub-domain.",
);
static METHODS: Word =
    Word::simple("methods", "METHOD…", "Which methods. Default GET, HEAD, POST, PUT, PATCH, DELETE.");
static HEADERS: Word =
    Word::simple("headers", "NAME… | \"*\"", "Which request headers. Default `*`: those that are asked for.");
static EXPOSE: Word = Word::simple("expose", "NAME… | off", "Which response headers a page may read.");
static CREDENTIALS: Word =
    Word::simple("credentials", "on | off", "Whether cookies may be sent along. Default off.");
static MAX_AGE: Word =
    Word::simple("max-age", "DURATION | off", "How long a browser may remember the answer.");

/// As written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Cors {
    /// `cors off`: an inherited one ends.
    pub off: bool,
    /// Where the block stands, if there is one.
    pub span: Option<Span>,
    pub origins: Option<Spanned<Origins>>,
    /// Whether it names origins, however faulty.
    pub has_origins: bool,
    pub methods: Option<Vec<Method>>,
    /// Empty is those that are asked for.
    pub headers: Option<Vec<HeaderName>>,
    pub expose: Option<Vec<HeaderName>>,
    pub credentials: Option<Spanned<bool>>,
    pub max_age: Option<Limit<Duration>>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Cors {
    let mut node = Node::open(kdl, &WORD, reading);
    let off = node.take_word("off");
    let mut cors = Cors { off: off.is_some(), span: Some(node.span), ..Cors::default() };
    if let Some(off) = off.filter(|_| !node.block().is_empty()) {
        let error = Diagnostic::error("conflict", off, "`cors off` has a block");
        reading.report(error.label("leave out one or the other"));
    }
    for (word, child) in node.block() {
        let mut child = Node::open(child, word, reading);
        match word.name {
            "origins" => {
                cors.origins = read_origins(&mut child, reading);
                cors.has_origins = true;
            }
            "methods" => cors.methods = Some(values(child.need_some(reading))),
            "headers" => cors.headers = Some(names_or("*", &mut child, reading)),
            "expose" => cors.expose = Some(names_or("off", &mut child, reading)),
            "credentials" => cors.credentials = child.need(reading),
            _ => cors.max_age = child.need(reading).map(|age| age.value),
        }
        child.finish(reading);
    }
    node.finish(reading);
    cors
}

/// Headers by name, or the one word that stands for none of them.
fn names_or(word: &str, node: &mut Node<'_>, reading: &mut Reading<'_>) -> Vec<HeaderName> {
    match node.take_word(word) {
        Some(_) => Vec::new(),
        None => values(node.need_some(reading)),
    }
}

fn values<T>(found: Vec<Spanned<T>>) -> Vec<T> {
    found.into_iter().map(|found| found.value).collect()
}

fn read_origins(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Spanned<Origins>> {
    let written = node.need_some::<String>(reading);
    let span = written.first()?.span;
    if written.iter().any(|origin| origin.value == "*") {
        if let Some(other) = written.iter().find(|origin| origin.value != "*") {
            let error = Diagnostic::error("conflict", other.span, "`\"*\"` is every origin already");
            reading.report(error.label("leave out one or the other"));
        }
        return Some(Spanned::new(Origins::Any, span));
    }
    let listed = written.into_iter().filter_map(|origin| read_origin(origin, reading)).collect();
    Some(Spanned::new(Origins::Listed(listed), span))
}

/// Scheme and host, perhaps a port, and nothing more (RFC 6454, section 6.2).
fn read_origin(origin: Spanned<String>, reading: &mut Reading<'_>) -> Option<String> {
    let lower = origin.value.to_ascii_lowercase();
    let host = lower.split_once("://").map(|(_, host)| host);
    let problem = match host {
        None => Some("an origin has a scheme: `https://a.example`"),
        Some(host) if host.contains('/') => Some("an origin has no path, not even a `/` at its end"),
        Some("") => Some("an origin has a host"),
        Some(host) if host.strip_prefix("*.").unwrap_or(host).contains('*') => {
            Some("a `*` stands alone for the first label")
        }
        Some(_) => None,
    };
    match problem {
        Some(problem) => {
            reading.report(text::wrong("origins", origin.span, problem));
            None
        }
        None => Some(lower),
    }
}

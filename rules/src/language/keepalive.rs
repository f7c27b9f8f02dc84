//! `keepalive`, of clients' connections: how long one waits for its next request, and how many it carries.

use super::text;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::Browsers;
use crate::value::Limit;
use crate::word::Word;
use kdl::KdlNode;
use std::time::Duration;

/// What may stand beside the time, in `limits` too.
pub(super) const PROPERTIES: &[&str] = &["requests", "age", "told", "except"];

pub(super) static WORD: Word = Word::simple(
    "keepalive",
    "[DURATION | off]",
    "How long a client's connection is kept behind an answer from here. Default what `limits` says.",
)
.properties(PROPERTIES);

/// As written; what is absent is inherited.
#[derive(Debug, Default, Clone)]
pub(crate) struct Keepalive {
    pub idle: Option<Spanned<Limit<Duration>>>,
    pub requests: Option<Spanned<Limit<u64>>>,
    pub age: Option<Spanned<Limit<Duration>>>,
    pub told: Option<Spanned<Limit<Duration>>>,
    pub except: Option<Spanned<Browsers>>,
}

impl Keepalive {
    /// Where any of it was written.
    pub(crate) fn span(&self) -> Option<Span> {
        let time = [&self.idle, &self.age, &self.told].into_iter().flatten().map(|time| time.span).next();
        let requests = self.requests.as_ref().map(|requests| requests.span);
        time.or(requests).or_else(|| self.except.as_ref().map(|except| except.span))
    }
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Keepalive {
    let mut node = Node::open(kdl, &WORD, reading);
    let idle = node.take(reading);
    let keepalive = read_with(idle, &mut node, reading);
    node.finish(reading);
    keepalive
}

/// The properties beside a time that has been read.
pub(super) fn read_with(
    idle: Option<Spanned<Limit<Duration>>>,
    node: &mut Node<'_>,
    reading: &mut Reading<'_>,
) -> Keepalive {
    let keepalive = Keepalive {
        idle,
        requests: node.property("requests", reading),
        age: node.property("age", reading),
        told: node.property("told", reading),
        except: read_browsers(node, reading),
    };
    text::check_not_none("requests", keepalive.requests.as_ref(), reading);
    text::check_not_none("age", keepalive.age.as_ref(), reading);
    text::check_not_none("told", keepalive.told.as_ref(), reading);
    if let Some(told) = keepalive.told.as_ref().filter(|told| !is_told_in_seconds(told.value)) {
        let error = text::wrong("told", told.span, "clients are told whole seconds, and not less than one");
        reading.report(error.label("write `told=\"1s\"` or more, or `off`"));
    }
    keepalive
}

/// Whether `Keep-Alive: timeout=` can say so; what is no time at all is another fault.
fn is_told_in_seconds(told: Limit<Duration>) -> bool {
    told.0.is_none_or(|told| told.is_zero() || told >= Duration::from_secs(1))
}

/// `except="msie6 safari"`, or `except=off`
fn read_browsers(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Spanned<Browsers>> {
    let written = node.property::<String>("except", reading)?;
    let mut browsers = Browsers::default();
    let words: Vec<&str> = written.value.split_whitespace().collect();
    if words == ["off"] {
        return Some(Spanned::new(browsers, written.span));
    }
    if words.is_empty() {
        let error = text::wrong("except", written.span, "it names no browser");
        reading.report(error.label("write `except=off`, or `msie6`, `safari` or both"));
    }
    for word in words {
        let known = text::one_of(
            Some(Spanned::new(word.to_owned(), written.span)),
            &Browsers::NAMES,
            "except",
            reading,
        );
        browsers = known.and_then(|_| browsers.with(word)).unwrap_or(browsers);
    }
    Some(Spanned::new(browsers, written.span))
}

//! Requests of HTTP/1 that somebody once read in two ways, kind by kind, and what is to become of each.

mod bodies;
mod chunks;
mod framing;
mod heads;
mod hosts;

use super::verdict::{INNOCENT, SMUGGLED};

/// One case: what a client sends ahead of an innocent request.
pub(super) struct Case {
    /// The kind's name in the literature.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) sent: Vec<u8>,
    pub(super) rule: Rule,
}

/// What is to become of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// 4xx and nothing upstream; the connection ends, or the innocent request is answered as its own.
    Refused,
    /// 4xx, the connection closed, the upstream's too, before the request is whole.
    Cut,
    /// One request with this line and this body reaches the upstream.
    Passed(&'static str, &'static str),
    /// The proxy answers by itself.
    Answered,
}

impl Case {
    /// The method, as far as the answer's framing depends on it.
    pub(super) fn method(&self) -> &'static str {
        if self.sent.starts_with(b"HEAD ") { "HEAD" } else { "GET" }
    }
}

/// The request that follows each case.
pub(super) fn innocent() -> String {
    format!("GET {INNOCENT} HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

/// What is hidden in many of them.
pub(super) fn smuggled() -> String {
    format!("GET {SMUGGLED} HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

/// The whole table.
pub(super) fn all() -> Vec<Case> {
    let mut table = Table { kind: "", cases: Vec::new() };
    framing::lengths_and_chunks(&mut table);
    framing::codings(&mut table);
    framing::lengths(&mut table);
    chunks::chunks(&mut table);
    chunks::trailers(&mut table);
    heads::lines(&mut table);
    heads::request_lines(&mut table);
    hosts::hosts(&mut table);
    bodies::expectations(&mut table);
    bodies::upgrades(&mut table);
    heads::names(&mut table);
    bodies::bodies(&mut table);
    table.cases
}

struct Table {
    kind: &'static str,
    cases: Vec<Case>,
}

impl Table {
    fn kind(&mut self, kind: &'static str) -> &mut Self {
        self.kind = kind;
        self
    }

    fn case(&mut self, rule: Rule, name: impl Into<String>, sent: impl Into<Vec<u8>>) -> &mut Self {
        self.cases.push(Case { kind: self.kind, name: name.into(), sent: sent.into(), rule });
        self
    }
}

/// A POST with these fields and this body.
fn post(fields: &str, body: &str) -> String {
    format!("POST /meant HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n\r\n{body}")
}

/// A GET with these fields.
fn get(fields: &str) -> String {
    format!("GET /meant HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n\r\n")
}

/// A POST whose body is made of these chunks.
fn chunked(chunks: &str) -> String {
    post("Transfer-Encoding: chunked", chunks)
}

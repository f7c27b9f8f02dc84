//! What of a head that is refused has one reading, as a head of its own: so that the rules can say what is answered.
//!
//! It is for vordr's own eyes. Nothing says where a body would end or what becomes of the connection, and no upstream ever
//! sees it (`Exchange::refused`).

use super::doubt;
use super::head::{Fields, HeadBounds};
use super::retarget::escaped;
use crate::exchange::is_host;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method};
use std::borrow::Cow;

/// What stands in where not even the first line has one reading.
const NOTHING: &[u8] = b"GET / HTTP/1.1\r\n";
/// Fields that frame a message, belong to a connection, or ask for something else than to be answered.
const LEFT_OUT: [&str; 11] = [
    "access-control-request-method",
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A head in the place of one that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StandIn {
    /// Its bytes.
    pub head: Vec<u8>,
    /// Whether its first line is the refused one's.
    pub is_read: bool,
}

impl StandIn {
    /// In the place of a head of which nothing is known.
    pub(crate) fn nothing() -> Self {
        Self { head: [NOTHING, b"\r\n"].concat(), is_read: false }
    }
}

/// Takes of a head, as far as it has come, its first line and what fields stand before the first that is wrong.
pub(crate) fn stand_in(head: &[u8], bounds: HeadBounds) -> StandIn {
    let mut lines = Lines { rest: head, lenient: bounds.lenient };
    let first = loop {
        match lines.next() {
            Some([]) => {}
            line => break line.and_then(|line| first_line(line, bounds)),
        }
    };
    let Some(FirstLine { line, host }) = first else {
        return StandIn::nothing();
    };
    let mut head = line;
    if let Some(host) = host {
        head.extend([b"Host: ", host, b"\r\n"].concat());
    }
    fields(lines, host.is_some(), bounds, &mut head);
    head.extend_from_slice(b"\r\n");
    StandIn { head, is_read: true }
}

/// A first line that has one reading, with its end.
struct FirstLine<'h> {
    line: Vec<u8>,
    /// The host that its target names.
    host: Option<&'h [u8]>,
}

fn first_line(line: &[u8], bounds: HeadBounds) -> Option<FirstLine<'_>> {
    if line.len() > bounds.request_line {
        return None;
    }
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_known = matches!(version, b"HTTP/1.0" | b"HTTP/1.1") && words.next().is_none();
    let capital = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-');
    if !is_known || !method.iter().all(capital) || Method::from_bytes(method).is_err() || method == b"CONNECT"
    {
        return None;
    }
    doubt::target(std::str::from_utf8(method).ok()?, std::str::from_utf8(target).ok()?).ok()?;
    let (host, path) = match doubt::taken_apart(target) {
        Some((host, _)) if !is_host(host) => return None,
        Some((host, path)) => (Some(host), path),
        None => (None, target),
    };
    let path = match path {
        [] => Cow::Borrowed(&b"/"[..]),
        [b'?', ..] => Cow::Owned([b"/", path].concat()),
        path => Cow::Borrowed(path),
    };
    let path = escaped(&path);
    std::str::from_utf8(&path).ok()?.parse::<PathAndQuery>().ok()?;
    let line = [method, b" ", &path, b" ", version, b"\r\n"].concat();
    Some(FirstLine { line, host })
}

/// Appends the fields before the first that is wrong, but for what is left out. A target's host takes the place of another.
fn fields(lines: Lines<'_>, has_host: bool, bounds: HeadBounds, head: &mut Vec<u8>) {
    let mut read = Fields::default();
    let (mut said_host, mut said_length) = (false, false);
    for line in lines.take(bounds.fields).take_while(|line| !line.is_empty()) {
        let Some((name, value)) = field(line) else { return };
        if name == CONTENT_LENGTH {
            // Whether it is a number is asked once all fields are there.
            if std::mem::replace(&mut said_length, true) {
                return;
            }
            continue;
        }
        if read.read(&httparse::Header { name: name.as_str(), value: value.as_bytes() }).is_err() {
            return;
        }
        if name == HOST && (std::mem::replace(&mut said_host, true) || !is_host(value.as_bytes())) {
            return;
        }
        if !LEFT_OUT.contains(&name.as_str()) && (name != HOST || !has_host) {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_at(memchr::memchr(b':', line)?);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
}

/// The lines that have come whole, without their ends, up to one that does not end as it has to.
struct Lines<'h> {
    rest: &'h [u8],
    lenient: bool,
}

impl<'h> Iterator for Lines<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        let (line, rest) = self.rest.split_at(memchr::memchr(b'\n', self.rest)?);
        self.rest = rest.get(1..).unwrap_or_default();
        match line.split_last() {
            Some((b'\r', line)) => Some(line),
            _ if self.lenient => Some(line),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BOUNDS: HeadBounds = HeadBounds { size: 1 << 15, request_line: 64, fields: 16, lenient: false };

    fn written(head: &str) -> String {
        let StandIn { head, is_read } = stand_in(head.as_bytes(), BOUNDS);
        let head = String::from_utf8(head).unwrap().replace("\r\n", "|");
        if is_read { head } else { format!("unread {head}") }
    }

    #[test]
    fn the_fields_before_the_first_that_is_wrong_are_kept() {
        for (rest, kept) in [
            ("Host: a.test\r\nA: b\r\nHost: b.test\r\nC: d\r\n\r\n", "host: a.test|a: b||"),
            ("A: b\r\nHost: a b\r\nC: d\r\n\r\n", "a: b||"),
            ("A: b\r\n folded\r\nC: d\r\n\r\n", "a: b||"),
            ("A: b\r\nB : c\r\nC: d\r\n\r\n", "a: b||"),
            ("A: b\r\nB: c\nC: d\r\n\r\n", "a: b||"),
            ("A: b\r\nContent_Length: 3\r\nC: d\r\n\r\n", "a: b||"),
            ("A: b\r\nContent-Length: 3\r\nContent-Length: 3\r\nC: d\r\n\r\n", "a: b||"),
            ("A: b\r\nContent-Length: x\r\nC: d\r\n\r\n", "a: b|c: d||"),
            ("A: b\r\nB: c\r\nC: half of", "a: b|b: c||"),
            ("A: b\r\n\r\nC: d\r\n", "a: b||"),
        ] {
            assert_eq!(
                written(&format!("\r\nGET /x?y HTTP/1.0\r\n{rest}")),
                format!("GET /x?y HTTP/1.0|{kept}")
            );
        }
    }

    #[test]
    fn nothing_is_kept_that_frames_or_belongs_to_the_connection() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 3\r\nConnection: x\r\nTransfer-Encoding: gzip\r\nUpgrade: y\r\nA: b\r\n\r\n";
        assert_eq!(written(head), "POST / HTTP/1.1|a: b||");
    }

    #[test]
    fn a_line_with_more_than_one_reading_is_not_kept() {
        let long = format!("GET /{} HTTP/1.1", "x".repeat(64));
        for line in [
            "G@T / HTTP/1.1",
            "get / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET /",
            "GET / HTTP/2.0",
            "GET a HTTP/1.1",
            "GET /a b HTTP/1.1",
            "CONNECT a:443 HTTP/1.1",
            "GET ftp://a/ HTTP/1.1",
            "GET http://a|b/ HTTP/1.1",
            "GET /#a HTTP/1.1",
            &long,
        ] {
            assert_eq!(
                written(&format!("{line}\r\nHost: a.test\r\n\r\n")),
                "unread GET / HTTP/1.1||",
                "{line}"
            );
        }
        assert_eq!(written("GET / HT"), "unread GET / HTTP/1.1||");
        assert_eq!(written(""), "unread GET / HTTP/1.1||");
    }

    #[test]
    fn a_targets_host_takes_the_place_of_another_one() {
        let head = "GET HTTP://b.test?y HTTP/1.1\r\nHost: a.test\r\nA: b\r\n\r\n";
        assert_eq!(written(head), "GET /?y HTTP/1.1|Host: b.test|a: b||");
    }

    #[test]
    fn no_more_fields_are_kept_than_there_may_be() {
        let head = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(40));
        assert_eq!(written(&head).matches("a: b").count(), 16);
    }
}

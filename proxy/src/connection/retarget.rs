//! Heads that have one reading and that Pingora would refuse all the same, written so that it takes them.

use super::doubt::taken_apart;
use crate::exchange::Failure;
use memchr::memchr;
use percent_encoding::percent_encode_byte;
use std::borrow::Cow;

/// What no URL has as it is (RFC 3986, section 2) and some clients send all the same, as nginx lets them.
const ESCAPED: &[u8] = br"<>\^`{|}";

/// Whether a byte goes on escaped, in the query of a target or before it.
fn goes_escaped(byte: u8, in_query: bool, is_text: bool) -> bool {
    ESCAPED.contains(&byte) || in_query && byte == b'"' || !is_text && !byte.is_ascii()
}

/// The head as Pingora takes it; `None` where it does so as it is. Where a target names another host than `Host` does, it is
/// the target's that counts (RFC 9112, section 3.2.2), or where that is not `lenient`, the head is refused.
pub(crate) fn retargeted(head: &[u8], lenient: bool) -> Result<Option<Vec<u8>>, Failure> {
    let Some(Parts { method, target, version, fields }) = Parts::of(head) else { return Ok(None) };
    let absolute = taken_apart(target);
    if absolute.is_some_and(|(host, _)| needs_escape(host)) {
        return Err(Failure::BadRequest("the target names a host that is none"));
    }
    let named = absolute.filter(|(host, _)| said_host(fields).is_some_and(|said| said != *host));
    if named.is_some() && !lenient {
        return Err(Failure::BadRequest("the target names another host than Host does"));
    }
    let escaped = escaped(named.map_or(target, |(_, path)| path));
    if named.is_none() && matches!(escaped, Cow::Borrowed(_)) {
        return Ok(None);
    }
    let slash = if escaped.starts_with(b"/") || named.is_none() { "" } else { "/" };
    let mut again = [method, b" ", slash.as_bytes(), &escaped, b" ", version, b"\r\n"].concat();
    let Some((host, _)) = named else {
        again.extend_from_slice(fields);
        return Ok(Some(again));
    };
    again.extend([b"Host: ", host, b"\r\n"].concat());
    for line in lines(fields).filter(|line| value_of_host(line).is_none()) {
        again.extend([line, b"\r\n"].concat());
    }
    again.extend_from_slice(b"\r\n");
    Ok(Some(again))
}

/// A head's first line, and its fields with the empty line at their end.
struct Parts<'h> {
    method: &'h [u8],
    target: &'h [u8],
    version: &'h [u8],
    fields: &'h [u8],
}

impl<'h> Parts<'h> {
    fn of(head: &'h [u8]) -> Option<Self> {
        let start = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
        let (line, fields) = line(head.get(start..)?)?;
        let mut words = line.splitn(3, |byte| *byte == b' ');
        Some(Self { method: words.next()?, target: words.next()?, version: words.next()?, fields })
    }
}

fn needs_escape(text: &[u8]) -> bool {
    text.iter().any(|byte| ESCAPED.contains(byte))
}

pub(super) fn escaped(target: &[u8]) -> Cow<'_, [u8]> {
    let is_text = std::str::from_utf8(target).is_ok();
    let query = memchr(b'?', target).unwrap_or(target.len());
    let goes = |(at, byte): (usize, &u8)| goes_escaped(*byte, at > query, is_text);
    if !target.iter().enumerate().any(goes) {
        return Cow::Borrowed(target);
    }
    let mut escaped = Vec::with_capacity(target.len() + 2);
    for (at, byte) in target.iter().enumerate() {
        match goes((at, byte)) {
            true => escaped.extend_from_slice(percent_encode_byte(*byte).as_bytes()),
            false => escaped.push(*byte),
        }
    }
    Cow::Owned(escaped)
}

/// What `Host` says.
fn said_host(fields: &[u8]) -> Option<&[u8]> {
    lines(fields).find_map(value_of_host)
}

fn value_of_host(line: &[u8]) -> Option<&[u8]> {
    let (name, value) = line.split_at(memchr(b':', line)?);
    name.eq_ignore_ascii_case(b"host").then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

/// A line without its end, and what follows it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = bytes.split_at(memchr(b'\n', bytes)?);
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default()))
}

/// The lines of the fields.
fn lines(mut fields: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (found, rest) = line(fields)?;
        fields = rest;
        Some(found)
    })
    .take_while(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(head: &str) -> String {
        retargeted(head.as_bytes(), true)
            .unwrap()
            .map_or_else(|| "as it is".to_owned(), |head| String::from_utf8(head).unwrap())
    }

    #[test]
    fn a_targets_host_takes_the_place_of_another_one() {
        for (target, line) in [
            ("http://b.test/x?y", "GET /x?y HTTP/1.1"),
            ("HTTPS://b.test:81", "GET / HTTP/1.1"),
            ("http://b.test?y", "GET /?y HTTP/1.1"),
            ("http://b.test//x", "GET //x HTTP/1.1"),
        ] {
            let head = written(&format!("\r\nGET {target} HTTP/1.1\r\nA: b\r\nHost: a.test\r\nC: d\r\n\r\n"));
            let host = if target.contains("81") { "b.test:81" } else { "b.test" };
            assert_eq!(head, format!("{line}\r\nHost: {host}\r\nA: b\r\nC: d\r\n\r\n"));
        }
    }

    #[test]
    fn another_host_is_refused_where_heads_are_read_strictly() {
        let head = |host| format!("GET http://a.test/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert!(retargeted(head("b.test").as_bytes(), false).is_err());
        assert_eq!(retargeted(head("a.test").as_bytes(), false), Ok(None));
    }

    #[test]
    fn a_host_in_a_target_that_had_to_be_escaped_is_none() {
        for host in ["a|b", "a.test", "<a>"] {
            let head = format!("GET http://a|b/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert!(retargeted(head.as_bytes(), true).is_err(), "{host}");
        }
    }

    #[test]
    fn what_pingora_takes_stays_as_it_is() {
        for target in ["/", "*", "/a?b=http://c", "http://a.test/x", "/%7b\"é", "/?é"] {
            assert_eq!(written(&format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")), "as it is");
        }
        assert_eq!(written("GET http://a.test/ HTTP/1.0\r\n\r\n"), "as it is");
    }

    #[test]
    fn what_no_url_has_is_escaped() {
        for (start, byte) in
            ["/a", "/a?"].into_iter().flat_map(|start| (b'!'..=b'~').map(move |byte| (start, byte)))
        {
            let target = format!("{start}{}", char::from(byte));
            let head = written(&format!("GET {target} HTTP/1.1\nHost: a.test\n\n"));
            let sent = if head == "as it is" { &target } else { head.split(' ').nth(1).unwrap() };
            assert!(byte == b'#' || sent.parse::<http::uri::PathAndQuery>().is_ok(), "{target}");
            assert_eq!(percent_encoding::percent_decode_str(sent).decode_utf8().unwrap(), target);
        }
    }

    #[test]
    fn letters_of_another_alphabet_go_on_escaped() {
        let head = retargeted(b"GET /\xe4?\xf6 HTTP/1.1\r\nHost: a.test\r\n\r\n", true).unwrap().unwrap();
        assert!(head.starts_with(b"GET /%E4?%F6 HTTP/1.1\r\n"), "{head:?}");
    }
}

//! Lines of an access log in a form of the rules' own, as nginx writes them.

use super::context::Exchange;
use super::fill::{Into, Known};
use http::HeaderMap;
use http::request::Parts;
use std::borrow::Cow;
use vordr_rules::placeholder::{Part, Placeholder, Template};
use vordr_rules::table::{Escape, LineFormat};

impl Exchange {
    /// Appends a line, without its end.
    pub(crate) fn line(
        &self,
        format: &LineFormat,
        request: &Parts,
        answer: Option<&HeaderMap>,
        out: &mut Vec<u8>,
    ) {
        let known = Known { request, captures: &self.captures, answer };
        let mut value = Vec::new();
        for part in &format.line.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Placeholder(placeholder) => {
                    value.clear();
                    self.fill_one(placeholder, known, unescaped(placeholder), &mut value);
                    let is_there = !value.is_empty() || self.is_there(placeholder, known);
                    put(Some(&value).filter(|_| is_there), format.escape, out);
                }
            }
        }
    }

    /// Appends the path of the file that a line goes to. What is filled in is the name of one file or folder, and leads
    /// nowhere else.
    pub(crate) fn log_path(
        &self,
        path: &Template,
        request: &Parts,
        answer: Option<&HeaderMap>,
        out: &mut Vec<u8>,
    ) {
        let known = Known { request, captures: &self.captures, answer };
        for part in &path.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Placeholder(placeholder) => {
                    let mut value = Vec::new();
                    self.fill_one(placeholder, known, Into::Raw, &mut value);
                    if value.starts_with(b".") {
                        out.push(b'_');
                    }
                    let plain = |byte: u8| if byte == b'/' || byte.is_ascii_control() { b'_' } else { byte };
                    out.extend(value.into_iter().map(plain));
                }
            }
        }
    }

    /// Whether a line is wanted: where what is filled in is neither empty nor `0`.
    pub(crate) fn wants_line(
        &self,
        condition: &Template,
        request: &Parts,
        answer: Option<&HeaderMap>,
    ) -> bool {
        let known = Known { request, captures: &self.captures, answer };
        let value = self.fill_known(condition, known, Into::Raw);
        !value.is_empty() && value != b"0"
    }

    /// Whether something is there, though it is empty.
    fn is_there(&self, placeholder: &Placeholder, known: Known<'_>) -> bool {
        let has = |headers: &HeaderMap, name| headers.contains_key(name);
        match placeholder {
            Placeholder::QueryMark | Placeholder::Https | Placeholder::Variable(_) => true,
            Placeholder::Completion | Placeholder::ServerName => true,
            Placeholder::Header(name) => has(&known.request.headers, name),
            Placeholder::Auth(name) => has(&self.learnt.answer, name),
            Placeholder::UpstreamHeader(name) => has(&self.upstream_headers, name),
            Placeholder::SentHeader(name) => known.answer.is_some_and(|headers| has(headers, name)),
            Placeholder::Argument(name) => {
                let query = self.current_query(known.request).unwrap_or_default();
                let mut names = query.split('&').filter_map(|pair| pair.split_once('='));
                names.any(|(known, _)| known.eq_ignore_ascii_case(name))
            }
            Placeholder::Capture(number) => known.captures.group(*number).is_some(),
            _ => false,
        }
    }
}

/// Appends a value as the format escapes it; `None` is what is not there.
pub(crate) fn put(value: Option<&Vec<u8>>, escape: Escape, out: &mut Vec<u8>) {
    match (escape, value) {
        (Escape::Default, None) => out.push(b'-'),
        (Escape::Json | Escape::None, None) => {}
        (Escape::Default, Some(value)) => out.extend_from_slice(&visible(value)),
        (Escape::Json, Some(value)) => put_json(value, out),
        (Escape::None, Some(value)) => out.extend_from_slice(value),
    }
}

/// What came goes into a line as it came, and what was decoded as it was.
fn unescaped(placeholder: &Placeholder) -> Into {
    match placeholder {
        Placeholder::Capture(_) | Placeholder::Variable(_) => Into::Raw,
        _ => Into::Header,
    }
}

/// Quotes, backslashes, and all that is no visible ASCII, as `\xXX`.
pub(crate) fn visible(value: &[u8]) -> Cow<'_, [u8]> {
    let is_plain = |byte: &u8| (0x20..0x7f).contains(byte) && !matches!(byte, b'"' | b'\\');
    if value.iter().all(is_plain) {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len() + 16);
    for byte in value {
        match is_plain(byte) {
            true => out.push(*byte),
            false => out.extend_from_slice(format!("\\x{byte:02X}").as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// As it stands in a string of JSON.
fn put_json(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            byte => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::Scene;

    /// The line of a request under a format.
    fn line(format: &str, request: &str) -> String {
        let rules = format!(
            "vordr {{ log-format f {format}; access-log stdout format=f; }}\n\
             server a.test {{ listen 8080; location \"/\" {{ respond 204; }}; }}"
        );
        let mut scene = Scene::under(&rules, super::super::scene::STRANGER, request);
        scene.admit();
        let format = scene.exchange.table.process.log_formats[0].clone();
        let mut out = Vec::new();
        scene.exchange.line(&format, &scene.request, None, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_not_there_is_a_dash_and_what_is_empty_is_nothing() {
        let format = r#""{header.x-a}|{arg.a}|{query}|{?}|{upstream_address}|{https}""#;
        assert_eq!(line(format, "GET /"), "-|-|-||-|");
        assert_eq!(line(format, "GET /?a=\nX-A: "), "||a=|?|-|");
        assert_eq!(line(&format!("{format} escape=json"), "GET /"), "|||||");
        assert_eq!(line(&format!("{format} escape=none"), "GET /"), "|||||");
    }

    #[test]
    fn a_client_can_break_neither_a_line_nor_its_fields() {
        let (format, request) = (r#""<{header.x-a}> <{normal_path}>""#, "GET /%0a%22%C3%A9\nX-A: \"\\\t");
        assert_eq!(line(format, request), r"<\x22\x5C> </\x0A\x22\xC3\xA9>");
        assert_eq!(line(&format!("{format} escape=json"), request), r#"<\"\\> </\n\"é>"#);
        assert_eq!(line(&format!("{format} escape=none"), request), "<\"\\> </\n\"é>");
    }
}

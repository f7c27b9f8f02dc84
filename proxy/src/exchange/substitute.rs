//! `substitute`: texts in the bodies of answers that others take the place of, as the bodies pass.

use super::answer::Answer;
use super::compress::{DIGESTS, may_have_body, weaken};
use super::context::Exchange;
use super::fill::Into;
use super::headers::Headers;
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use vordr_rules::table::{Recode, Substitute};

/// Looks through one body.
#[derive(Debug)]
pub(crate) struct Substitution {
    /// Those that are still looked for.
    pairs: Vec<Pair>,
    /// The bytes that one of them begins with.
    begins: Box<[bool; 256]>,
    once: bool,
    /// The end of what has come: it may be the beginning of one of them.
    kept: Vec<u8>,
    /// What becomes of each byte then.
    recode: Option<Recode>,
}

#[derive(Debug)]
struct Pair {
    from: Vec<u8>,
    to: Vec<u8>,
}

/// What begins at a place.
enum Begins {
    Nothing,
    /// The pair of this number.
    Whole(usize),
    /// Perhaps one of them: that is seen when more has come.
    Perhaps,
}

impl Exchange {
    /// Decides whether the body of the answer with this head is looked through, and says so in it.
    pub(super) fn substitute(
        &mut self,
        request: &Parts,
        status: StatusCode,
        message: &mut impl Headers,
        recode: Option<Recode>,
    ) {
        self.substitution = None;
        self.substitute_texts(request, status, message);
        let has_body = status == StatusCode::PARTIAL_CONTENT || may_have_body(status);
        if recode.is_none() || self.upgrade || !has_body {
            return;
        }
        DIGESTS.iter().for_each(|name| message.remove(name));
        if request.method != Method::HEAD {
            let substitution =
                self.substitution.get_or_insert_with(|| Box::new(Substitution::new(Vec::new(), true)));
            substitution.recode = recode;
        }
    }

    fn substitute_texts(&mut self, request: &Parts, status: StatusCode, message: &mut impl Headers) {
        let Some(rules) = self.settings().and_then(|settings| settings.substitute.as_ref()) else { return };
        let is_other = self.upgrade || self.event_stream || !may_have_body(status);
        if is_other || !is_looked_through(rules, message.headers()) {
            return;
        }
        [CONTENT_LENGTH, ACCEPT_RANGES].iter().chain(&DIGESTS).for_each(|name| message.remove(name));
        match rules.validators {
            true => weaken(message),
            false => [ETAG, LAST_MODIFIED].iter().for_each(|name| message.remove(name)),
        }
        if request.method == Method::HEAD {
            return;
        }
        if request.version != Version::HTTP_10 {
            message.set(&TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let to = |to| self.fill(to, request, Into::Raw);
        let pairs =
            rules.pairs.iter().map(|(from, text)| Pair { from: from.as_bytes().into(), to: to(text) });
        self.substitution = Some(Box::new(Substitution::new(pairs.collect(), rules.once)));
    }

    /// Looks through a body that is there already, so that its length can be told.
    pub(super) fn substitute_whole(&mut self, answer: &mut Answer) {
        let Some(mut substitution) = self.substitution.take() else { return };
        answer.body = substitution.part(std::mem::take(&mut answer.body), true);
        answer.headers.remove(TRANSFER_ENCODING);
        answer.headers.insert(CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    }

    /// Whether a file of this type becomes another one, whose parts nobody knows beforehand.
    pub(super) fn changes_files(&self, content_type: &HeaderValue) -> bool {
        let rules = self.settings().and_then(|settings| settings.substitute.as_ref());
        rules.is_some_and(|rules| rules.is_for(content_type))
    }
}

/// What is packed cannot be looked through, and of a part it is not known what stands around it.
fn is_looked_through(rules: &Substitute, headers: &HeaderMap) -> bool {
    !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
        && headers.get(CONTENT_LENGTH).is_none_or(|length| length != "0")
        && headers.get(CONTENT_TYPE).is_some_and(|found| rules.is_for(found))
}

impl Substitution {
    fn new(pairs: Vec<Pair>, once: bool) -> Self {
        let mut new = Self { pairs, begins: Box::new([false; 256]), once, kept: Vec::new(), recode: None };
        new.note_beginnings();
        new
    }

    /// Takes a part of a body and gives what can be sent of it, which may be nothing yet. Kept is only what may be the
    /// beginning of a text that is looked for.
    pub(crate) fn part(&mut self, part: Bytes, is_end: bool) -> Bytes {
        let text = if self.pairs.is_empty() && self.kept.is_empty() {
            part
        } else {
            self.looked_through(part, is_end)
        };
        let Some(recode) = &self.recode else { return text };
        let becomes = |byte: &u8| recode.bytes.get(usize::from(*byte)).copied().unwrap_or(*byte);
        text.iter().map(becomes).collect()
    }

    fn looked_through(&mut self, part: Bytes, is_end: bool) -> Bytes {
        let text = match self.kept.is_empty() {
            true => part,
            false => [std::mem::take(&mut self.kept).as_slice(), &part].concat().into(),
        };
        let (mut out, mut sent, mut at) = (Vec::new(), 0, 0);
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let Some(next) = rest.iter().position(|byte| self.is_beginning(*byte)) else {
                at = text.len();
                break;
            };
            at += next;
            match self.begins_at(rest.get(next..).unwrap_or_default(), is_end) {
                Begins::Nothing => at += 1,
                Begins::Perhaps => break,
                Begins::Whole(number) => {
                    out.extend_from_slice(text.get(sent..at).unwrap_or_default());
                    at += self.put(number, &mut out);
                    sent = at;
                }
            }
        }
        self.kept = text.get(at..).unwrap_or_default().to_vec();
        if sent == 0 {
            return text.slice(..at);
        }
        out.extend_from_slice(text.get(sent..at).unwrap_or_default());
        out.into()
    }

    /// Puts what takes the place of a text, and says how long that was.
    fn put(&mut self, number: usize, out: &mut Vec<u8>) -> usize {
        let Some(pair) = self.pairs.get(number) else { return 1 };
        out.extend_from_slice(&pair.to);
        let length = pair.from.len();
        if self.once {
            self.pairs.remove(number);
            self.note_beginnings();
        }
        length
    }

    fn begins_at(&self, text: &[u8], is_end: bool) -> Begins {
        for (number, pair) in self.pairs.iter().enumerate() {
            let there = text.get(..pair.from.len()).unwrap_or(text);
            let so_far = pair.from.get(..there.len()).unwrap_or_default();
            if !there.eq_ignore_ascii_case(so_far) {
                continue;
            }
            if there.len() == pair.from.len() {
                return Begins::Whole(number);
            }
            if !is_end {
                return Begins::Perhaps;
            }
        }
        Begins::Nothing
    }

    fn is_beginning(&self, byte: u8) -> bool {
        self.begins.get(usize::from(byte)).is_some_and(|begins| *begins)
    }

    fn note_beginnings(&mut self) {
        self.begins.fill(false);
        for first in self.pairs.iter().filter_map(|pair| pair.from.first()) {
            for byte in [first.to_ascii_lowercase(), first.to_ascii_uppercase()] {
                if let Some(begins) = self.begins.get_mut(usize::from(byte)) {
                    *begins = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{Scene, values};
    use super::*;

    fn substitution(pairs: &[(&str, &str)], once: bool) -> Substitution {
        let pair = |(from, to): &(&str, &str)| Pair { from: (*from).into(), to: (*to).into() };
        Substitution::new(pairs.iter().map(pair).collect(), once)
    }

    /// The body whole, and byte by byte, which must come to the same.
    fn made(pairs: &[(&str, &str)], once: bool, body: &str) -> String {
        let whole = substitution(pairs, once).part(Bytes::copy_from_slice(body.as_bytes()), true);
        let mut in_parts = substitution(pairs, once);
        let mut parts = Vec::new();
        for byte in body.bytes() {
            parts.extend_from_slice(&in_parts.part(Bytes::copy_from_slice(&[byte]), false));
        }
        parts.extend_from_slice(&in_parts.part(Bytes::new(), true));
        assert_eq!(whole, parts, "{body} whole, and in parts");
        String::from_utf8(parts).unwrap()
    }

    #[test]
    fn a_text_is_found_in_any_case_and_wherever_the_body_is_cut() {
        let pairs = [("href=\"/", "href=\"/app/")];
        assert_eq!(made(&pairs, false, "<A HREF=\"/x\"><a href=\"/"), "<A href=\"/app/x\"><a href=\"/app/");
        assert_eq!(made(&pairs, false, "href=\"href=\"/"), "href=\"href=\"/app/");
        assert_eq!(made(&pairs, false, "href="), "href=");
        assert_eq!(made(&pairs, false, ""), "");
    }

    #[test]
    fn the_first_place_counts_and_at_one_place_the_first_text() {
        assert_eq!(made(&[("abc", "Y"), ("ab", "X")], false, "abc ab abd"), "Y X Xd");
        assert_eq!(made(&[("ab", "X"), ("abc", "Y")], false, "abc"), "Xc");
        assert_eq!(made(&[("bc", "1"), ("abcd", "2")], false, "abcd abce"), "2 a1e");
        assert_eq!(made(&[("aaab", "1"), ("bca", "3")], false, "aaaab xabca"), "a1 xa3");
    }

    #[test]
    fn what_takes_a_place_is_not_looked_through_again() {
        assert_eq!(made(&[("a", "aa"), ("x", "")], false, "axa"), "aaaa");
    }

    #[test]
    fn once_is_once_for_each_text() {
        assert_eq!(made(&[("a", "1"), ("b", "2")], true, "abab"), "12ab");
        assert_eq!(made(&[("a", "1"), ("ab", "2")], true, "abab"), "1b2");
    }

    #[test]
    fn nothing_is_kept_but_what_may_be_the_beginning_of_a_text() {
        let mut body = substitution(&[("</head>", "x")], false);
        assert_eq!(body.part(Bytes::from_static(b"data: 1\n\n"), false), "data: 1\n\n");
        assert_eq!(body.part(Bytes::from_static(b"a </hea"), false), "a ");
        assert_eq!(body.part(Bytes::from_static(b"lth"), false), "</health");
    }

    const WORDS: &str = r#"substitute { replace "a" "{host}"; }; proxy "http://app""#;

    #[test]
    fn the_head_of_another_body_tells_nothing_of_the_first() {
        let theirs = [
            ("content-type", "text/html"),
            ("content-length", "9"),
            ("etag", "\"x\""),
            ("last-modified", "Mon, 20 Nov 2023 00:00:00 GMT"),
            ("accept-ranges", "bytes"),
        ];
        let headers = Scene::of(WORDS, "GET /").delivered(&theirs);
        for name in ["content-length", "etag", "last-modified", "accept-ranges"] {
            assert_eq!(values(&headers, name), [""; 0], "{name}");
        }
        let words = WORDS.replace("substitute", "substitute validators=on");
        let headers = Scene::of(&words, "GET /").delivered(&theirs);
        assert_eq!(values(&headers, "etag"), ["W/\"x\""]);
        assert_eq!(values(&headers, "last-modified").len(), 1);
    }

    #[test]
    fn bytes_that_become_others_have_no_digest() {
        let words =
            r#"charset koi8-r source=windows-1251 { recode windows-1251 "e0=c1"; }; proxy "http://app""#;
        let theirs =
            [("content-type", "text/html"), ("content-length", "9"), ("content-digest", "sha-256=:x:")];
        for request in ["GET /", "HEAD /"] {
            let headers = Scene::of(words, request).delivered(&theirs);
            assert_eq!(values(&headers, "content-type"), ["text/html; charset=koi8-r"]);
            assert_eq!(values(&headers, "content-length"), ["9"]);
            assert_eq!(values(&headers, "content-digest"), [""; 0], "{request}");
        }
    }

    #[test]
    fn other_types_what_is_packed_parts_and_events_pass_as_they_are() {
        for theirs in [
            [("content-type", "text/css"), ("content-length", "9")],
            [("content-type", "text/html"), ("content-length", "0")],
            [("content-type", "text/event-stream"), ("content-length", "9")],
        ] {
            let headers =
                Scene::of(&WORDS.replace("substitute", "substitute types=\"*\""), "GET /").delivered(&theirs);
            let passes = theirs[0].1 != "text/css";
            assert_eq!(values(&headers, "content-length").len(), usize::from(passes), "{theirs:?}");
        }
        for other in [("content-encoding", "gzip"), ("content-range", "bytes 0-8/20")] {
            let theirs = [("content-type", "text/html"), ("content-length", "9"), other];
            let headers = Scene::of(WORDS, "GET /").delivered(&theirs);
            assert_eq!(values(&headers, "content-length"), ["9"], "{other:?}");
        }
    }

    #[test]
    fn an_upstream_is_not_asked_to_pack_what_is_looked_through() {
        let headers = Scene::of(WORDS, "GET /\nAccept-Encoding: gzip").forwarded();
        assert_eq!(values(&headers, "accept-encoding"), [""; 0]);
    }

    #[test]
    fn an_answer_of_vordrs_own_is_looked_through_and_tells_its_length() {
        let words = r#"substitute types="text/plain" { replace "one" "three"; }; respond 200 "one""#;
        let answer = Scene::of(words, "GET /").answer();
        assert_eq!((&*answer.body, values(&answer.headers, "content-length")), (&b"three"[..], vec!["5"]));
    }
}

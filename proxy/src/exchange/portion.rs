//! `ranges`: a part of an upstream's whole answer, for a client that asks for one (RFC 9110, section 14).

use super::context::Exchange;
use super::files::condition::{Validators, ranges_hold};
use super::files::range::{Wanted, wanted};
use super::headers::Headers;
use super::nginx_page;
use bytes::{Buf, Bytes};
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::ops::Range;
use vordr_rules::table::Since;

/// What is told of the bytes of a whole body, and does not hold of a part (RFC 9530, section 2).
const OF_THE_WHOLE: [HeaderName; 2] =
    [HeaderName::from_static("content-digest"), HeaderName::from_static("content-md5")];
/// What is told of a body, and not of the page in its place.
const OF_THE_BODY: [HeaderName; 5] = [CONTENT_TYPE, CONTENT_ENCODING, ETAG, LAST_MODIFIED, ACCEPT_RANGES];

/// Passes a part of one body on.
#[derive(Debug, Default)]
pub(crate) struct Portion {
    /// How many bytes are still to come ahead of the part.
    skip: u64,
    /// How many of the part are.
    left: u64,
    /// What takes the place of the whole body.
    instead: Bytes,
}

impl Portion {
    /// What of some bytes is passed on.
    pub(crate) fn part(&mut self, mut bytes: Bytes) -> Bytes {
        if !self.instead.is_empty() {
            return std::mem::take(&mut self.instead);
        }
        let within = |bytes: &Bytes, most: u64| {
            usize::try_from(most).map_or(bytes.len(), |most| most.min(bytes.len()))
        };
        let skipped = within(&bytes, self.skip);
        bytes.advance(skipped);
        self.skip -= skipped as u64;
        bytes.truncate(within(&bytes, self.left));
        self.left -= bytes.len() as u64;
        bytes
    }
}

impl Exchange {
    /// Whether parts of the upstream's answers are made here, whatever it says of parts itself.
    pub(super) fn makes_portions(&self) -> bool {
        !self.upgrade && self.proxy().is_some_and(|proxy| proxy.ranges)
    }

    /// Makes of the whole answer with this head the part that is asked for; the status that it has then. The last touch:
    /// what has become of its body, and of its length, counts.
    pub(super) fn make_portion(
        &mut self,
        request: &Parts,
        status: StatusCode,
        message: &mut impl Headers,
    ) -> StatusCode {
        self.portion = None;
        if status != StatusCode::OK || !self.makes_portions() {
            return status;
        }
        let Some(length) = text(message.headers(), CONTENT_LENGTH).and_then(|length| length.parse().ok())
        else {
            return status;
        };
        match self.portion_wanted(request, message.headers(), length) {
            Wanted::Nothing => self.refuse_portion(request, length, message),
            Wanted::Parts(ref parts) if let [one] = parts.as_slice() => {
                self.give_portion(request, one.clone(), length, message)
            }
            _ => {
                message.set(&ACCEPT_RANGES, HeaderValue::from_static("bytes"));
                status
            }
        }
    }

    /// One part at most: for several the body would have to come several times.
    fn portion_wanted(&self, request: &Parts, answer: &HeaderMap, length: u64) -> Wanted {
        let is_nginx = self.has_nginxs_bodies();
        let Some(range) = text(&request.headers, RANGE) else { return Wanted::Whole };
        // A weak tag does not tell bytes apart (section 13.1.5); to nginx it does.
        let etag = text(answer, ETAG).filter(|tag| is_nginx || !tag.starts_with("W/"));
        let modified = text(answer, LAST_MODIFIED).and_then(|time| httpdate::parse_http_date(time).ok());
        let validators = Validators { etag, modified, since: Since::Exact, both: is_nginx };
        let may_be_part = request.method == Method::GET || is_nginx;
        match may_be_part && ranges_hold(&request.headers, validators) {
            true => wanted(range, length, Some(1)),
            false => Wanted::Whole,
        }
    }

    fn give_portion(
        &mut self,
        request: &Parts,
        part: Range<u64>,
        length: u64,
        message: &mut impl Headers,
    ) -> StatusCode {
        let left = part.end - part.start;
        set(message, &CONTENT_RANGE, format!("bytes {}-{}/{length}", part.start, part.end - 1));
        set(message, &CONTENT_LENGTH, left.to_string());
        OF_THE_WHOLE.iter().for_each(|name| message.remove(name));
        if request.method != Method::HEAD {
            self.portion = Some(Box::new(Portion { skip: part.start, left, instead: Bytes::new() }));
        }
        self.become_status(StatusCode::PARTIAL_CONTENT)
    }

    fn refuse_portion(&mut self, request: &Parts, length: u64, message: &mut impl Headers) -> StatusCode {
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        OF_THE_BODY.iter().chain(&OF_THE_WHOLE).for_each(|name| message.remove(name));
        set(message, &CONTENT_RANGE, format!("bytes */{length}"));
        let mut instead = Bytes::new();
        if self.has_nginxs_bodies() {
            let page = nginx_page::page(status);
            page.headers.iter().for_each(|(name, value)| message.set(name, value.clone()));
            instead = page.body;
        }
        set(message, &CONTENT_LENGTH, instead.len().to_string());
        if request.method != Method::HEAD {
            self.portion = Some(Box::new(Portion { instead, ..Portion::default() }));
        }
        self.become_status(status)
    }

    fn become_status(&mut self, status: StatusCode) -> StatusCode {
        self.status = Some(status);
        status
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn set(message: &mut impl Headers, name: &HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        message.set(name, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::Scene;
    use super::*;

    const BODY: &[u8] = b"0123456789";

    /// The status, the length and the range that are told, and the body, which comes in parts of three bytes.
    fn answered(words: &str, request: &str, fields: &[(&'static str, &str)]) -> (u16, String, String) {
        let mut scene =
            Scene::of(&format!("{words}\n proxy \"http://app.example\" {{ ranges on; }}"), request);
        let fields = [&[("content-length", "10"), ("accept-ranges", "none")], fields].concat();
        let headers = scene.delivered(&fields);
        let told = [CONTENT_LENGTH, CONTENT_RANGE, ACCEPT_RANGES]
            .map(|name| text(&headers, name).unwrap_or("-").to_owned());
        let mut body = Vec::new();
        for part in BODY.chunks(3) {
            let part = Bytes::from_static(part);
            body.extend_from_slice(&match &mut scene.exchange.portion {
                Some(portion) => portion.part(part),
                None => part,
            });
        }
        (scene.exchange.status.unwrap().as_u16(), told.join(" "), String::from_utf8(body).unwrap())
    }

    fn asked(range: &str) -> (u16, String, String) {
        answered("", &format!("GET /\nRange: {range}"), &[])
    }

    #[test]
    fn a_part_of_a_whole_answer_is_made_of_it() {
        for (range, told, body) in [
            ("bytes=2-4", "3 bytes 2-4/10 -", "234"),
            ("bytes=0-", "10 bytes 0-9/10 -", "0123456789"),
            ("bytes=-3", "3 bytes 7-9/10 -", "789"),
            ("bytes=8-50", "2 bytes 8-9/10 -", "89"),
            ("bytes=0-1,50-60", "2 bytes 0-1/10 -", "01"),
        ] {
            assert_eq!(asked(range), (206, told.to_owned(), body.to_owned()), "{range}");
        }
        assert_eq!(asked("bytes=10-"), (416, "0 bytes */10 -".to_owned(), String::new()));
        for whole in ["lines=1-2", "bytes=0-1,4-5", "bytes=5-2"] {
            assert_eq!(asked(whole), (200, "10 - bytes".to_owned(), "0123456789".to_owned()), "{whole}");
        }
    }

    #[test]
    fn a_part_is_made_of_what_the_client_holds_a_part_of() {
        let then = "Sun, 06 Nov 1994 08:49:37 GMT";
        let later = "Sun, 06 Nov 1994 08:49:38 GMT";
        for (condition, status) in
            [("\"t\"", 206), ("\"x\"", 200), ("W/\"t\"", 200), (then, 206), (later, 200)]
        {
            let request = format!("GET /\nRange: bytes=2-4\nIf-Range: {condition}");
            let fields = [("etag", "\"t\""), ("last-modified", then)];
            assert_eq!(answered("", &request, &fields).0, status, "{condition}");
            let weak = [("etag", "W/\"t\"")];
            assert_eq!(answered("", &request, &weak).0, 200, "{condition} of a weak tag");
        }
    }

    #[test]
    fn what_is_no_whole_answer_to_get_stays_as_it_is() {
        let whole =
            |words: &str, request: &str, fields: &[(&'static str, &str)]| answered(words, request, fields).0;
        assert_eq!(whole("", "POST /\nRange: bytes=2-4", &[]), 200);
        let packed = "GET /\nRange: bytes=2-4\nAccept-Encoding: gzip";
        assert_eq!(whole("compress gzip min-size=1", packed, &[("content-type", "text/plain")]), 200);
        let mut scene = Scene::of("proxy \"http://app.example\" { ranges on; }", "GET /\nRange: bytes=2-4");
        let headers = scene
            .delivered_as(StatusCode::NOT_FOUND, &[("content-length", "10"), ("accept-ranges", "bytes")]);
        assert!(scene.exchange.portion.is_none());
        assert_eq!((text(&headers, ACCEPT_RANGES), text(&headers, CONTENT_LENGTH)), (None, Some("10")));
    }
}

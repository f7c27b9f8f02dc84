//! `compress`: whether an answer is packed on its way, and what its head says then.

use super::answer::Answer;
use super::coding::{Coding, accepted};
use super::context::Exchange;
use super::files::Representation;
use super::headers::Headers;
use super::packer::Packer;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    TRANSFER_ENCODING, VARY,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use vordr_rules::table::Compress;

/// Types that shrink, besides those that end in `+json` and `+xml`, and text.
const SHRINKING: [&str; 14] = [
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
    "image/x-icon",
];

/// What is told of the very bytes of a body, and does not hold once they are others (RFC 9530).
pub(super) const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

impl Exchange {
    /// Decides how the answer with this head is packed, and says so in it. The last touch: what the operator has made
    /// of the head counts.
    pub(super) fn pack(&mut self, request: &Parts, status: StatusCode, message: &mut impl Headers) {
        (self.packing, self.bytes_unpacked) = (None, 0);
        let Some(compress) = self.settings().and_then(|settings| settings.compress.as_ref()) else { return };
        // To a client of HTTP/1.0, the end of what has no length looks like any cut.
        let offered = compress.codings.iter().filter_map(|name| Coding::named(name));
        let taken = accepted(&request.headers, offered).first().copied();
        let taken = taken.filter(|_| request.version != Version::HTTP_10);
        let taken = taken.filter(|_| compress.proxied || !request.headers.contains_key(http::header::VIA));
        if status == StatusCode::NOT_MODIFIED {
            // What the client holds may be packed; its tag must not become that of the plain form.
            let may_be_packed =
                !message.headers().contains_key(CONTENT_TYPE) || is_packable(compress, message);
            if compress.vary && may_be_packed {
                vary(message);
            }
            if taken.is_some() && may_be_packed {
                weaken(message);
            }
            return;
        }
        if self.upgrade || !may_have_body(status) || !is_packable(compress, message) {
            return;
        }
        if compress.vary {
            vary(message);
        }
        let Some(coding) = taken else { return };
        message.set(&CONTENT_ENCODING, coding.value());
        message.remove(&CONTENT_LENGTH);
        message.remove(&ACCEPT_RANGES);
        DIGESTS.iter().for_each(|name| message.remove(name));
        weaken(message);
        if request.method != Method::HEAD {
            message.set(&TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            self.packing = Some(coding);
        }
    }

    /// The same for a file, of which it is known what a 200 would say in the place of a 304: both have the same tag (RFC 9110,
    /// section 15.4.5).
    pub(super) fn pack_file(&mut self, request: &Parts, head: &mut Answer, file: &Representation) {
        let packs = self.settings().is_some_and(|settings| settings.compress.is_some());
        if head.status != StatusCode::NOT_MODIFIED || !packs {
            return self.pack(request, head.status, &mut head.headers);
        }
        let mut whole = head.headers.clone();
        whole.entry(CONTENT_TYPE).or_insert_with(|| file.content_type.clone());
        if !self.changes_files(&file.content_type) {
            whole.insert(CONTENT_LENGTH, HeaderValue::from(file.length));
        }
        if let Some(coding) = file.coding {
            whole.insert(CONTENT_ENCODING, coding.value());
        }
        self.pack(request, head.status, &mut whole);
        for name in [ETAG, VARY] {
            head.headers.remove(&name);
            for value in whole.get_all(&name) {
                head.headers.append(&name, value.clone());
            }
        }
    }

    /// Packs a body that is there already, so that its length can be told.
    pub(super) fn pack_whole(&mut self, answer: &mut Answer) {
        let Some(coding) = self.packing else { return };
        self.bytes_unpacked = answer.body.len() as u64;
        match Packer::new(coding).and_then(|packer| packer.finish(&answer.body)) {
            Ok(packed) => answer.body = packed,
            // There is no memory for it; the plain body does as well.
            Err(_) => {
                answer.headers.remove(CONTENT_ENCODING);
                self.packing = None;
            }
        }
        answer.headers.remove(TRANSFER_ENCODING);
        answer.headers.insert(CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    }
}

pub(super) fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational()
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT)
}

/// Whether packing leaves the answer what it is, and is worth it.
fn is_packable(compress: &Compress, message: &impl Headers) -> bool {
    let headers = message.headers();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let lists = |name: HeaderName, word: &str| {
        let lines = headers.get_all(name);
        let mut words = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        words.any(|found| found.trim().eq_ignore_ascii_case(word))
    };
    !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
        && !lists(CACHE_CONTROL, "no-transform")
        && length.is_none_or(|length: u64| length >= compress.min_size)
        && headers.get(CONTENT_TYPE).is_some_and(|found| is_wanted(compress.types.as_deref(), found))
}

/// Events are left alone: they are small, come when they come, and a packer for each stream would be held for hours.
fn is_wanted(types: Option<&[String]>, content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase();
    if essence == "text/event-stream" {
        return false;
    }
    if let Some(types) = types {
        return types.iter().any(|wanted| wanted == "*" || *wanted == essence);
    }
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || SHRINKING.contains(&essence.as_str())
}

fn vary(message: &mut impl Headers) {
    let lists = |line: &HeaderValue| {
        let names = line.to_str().unwrap_or_default().split(',').map(str::trim);
        names.into_iter().any(|name| name == "*" || name.eq_ignore_ascii_case("accept-encoding"))
    };
    if !message.headers().get_all(VARY).iter().any(lists) {
        message.add(&VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// Packed anew it may be other bytes, though it says the same (RFC 9110, section 8.8.1).
pub(super) fn weaken(message: &mut impl Headers) {
    let strong = message.headers().get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    let weak = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        message.set(&ETAG, weak);
    }
}

#[cfg(test)]
mod tests;

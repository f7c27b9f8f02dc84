//! The response as the client shall see it.

use super::admit::X_REQUEST_ID;
use super::answer::Answer;
use super::context::Exchange;
use super::headers::{Headers, strip_hop_by_hop};
use super::{cors, operation};
use http::header::{CONTENT_TYPE, LOCATION, REFRESH, SERVER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use std::time::Instant;

impl Exchange {
    /// Edits the upstream's answer for the client. Not for 1xx, which pass as they are; a 101 keeps what its
    /// handshake is made of.
    pub fn deliver(&mut self, request: &Parts, status: StatusCode, message: &mut impl Headers) {
        self.first_byte = Some(Instant::now());
        if status != StatusCode::SWITCHING_PROTOCOLS {
            strip_hop_by_hop(message);
        }
        self.event_stream = is_event_stream(message);
        self.fix_addresses(request, message);
        self.sign(request, message, false);
    }

    /// The last touch on an answer of vordr's own making.
    pub(super) fn finish_answer(&mut self, answer: Answer, request: &Parts) -> Answer {
        self.first_byte = Some(Instant::now());
        let mut answer = answer.framed(&request.method);
        let preflight = self.preflight.is_some();
        self.sign(request, &mut answer.headers, preflight);
        answer
    }

    /// What stands on every answer: vordr's name, the request's id, CORS, and the operator's last word.
    fn sign(&self, request: &Parts, message: &mut impl Headers, preflight: bool) {
        message.set(&SERVER, HeaderValue::from_static("vordr"));
        message.set(&X_REQUEST_ID, self.request_id.clone());
        let Some(settings) = self.settings() else { return };
        if let Some(cors) = &settings.cors {
            cors::apply(cors, &request.headers, message, preflight);
        }
        operation::apply(self, &settings.response, request, message);
    }

    /// The upstream's own address is nobody's but vordr's.
    fn fix_addresses(&self, request: &Parts, message: &mut impl Headers) {
        let Some(proxy) = self.proxy().filter(|proxy| proxy.location_fix) else { return };
        let host = self.upstream_host(proxy, request);
        let Some(theirs) = host.to_str().ok().filter(|theirs| !theirs.is_empty()) else { return };
        for name in [LOCATION, REFRESH] {
            self.fix_url(&name, theirs, message);
        }
        if message.headers().contains_key(SET_COOKIE) {
            drop_domain(vordr_rules::table::without_port(theirs), message);
        }
    }

    fn fix_url(&self, name: &HeaderName, theirs: &str, message: &mut impl Headers) {
        let Some(value) = message.headers().get(name).and_then(|value| value.to_str().ok()) else { return };
        let Some((before, url)) = split_at_url(value) else { return };
        let Some((_, after_scheme)) = url.split_once("://") else { return };
        let end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
        let (authority, rest) = after_scheme.split_at(end);
        if !is_same_authority(authority, theirs) {
            return;
        }
        let public = self.public.host.to_str().unwrap_or_default();
        let fixed = format!("{before}{}://{public}{rest}", self.public.scheme);
        if let Ok(fixed) = HeaderValue::try_from(fixed) {
            message.set(name, fixed);
        }
    }
}

/// What stands before a value's URL, and the URL: all of a `Location`, what follows `url=` in a `Refresh`.
fn split_at_url(value: &str) -> Option<(&str, &str)> {
    let lower = value.to_ascii_lowercase();
    let start = ["https://", "http://"].iter().filter_map(|scheme| lower.find(scheme)).min()?;
    let (before, url) = value.split_at_checked(start)?;
    let introduced =
        before.is_empty() || before.trim_end_matches(['"', '\'', ' ']).to_ascii_lowercase().ends_with("url=");
    introduced.then_some((before, url))
}

/// A default port may be written or not.
fn is_same_authority(one: &str, other: &str) -> bool {
    let plain = |authority: &str| {
        let authority = authority.to_ascii_lowercase();
        let without = authority.strip_suffix(":443").or_else(|| authority.strip_suffix(":80"));
        without.unwrap_or(&authority).to_owned()
    };
    plain(one) == plain(other)
}

/// A cookie for the upstream's own domain would be refused by the browser; without a domain it is the public
/// host's (RFC 6265, section 5.3).
fn drop_domain(domain: &str, message: &mut impl Headers) {
    let cookies: Vec<HeaderValue> = message.headers().get_all(SET_COOKIE).iter().cloned().collect();
    message.remove(&SET_COOKIE);
    for cookie in cookies {
        let fixed =
            cookie.to_str().ok().and_then(|text| HeaderValue::try_from(without_domain(text, domain)).ok());
        message.add(&SET_COOKIE, fixed.unwrap_or(cookie));
    }
}

fn without_domain(cookie: &str, domain: &str) -> String {
    let is_theirs = |attribute: &str| {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        name.trim().eq_ignore_ascii_case("domain")
            && value.trim().trim_start_matches('.').eq_ignore_ascii_case(domain)
    };
    cookie.split(';').filter(|attribute| !is_theirs(attribute)).collect::<Vec<_>>().join(";")
}

fn is_event_stream(message: &impl Headers) -> bool {
    let content_type = message.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type
        .and_then(|found| found.get(..17))
        .is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_loses_the_upstreams_domain_and_keeps_any_other() {
        assert_eq!(without_domain("a=b; Domain=.x.example; Path=/", "x.example"), "a=b; Path=/");
        assert_eq!(without_domain("a=b; Path=/; domain=X.example", "x.example"), "a=b; Path=/");
        assert_eq!(without_domain("a=b; Domain=y.example", "x.example"), "a=b; Domain=y.example");
    }

    #[test]
    fn a_url_is_found_in_a_location_and_in_a_refresh() {
        assert_eq!(split_at_url("https://a/b"), Some(("", "https://a/b")));
        assert_eq!(split_at_url("5; url=http://a/"), Some(("5; url=", "http://a/")));
        assert_eq!(split_at_url("/x?u=http://a/"), None);
        assert_eq!(split_at_url("/x"), None);
    }
}

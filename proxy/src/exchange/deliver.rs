//! The response as the client shall see it.

use super::admit::X_REQUEST_ID;
use super::answer::Answer;
use super::context::Exchange;
use super::files::Representation;
use super::headers::{Headers, strip_hop_by_hop};
use super::reached::Reached;
use super::{cors, operation};
use http::header::{
    ACCEPT_RANGES, CONTENT_TYPE, LOCATION, REFRESH, SERVER, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
    WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use memchr::memmem;
use std::time::Instant;
use vordr_rules::table::{Hsts, LocationFix, Proxy, Recode, without_port};

impl Exchange {
    /// Edits the upstream's answer for the client. Not for 1xx, which pass as they are; a 101 keeps what its
    /// handshake is made of. The status that it has then.
    pub fn deliver(&mut self, request: &Parts, status: StatusCode, message: &mut impl Headers) -> StatusCode {
        self.first_byte = Some(Instant::now());
        self.status = Some(status);
        self.remember(message.headers());
        if status != StatusCode::SWITCHING_PROTOCOLS {
            strip_hop_by_hop(message);
        }
        self.event_stream = is_event_stream(message);
        if let Some(proxy) = self.proxy() {
            self.fix_answer(proxy, request, message);
        }
        if self.makes_portions() {
            message.remove(&ACCEPT_RANGES);
        }
        let theirs = self.proxy().filter(|proxy| proxy.pass_server);
        let server = theirs.and_then(|_| message.headers().get(SERVER).cloned());
        if let Some(cookie) = self.reached.as_ref().and_then(|reached| reached.cookie.clone()) {
            message.add(&SET_COOKIE, cookie);
        }
        self.keep_steered(status, message, false);
        let recode = self.sign(request, status, message, (server, false));
        self.find_pace(request);
        self.substitute(request, status, message, recode);
        self.pack(request, status, message);
        let status = self.make_portion(request, status, message);
        self.await_trailers(request, status, message);
        status
    }

    /// The last touch on an answer of vordr's own making.
    pub(super) fn finish_answer(&mut self, answer: Answer, request: &Parts) -> Answer {
        self.first_byte = Some(Instant::now());
        self.status = Some(answer.status);
        let mut answer = answer.framed(&request.method);
        self.keep_steered(answer.status, &mut answer.headers, true);
        let preflight = self.preflight.is_some();
        let recode = self.sign(request, answer.status, &mut answer.headers, (None, preflight));
        self.find_pace(request);
        self.substitute(request, answer.status, &mut answer.headers, recode);
        self.substitute_whole(&mut answer);
        self.pack(request, answer.status, &mut answer.headers);
        self.pack_whole(&mut answer);
        self.await_trailers(request, answer.status, &mut answer.headers);
        answer
    }

    /// The same for an answer whose body is yet to be read, and which is framed.
    pub(super) fn finish_file(&mut self, mut head: Answer, file: &Representation, request: &Parts) -> Answer {
        self.first_byte = Some(Instant::now());
        self.status = Some(head.status);
        self.keep_steered(head.status, &mut head.headers, true);
        let recode = self.sign(request, head.status, &mut head.headers, (None, false));
        self.find_pace(request);
        self.substitute(request, head.status, &mut head.headers, recode);
        self.pack_file(request, &mut head, file);
        self.await_trailers(request, head.status, &mut head.headers);
        head
    }

    /// What stands on every answer: vordr's name, or that of the `server` behind it; the request's id, CORS, and the
    /// operator's last word. What becomes of the bytes of its body is given back.
    fn sign(
        &self,
        request: &Parts,
        status: StatusCode,
        message: &mut impl Headers,
        (server, preflight): (Option<HeaderValue>, bool),
    ) -> Option<Recode> {
        message.set(&SERVER, server.unwrap_or(HeaderValue::from_static("vordr")));
        if self.adds_forwarded() {
            message.set(&X_REQUEST_ID, self.request_id.clone());
        }
        match (self.hsts(), &self.arrival.tls) {
            (Some(hsts), Some(_)) => message.set(&STRICT_TRANSPORT_SECURITY, hsts.value.clone()),
            (Some(_), None) => message.remove(&STRICT_TRANSPORT_SECURITY),
            (None, _) => {}
        }
        if !message.headers().contains_key(WWW_AUTHENTICATE) {
            for challenge in &self.challenges {
                message.add(&WWW_AUTHENTICATE, challenge.clone());
            }
        }
        if let Some(destination) = &self.destination
            && !message.headers().contains_key(LOCATION)
        {
            message.set(&LOCATION, destination.clone());
        }
        let settings = self.settings()?;
        if let Some(cors) = &settings.cors {
            cors::apply(cors, &request.headers, message, preflight);
        }
        let recode = self.say_of_body(settings, request, status, message);
        let success = status.is_success() || status.is_redirection();
        operation::apply(self, &settings.response, request, Some(success), message);
        recode
    }

    /// What browsers are told over TLS alone (RFC 6797, section 7.2).
    fn hsts(&self) -> Option<&Hsts> {
        self.server()?.tls.as_ref()?.hsts.as_ref()
    }

    /// Puts right what the upstream says of itself and of its cookies.
    fn fix_answer(&self, proxy: &Proxy, request: &Parts, message: &mut impl Headers) {
        match &proxy.location_fix {
            LocationFix::Auto => self.fix_addresses(proxy, request, message),
            LocationFix::Own(rules) => self.replace_addresses(rules, request, message),
            LocationFix::Off => {}
        }
        self.fix_own_cookies(&proxy.cookies, request, message);
    }

    /// The upstream's own address is nobody's but vordr's.
    fn fix_addresses(&self, proxy: &Proxy, request: &Parts, message: &mut impl Headers) {
        if ![LOCATION, REFRESH, SET_COOKIE].iter().any(|name| message.headers().contains_key(name)) {
            return;
        }
        // The name it was called by, and the one it may know itself by.
        let called = self.upstream_host(proxy, request);
        let own = self.reached.as_ref().map(Reached::authority);
        let theirs: Vec<&str> = [Some(&called), own]
            .into_iter()
            .filter_map(|name| name?.to_str().ok().filter(|name| !name.is_empty()))
            .collect();
        for name in [LOCATION, REFRESH] {
            self.fix_url(&name, proxy, &theirs, message);
        }
        if message.headers().contains_key(SET_COOKIE) {
            self.fix_cookies(&theirs, message);
        }
    }

    fn fix_url(&self, name: &HeaderName, proxy: &Proxy, theirs: &[&str], message: &mut impl Headers) {
        let Some(value) = message.headers().get(name).map(HeaderValue::as_bytes) else { return };
        let Some((before, url)) = split_at_url(value) else { return };
        let Some(slashes) = url.windows(2).position(|two| two == b"//") else { return };
        let (scheme, after_scheme) = url.split_at(slashes + 2);
        let end = after_scheme.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(after_scheme.len());
        let (authority, rest) = after_scheme.split_at(end);
        let public = self.public.host.to_str().unwrap_or_default();
        let authority = str::from_utf8(authority).unwrap_or_default();
        // An app that is asked in the clear, and sends to https, means it.
        let in_the_clear = self.public.scheme == "http" && !self.speaks_tls(proxy);
        let on_purpose =
            in_the_clear && scheme.eq_ignore_ascii_case(b"https://") && is_same_authority(authority, public);
        if public.is_empty()
            || on_purpose
            || !theirs.iter().any(|theirs| is_same_authority(authority, theirs))
        {
            return;
        }
        let scheme = if scheme == b"//" { String::new() } else { format!("{}:", self.public.scheme) };
        let fixed = [before, format!("{scheme}//{public}").as_bytes(), rest].concat();
        if let Ok(fixed) = HeaderValue::try_from(fixed) {
            message.set(name, fixed);
        }
    }

    /// A cookie for the upstream's own domain would be refused by the browser; without a domain it is the public
    /// host's (RFC 6265, section 5.3). One that the public host is within is meant for it.
    fn fix_cookies(&self, theirs: &[&str], message: &mut impl Headers) {
        let public = without_port(self.public.host.to_str().unwrap_or_default());
        let is_theirs = |domain: &str| {
            theirs.iter().any(|theirs| is_within(without_port(theirs), domain)) && !is_within(public, domain)
        };
        let cookies: Vec<HeaderValue> = message.headers().get_all(SET_COOKIE).iter().cloned().collect();
        message.remove(&SET_COOKIE);
        for cookie in cookies {
            let fixed = HeaderValue::try_from(without_domain(cookie.as_bytes(), is_theirs)).ok();
            message.add(&SET_COOKIE, fixed.unwrap_or(cookie));
        }
    }
}

/// What stands before a value's URL, and the URL: all of a `Location`, what follows `url=` in a `Refresh`.
fn split_at_url(value: &[u8]) -> Option<(&[u8], &[u8])> {
    if value.starts_with(b"//") {
        return Some((b"", value));
    }
    let lower = value.to_ascii_lowercase();
    let start =
        ["https://", "http://"].iter().filter_map(|scheme| memmem::find(&lower, scheme.as_bytes())).min()?;
    let (before, url) = value.split_at_checked(start)?;
    let end = before.iter().rposition(|byte| !b"\"' ".contains(byte)).map_or(0, |last| last + 1);
    let is_introduced = lower.get(..end).is_some_and(|before| before.ends_with(b"url="));
    (before.is_empty() || is_introduced).then_some((before, url))
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

/// A cookie without its `Domain`, where that is one that is not wanted.
fn without_domain(cookie: &[u8], unwanted: impl Fn(&str) -> bool) -> Vec<u8> {
    let stays = |attribute: &&[u8]| {
        // A domain is ASCII, or none that anybody is in.
        let (name, value) =
            str::from_utf8(attribute).ok().and_then(|text| text.split_once('=')).unwrap_or_default();
        let domain = value.trim().trim_start_matches('.');
        !(name.trim().eq_ignore_ascii_case("domain") && unwanted(domain))
    };
    // What comes first is the cookie itself, whatever it is called.
    let mut parts = cookie.split(|byte| *byte == b';');
    parts.next().into_iter().chain(parts.filter(stays)).collect::<Vec<_>>().join(&b';')
}

/// Whether a host is a domain's, or of one of its sub-domains (RFC 6265, section 5.1.3).
fn is_within(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    let before = host.strip_suffix(&domain).filter(|_| !domain.is_empty());
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn is_event_stream(message: &impl Headers) -> bool {
    let content_type = message.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type
        .and_then(|found| found.get(..17))
        .is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
}

#[cfg(test)]
mod tests;

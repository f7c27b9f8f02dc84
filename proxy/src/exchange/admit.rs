//! The first decision on a request: answered here, or forwarded.

use super::answer::{self, Answer};
use super::context::Exchange;
use super::failure::Failure;
use super::fill::{Into, Writing};
use super::handshake::Verdict;
use super::host::is_host;
use super::request_id::request_id;
use super::search::{BAD_PATH, Phase};
use super::{cors, page};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use std::borrow::Cow;
use vordr_rules::table::{Action, ClientCa, ClientFailure, Outcome, Request, Server, ServerId, Whom};

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// Send it to the upstream of [`Exchange::proxy`].
    Forward,
    /// Nothing yet: [`Exchange::pass`] goes on once its rate and its credentials have been looked at.
    Guarded,
    /// Answer it with a file: [`Exchange::seek`] says which.
    Files,
    /// Answer it with nginx's page of counts: [`Exchange::counts_page`].
    StubStatus,
    /// Answer it here.
    Answer(Box<Answer>),
}

impl Exchange {
    /// Looks at a request's head, finds its location, and decides.
    pub fn admit(&mut self, request: &Parts) -> Admission {
        self.request_id = request_id(&request.headers);
        self.public = self.public_of(request);
        let found = self.seek_server(request).and_then(|answer| match answer {
            Some(answer) => Ok(Some(answer)),
            None => self.walk(Phase::First, request),
        });
        self.decided(found, request)
    }

    /// What it comes to that a location was found, or an answer before its action, or a failure.
    pub(super) fn decided(&mut self, found: Result<Option<Answer>, Failure>, request: &Parts) -> Admission {
        match found {
            Ok(Some(answer)) => self.made(answer, request),
            Ok(None) if self.is_guarded() => Admission::Guarded,
            Ok(None) => self.act(request),
            Err(failure) => self.refuse(failure, request),
        }
    }

    /// Answers a challenge of ACME, whatever the rules say of its path (RFC 8555, section 8.3).
    pub fn prove(&mut self, proof: String, request: &Parts) -> Admission {
        self.request_id = request_id(&request.headers);
        self.public = self.public_of(request);
        let host = self.public_host(request).ok();
        let binding = host.and_then(|host| self.table.binding_of_request(self.arrival.listener, &host));
        self.server = binding.map(|binding| binding.server);
        let octets = HeaderValue::from_static("application/octet-stream");
        self.answered(Answer::with_body(StatusCode::OK, octets, proof), request)
    }

    /// The answer to a failure, as the client shall see it.
    pub fn failure_page(&mut self, failure: &Failure, request: &Parts) -> Answer {
        let page = page::page(self, failure, &request.headers);
        let page = match failure {
            Failure::RateLimit(_) | Failure::Method if self.has_nginxs_bodies() => page,
            Failure::WebSocketOff => answer::upgrade_required(page),
            Failure::RateLimit(_) => self.rate_limited(page),
            Failure::Method => answer::method_not_allowed(page),
            Failure::Auth { challenges, .. } => answer::unauthorized(page, challenges),
            _ => page,
        };
        self.finish_answer(page, request)
    }

    pub(super) fn refuse(&mut self, failure: Failure, request: &Parts) -> Admission {
        if failure != Failure::RewriteLoop
            && let Some(replaced) = self.replaced(&failure, request)
        {
            self.note(failure);
            return replaced;
        }
        let page = self.failure_page(&failure, request);
        // What the rules say is none.
        if !matches!(failure, Failure::Responded(_)) {
            self.note(failure);
        }
        Admission::Answer(Box::new(page))
    }

    fn answered(&mut self, answer: Answer, request: &Parts) -> Admission {
        Admission::Answer(Box::new(self.finish_answer(answer, request)))
    }

    /// Finds the server, and the answer of its listener where that has one.
    fn seek_server(&mut self, request: &Parts) -> Result<Option<Answer>, Failure> {
        let host = self.public_host(request).inspect_err(|_| {
            // What the server says of failures that the connection is for holds for it.
            self.server = self.first_server();
        })?;
        // A head may still be under way when a reload closes its listener.
        let binding =
            self.table.binding_of_request(self.arrival.listener, &host).ok_or(Failure::AddressGone)?;
        self.server = Some(binding.server);
        self.meet_client(request);
        self.check_method(request)?;
        self.own_request_id(request);
        self.capture_of_host(&host);
        if binding.redirect_https && self.public.scheme == "http" && !is_acme(request) {
            return self.redirect_to_https(request).map(Some);
        }
        self.check_handshake().map(|()| None)
    }

    /// nginx takes no TRACE, and no method in small letters: that it refuses before it has read a Host.
    fn check_method(&mut self, request: &Parts) -> Result<(), Failure> {
        let method = request.method.as_str();
        match self.has_nginxs_bodies() {
            true if method == "TRACE" => Err(Failure::Barred("TRACE")),
            true if method.bytes().any(|byte| byte.is_ascii_lowercase()) => {
                self.server = self.first_server();
                Err(Failure::BadRequest("methods are written in capitals"))
            }
            _ => Ok(()),
        }
    }

    /// What the regex of a host captured, where that is how the server was found.
    pub(super) fn capture_of_host(&mut self, host: &str) {
        if !self.server().is_some_and(Server::captures_hosts) {
            return;
        }
        let table = self.table.clone();
        let server = self.server.and_then(|server| table.servers.get(server.0));
        let Some((regex, captures)) = server.and_then(|server| server.host_captures(host)) else { return };
        self.name_captures(regex, &captures);
        self.set_captures(captures, Writing::Decoded);
    }

    /// Whatever answers before the action of the location does.
    pub(super) fn check_here(&mut self, request: &Parts) -> Result<Option<Answer>, Failure> {
        self.meet_client(request);
        if let Some((granted, answer)) = cors::preflight(self, request) {
            self.preflight = Some(granted);
            return Ok(Some(answer));
        }
        self.check_address()?;
        self.check_upgrade(request)?;
        self.check_length(request)?;
        Ok(None)
    }

    /// Finds the location for the path that the request is served by.
    pub(super) fn find(&mut self, request: &Parts) -> Result<(), Failure> {
        let Some(server) = self.server else { return Err(Failure::NoRoute) };
        match self.sought(server, request) {
            Outcome::Found(found) => {
                self.take_place(found);
                let is_hidden = self.location().is_some_and(|location| location.is_internal);
                if is_hidden && !self.is_inside { Err(Failure::InternalLocation) } else { Ok(()) }
            }
            Outcome::NoRoute(_) => Err(Failure::NoRoute),
            Outcome::GivenUp(..) => Err(Failure::RegexTooLong),
            Outcome::BadPath(_) => {
                if self.has_nginxs_bodies() && self.current.is_none() {
                    // nginx refuses it before it has read a Host.
                    self.server = self.first_server();
                }
                Err(BAD_PATH)
            }
        }
    }

    fn sought(&self, server: ServerId, request: &Parts) -> Outcome {
        let has_cors = self.server().is_some_and(|server| server.has_cors);
        let asked_about = match has_cors && !self.is_question {
            true => cors::requested_method(&request.method, &request.headers),
            false => None,
        };
        // A preflight is answered by the location that will take the request it asks about. Where that one answers none, it
        // is a request like any other.
        let preflight = asked_about
            .map(|method| self.find_by(server, &method, request))
            .filter(|found| self.answers_preflights(found));
        // Whatever a question is about, it is itself a GET.
        let method = if self.is_question { &Method::GET } else { self.method(request) };
        preflight.unwrap_or_else(|| self.find_by(server, method, request))
    }

    fn find_by(&self, server: ServerId, method: &Method, request: &Parts) -> Outcome {
        let wanted = Request {
            listener: self.arrival.listener,
            method,
            host: "",
            path: request.uri.path(),
            query: self.current_query(request),
            headers: &request.headers,
        };
        let seen = &mut |_, _, _| {};
        match &self.current {
            Some(_) => self.table.find_path_in(server, &self.current_path(request), &wanted, seen),
            None => self.table.find_in(server, &wanted, seen),
        }
    }

    fn answers_preflights(&self, found: &Outcome) -> bool {
        let Outcome::Found(found) = found else { return false };
        let server = self.table.servers.get(found.server.0);
        let location = server.and_then(|server| server.locations.get(found.location.0));
        location.is_some_and(|location| location.settings.cors.is_some())
    }

    /// What the action in force comes to, where it is not `proxy`.
    pub(crate) fn act(&mut self, request: &Parts) -> Admission {
        if let Some(Action::Respond(respond)) = self.action() {
            // Its body may tell of it.
            self.status = Some(self.status_instead(false).unwrap_or(respond.status));
        }
        let answer = match self.action() {
            Some(Action::Proxy(_)) => return self.forwarded(request),
            Some(Action::Respond(respond)) if respond.fails => {
                let failure = Failure::Responded(respond.status);
                return self.refuse(failure, request);
            }
            Some(Action::Respond(respond)) => self.respond(respond, request),
            Some(Action::StubStatus) => return Admission::StubStatus,
            Some(Action::Redirect(redirect)) => self.redirect(redirect, request),
            Some(Action::Files(_)) => return Admission::Files,
            Some(Action::Enter(location)) => {
                let location = *location;
                return self.enter_named(location, request);
            }
            Some(Action::Search(path)) => {
                let target = self.fill(path, request, Into::Target);
                return self.search_written(&target, request);
            }
            None => return self.refuse(Failure::NoRoute, request),
        };
        self.made(answer, request)
    }

    /// A `proxy` where `files` have nothing lets WebSockets through as any other does; they have not been looked at before.
    fn forwarded(&mut self, request: &Parts) -> Admission {
        let of_files = self.location().is_some_and(|location| matches!(location.action, Action::Files(_)));
        if !of_files || self.asks_anew || self.is_question {
            return Admission::Forward;
        }
        match self.check_upgrade(request) {
            Ok(()) => Admission::Forward,
            Err(failure) => self.refuse(failure, request),
        }
    }

    /// An answer of the rules; a redirect may be what an `on-error` is for.
    pub(super) fn made(&mut self, answer: Answer, request: &Parts) -> Admission {
        match self.led_elsewhere(&answer, request) {
            Some(replaced) => replaced,
            None => self.answered(answer, request),
        }
    }

    /// The host that chooses the server; in HTTP/1.0 it may be absent.
    pub(super) fn public_host<'r>(&self, request: &'r Parts) -> Result<Cow<'r, str>, Failure> {
        let host = request.uri.authority().map(|authority| authority.as_str().as_bytes());
        let host = host.or_else(|| request.headers.get(HOST).map(HeaderValue::as_bytes));
        match host {
            None if request.version == Version::HTTP_10 => Ok(Cow::Borrowed("")),
            None => Err(Failure::BadRequest("HTTP/1.1 without a Host header")),
            Some(host) if is_host(host) => Ok(String::from_utf8_lossy(host)),
            Some(_) => Err(Failure::BadRequest("the Host header is not a host")),
        }
    }

    /// What the connection is must be what the server asks for: TLS where its port speaks that, and a client certificate
    /// past which no Host leads (RFC 9110, section 7.4).
    pub(super) fn check_handshake(&self) -> Result<(), Failure> {
        let Some(handshake) = &self.arrival.tls else {
            return if self.arrival.lacks_tls { Err(Failure::PlainHttp) } else { Ok(()) };
        };
        let asked = self.server().and_then(|server| server.tls.as_ref()?.client_ca.as_ref());
        match (asked, &handshake.client_ca) {
            (None, None) => Ok(()),
            (Some(asked), Some(held)) if *asked == **held => {
                self.check_certificate(asked, &handshake.verdict)
            }
            // A server that shows no certificate of its own cannot ask for one in the handshake.
            (Some(asked), None) if asked.file.is_none() && asked.require => Err(Failure::NoClientCertificate),
            _ => Err(Failure::Misdirected),
        }
    }

    fn check_certificate(&self, asked: &ClientCa, verdict: &Verdict) -> Result<(), Failure> {
        match verdict {
            Verdict::Fails { is_unknown: true, .. } if asked.on_failure == ClientFailure::Admit => Ok(()),
            Verdict::Fails { why, .. } => Err(Failure::ClientCertificate(why)),
            Verdict::NoneShown if asked.require => Err(Failure::NoClientCertificate),
            Verdict::NoneShown | Verdict::Holds => Ok(()),
        }
    }

    fn check_address(&self) -> Result<(), Failure> {
        // With `satisfy any`, credentials make up for a wrong address.
        match self.is_address_allowed() {
            Some(false) if !self.settles_for_credentials() => Err(Failure::Address),
            _ => Ok(()),
        }
    }

    /// What `allow` and `deny` say of the client; `None` where they say nothing.
    pub(crate) fn is_address_allowed(&self) -> Option<bool> {
        let rules = &self.settings()?.access.rules;
        rules.iter().find(|rule| self.is_meant(rule.whom)).map(|rule| rule.allow)
    }

    fn is_meant(&self, whom: Whom) -> bool {
        match whom {
            Whom::All => true,
            Whom::Unix => self.is_by_socket(),
            Whom::Network(network) => {
                network.contains(&self.public.client.address)
                    && !(self.has_nginxs_bodies() && self.is_by_socket())
            }
        }
    }

    /// Whether the client came through a Unix socket, and nobody in front has said who it is.
    pub(crate) fn is_by_socket(&self) -> bool {
        let is_peer = self.public.client.address == self.arrival.peer.address && !self.public.is_told;
        self.arrival.ends.is_none() && is_peer
    }

    fn check_upgrade(&mut self, request: &Parts) -> Result<(), Failure> {
        let forwards = matches!(self.action(), Some(Action::Proxy(_)));
        if !forwards || !asks_for_websocket(request) {
            return Ok(());
        }
        // RFC 6455, section 4.1. What comes next could be taken for either a body or the stream.
        if has_body(&request.headers) {
            return Err(Failure::BadRequest("a WebSocket's handshake with a body"));
        }
        self.upgrade = self.settings().is_some_and(|settings| settings.websocket.allowed);
        if self.upgrade { Ok(()) } else { Err(Failure::WebSocketOff) }
    }

    fn check_length(&self, request: &Parts) -> Result<(), Failure> {
        // What is answered in the place of something else reads no body.
        if self.is_instead() || self.asks_anew {
            return Ok(());
        }
        let limit = self.settings().and_then(|settings| settings.body_limit);
        let length =
            request.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        match limit.zip(length) {
            Some((limit, length)) if length > limit => Err(Failure::BodyLimit),
            _ => Ok(()),
        }
    }
}

/// ACME's http-01 challenges are answered without TLS (RFC 8555, section 8.3).
fn is_acme(request: &Parts) -> bool {
    request.uri.path().starts_with("/.well-known/acme-challenge/")
}

/// `Upgrade: websocket` and `Connection: upgrade` on a GET of HTTP/1.1 (RFC 6455, section 4.1).
fn asks_for_websocket(request: &Parts) -> bool {
    let lists = |name: HeaderName, word: &str| {
        let values = request.headers.get_all(name);
        let mut words =
            values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        words.any(|found| found.trim().eq_ignore_ascii_case(word))
    };
    request.method == Method::GET
        && request.version == Version::HTTP_11
        && lists(UPGRADE, "websocket")
        && lists(CONNECTION, "upgrade")
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
    headers.contains_key(TRANSFER_ENCODING)
        || length.is_some_and(|length| length.iter().any(|digit| *digit != b'0'))
}

#[cfg(test)]
mod tests;

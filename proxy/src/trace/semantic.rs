//! What spans tell, in the words of OpenTelemetry's semantic conventions for HTTP.
//!
//! What those have no word for begins with `vordr.`; `error.type` is the failure's name in logs and metrics.

use super::recording::{Attempt, Recording, error_type};
use crate::exchange::{Exchange, Failure};
use crate::observe::Record;
use http::Method;
use http::header::USER_AGENT;
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags};
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::borrow::Cow;
use std::time::SystemTime;
use vordr_rules::table::without_port;

/// Parameters that give whoever reads them access: the conventions have their values replaced.
const SECRET: [&str; 4] = ["AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"];

/// The exchange's span, and one for each attempt.
pub(super) fn spans(record: &Record<'_>, recording: &Recording) -> Vec<SpanData> {
    let attempts = recording.attempts.iter().enumerate();
    let attempts = attempts.map(|(number, attempt)| client(record, recording, attempt, number));
    std::iter::once(server(record, recording)).chain(attempts).collect()
}

fn server(record: &Record<'_>, recording: &Recording) -> SpanData {
    let exchange = record.exchange;
    let route = exchange.route().map(|location| location.name.as_str());
    let method = method(&record.request.method).unwrap_or("HTTP");
    SpanData {
        name: route.map_or(Cow::Borrowed(method), |route| format!("{method} {route}").into()),
        parent_span_id: recording.parent.unwrap_or(SpanId::INVALID),
        parent_span_is_remote: recording.parent.is_some(),
        span_kind: SpanKind::Server,
        start_time: recording.time(exchange.arrival.started),
        end_time: recording.time(record.ended),
        attributes: told_of_exchange(record, route),
        events: events(record, recording),
        status: outcome(record),
        ..blank(recording, recording.span)
    }
}

fn told_of_exchange(record: &Record<'_>, route: Option<&str>) -> Vec<KeyValue> {
    let (exchange, request) = (record.exchange, record.request);
    let public = &exchange.public;
    let mut told = Told::default();
    told.method(&request.method);
    told.say("url.scheme", public.scheme);
    told.say("url.path", request.uri.path().to_owned());
    told.maybe("url.query", request.uri.query().filter(|_| exchange.tells_queries()).map(without_secrets));
    told.maybe("http.route", route.map(str::to_owned));
    let host = public.host.to_str().unwrap_or_default();
    if !host.is_empty() {
        let usual = if public.scheme == "https" { 443 } else { 80 };
        told.say("server.address", without_port(host).to_owned());
        told.say("server.port", i64::from(host_and_port(host).1.unwrap_or(usual)));
    }
    told.say("client.address", public.client.as_str().to_owned());
    told.say("network.peer.address", exchange.arrival.peer.as_str().to_owned());
    told.say("network.protocol.version", record.protocol().trim_start_matches("HTTP/"));
    let agent = request.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    told.maybe("user_agent.original", agent.map(str::to_owned));
    told.maybe("http.response.status_code", sent(record).map(i64::from));
    if let Ok(id) = exchange.request_id.to_str() {
        // The same that the log line bears.
        told.say(
            "http.response.header.x-request-id",
            Value::Array(Array::String(vec![id.to_owned().into()])),
        );
    }
    let by_status = sent(record).filter(|status| *status >= 500).map(|status| status.to_string().into());
    told.maybe("error.type", exchange.failure.as_ref().map(error_type).or(by_status));
    if let Some(tunnel) = record.tunnel {
        let ending = tunnel.ending(exchange.failure.as_ref());
        told.maybe("vordr.websocket.close_code", ending.code.map(i64::from));
        told.say("vordr.websocket.close_initiator", ending.initiator.name());
        told.say("vordr.websocket.close_reason", ending.reason);
    }
    told.0
}

/// The status that the client got, where it got one.
fn sent(record: &Record<'_>) -> Option<u16> {
    record.exchange.first_byte.map(|_| record.status).filter(|status| *status != 0)
}

/// A WebSocket's span lasts as long as the stream; this tells when that began.
fn events(record: &Record<'_>, recording: &Recording) -> SpanEvents {
    let mut events = SpanEvents::default();
    if let (Some(_), Some(opened)) = (record.tunnel, record.exchange.first_byte) {
        events.events.push(Event::new("vordr.websocket.opened", recording.time(opened), Vec::new(), 0));
    }
    events
}

/// What the client did wrong is no error of the server's; that it went away may be.
fn outcome(record: &Record<'_>) -> Status {
    let exchange = record.exchange;
    match &exchange.failure {
        Some(failure) if *failure == Failure::ClientGone || failure.status().is_server_error() => {
            Status::error(exchange.told_in_full(failure))
        }
        _ if record.status >= 500 => Status::error(""),
        _ => Status::Unset,
    }
}

fn client(record: &Record<'_>, recording: &Recording, attempt: &Attempt, number: usize) -> SpanData {
    SpanData {
        name: method(&record.request.method).unwrap_or("HTTP").into(),
        parent_span_id: recording.span,
        span_kind: SpanKind::Client,
        start_time: recording.time(attempt.began),
        end_time: recording.time(attempt.ended.unwrap_or(record.ended)),
        attributes: told_of_attempt(record, attempt, number),
        status: match attempt.error.is_some() || attempt.status.is_some_and(|status| status >= 400) {
            true => Status::error(""),
            false => Status::Unset,
        },
        ..blank(recording, attempt.span)
    }
}

fn told_of_attempt(record: &Record<'_>, attempt: &Attempt, number: usize) -> Vec<KeyValue> {
    let mut told = Told::default();
    told.method(&record.request.method);
    told.say("url.full", url(record.exchange, attempt));
    let (host, port) = host_and_port(&attempt.endpoint.peer);
    told.say("server.address", host.to_owned());
    told.maybe("server.port", port.map(i64::from));
    if let Some(address) = attempt.address {
        told.say("network.peer.address", address.ip().to_string());
        told.say("network.peer.port", i64::from(address.port()));
    }
    told.maybe("http.request.resend_count", i64::try_from(number).ok().filter(|number| *number > 0));
    told.maybe("http.response.status_code", attempt.status.map(i64::from));
    let by_status = attempt.status.filter(|status| *status >= 400).map(|status| status.to_string().into());
    told.maybe("error.type", attempt.error.clone().or(by_status));
    told.say("vordr.upstream", attempt.endpoint.upstream.clone());
    told.0
}

/// What the server was asked for. It was not asked at all where no connection came about.
fn url(exchange: &Exchange, attempt: &Attempt) -> String {
    let (scheme, authority) = match attempt.tls {
        true => ("https", &attempt.endpoint.https),
        false => ("http", &attempt.endpoint.http),
    };
    let target = attempt.target.as_deref().unwrap_or("/");
    let target = match target.split_once('?') {
        Some((path, query)) if exchange.tells_queries() => format!("{path}?{}", without_secrets(query)),
        Some((path, _)) => path.to_owned(),
        None => target.to_owned(),
    };
    format!("{scheme}://{}{target}", authority.to_str().unwrap_or_default())
}

fn without_secrets(query: &str) -> String {
    let redacted = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if SECRET.contains(&name) => format!("{name}=REDACTED"),
        _ => pair.to_owned(),
    };
    query.split('&').map(redacted).collect::<Vec<_>>().join("&")
}

/// A server as it is written; the name of a service and a Unix socket have no port.
fn host_and_port(written: &str) -> (&str, Option<u16>) {
    let both = written.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    both.map_or((written, None), |(host, port)| (host.trim_matches(['[', ']']), Some(port)))
}

/// A method that the conventions know: anybody can make up others.
fn method(method: &Method) -> Option<&'static str> {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    known.into_iter().find(|known| method == known)
}

/// A span that tells nothing yet.
fn blank(recording: &Recording, span: SpanId) -> SpanData {
    let state = recording.state.clone();
    SpanData {
        span_context: SpanContext::new(recording.trace, span, TraceFlags::SAMPLED, false, state),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed(""),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("vordr")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

/// Attributes, as they come together.
#[derive(Default)]
struct Told(Vec<KeyValue>);

impl Told {
    fn say(&mut self, key: &'static str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(key, value));
    }

    fn maybe(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.say(key, value);
        }
    }

    fn method(&mut self, written: &Method) {
        self.say("http.request.method", method(written).unwrap_or("_OTHER"));
        let made_up = method(written).is_none().then(|| written.to_string());
        self.maybe("http.request.method_original", made_up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_as_host_and_port() {
        for (peer, host, port) in [
            ("127.0.0.1:8000", "127.0.0.1", Some(8000)),
            ("[::1]:80", "::1", Some(80)),
            ("app.example:443", "app.example", Some(443)),
            ("srv://_app._tcp.example", "srv://_app._tcp.example", None),
            ("unix:/run/app.sock", "unix:/run/app.sock", None),
        ] {
            assert_eq!(host_and_port(peer), (host, port));
        }
    }

    #[test]
    fn what_gives_access_is_not_told() {
        assert_eq!(without_secrets("a=1&sig=s3cret&Signature=x&b"), "a=1&sig=REDACTED&Signature=REDACTED&b");
        assert_eq!(without_secrets("signed=1"), "signed=1");
    }

    #[test]
    fn a_method_that_a_client_made_up_is_told_apart() {
        let mut told = Told::default();
        told.method(&Method::from_bytes(b"BREW").unwrap_or_default());
        let expected = [("http.request.method", "_OTHER"), ("http.request.method_original", "BREW")];
        assert_eq!(told.0, expected.map(|(key, value)| KeyValue::new(key, value)));
        assert_eq!(method(&Method::from_bytes(b"get").unwrap_or_default()), None);
    }
}

//! One line for each exchange, in JSON, combined or a form of the rules' own; in JSON two for a WebSocket.

use super::clock::Stamp;
use super::json::Object;
use super::record::{Record, Rejection, labels};
use super::rejected;
use super::words::{Drawing, Spoken};
use crate::exchange::{Exchange, Failure, Reached, visible};
use crate::websocket::{Side, Tunnel};
use http::HeaderName;
use http::header::{REFERER, USER_AGENT};
use std::borrow::Cow;
use vordr_rules::table::{AccessLog, LineFormat, LogFormat};

/// How a line is written.
#[derive(Debug, Clone, Copy)]
enum Form<'r> {
    Json,
    Combined,
    /// For a person on a terminal.
    Words(Drawing),
    Own(&'r LineFormat),
}

impl<'r> Form<'r> {
    /// `drawing` is how a terminal is drawn on, where the log goes to one.
    fn of(rules: &'r AccessLog, drawing: Option<Drawing>) -> Self {
        match (&rules.format, drawing) {
            (Some(LogFormat::Own(format)), _) => Form::Own(format),
            (Some(LogFormat::Combined), _) => Form::Combined,
            (None, Some(drawing)) => Form::Words(drawing),
            (Some(LogFormat::Json) | None, _) => Form::Json,
        }
    }
}

/// Appends the line of an exchange.
pub(super) fn write(rules: &AccessLog, drawing: Option<Drawing>, record: &Record<'_>, bytes: &mut Vec<u8>) {
    let is_opening = record.status == 101 && record.tunnel.is_none();
    match Form::of(rules, drawing) {
        // These cannot tell a WebSocket's opening from its end.
        Form::Own(_) | Form::Combined if is_opening => {}
        Form::Own(format) => {
            record.exchange.line(format, record.request, record.answer, bytes);
            bytes.push(b'\n');
        }
        Form::Words(drawing) => bytes.extend_from_slice(words(drawing, record, rules.query).as_bytes()),
        Form::Json => json(bytes, record, rules.query),
        Form::Combined => combined(record, rules.query, bytes),
    }
}

/// Appends the line of a request that reached no server.
pub(super) fn write_rejection(
    rules: &AccessLog,
    drawing: Option<Drawing>,
    rejection: &Rejection,
    bytes: &mut Vec<u8>,
) {
    let failure = &rejection.failure;
    let (client_ip, status) = (rejection.client(), failure.status().as_u16());
    match Form::of(rules, drawing) {
        Form::Own(format) => rejected::line(format, rejection, bytes),
        Form::Json => json_of_rejection(rejection, bytes),
        Form::Combined => {
            let bytes_out = rejection.answered.unwrap_or(0);
            bytes.extend_from_slice(format!("{client_ip} - - [{}] \"", common_time()).as_bytes());
            bytes.extend_from_slice(&visible(line_of(rejection, rules.query)));
            bytes.extend_from_slice(format!("\" {status} {bytes_out} \"-\" \"-\"\n").as_bytes());
        }
        Form::Words(drawing) => {
            let line = drawing.request(&Spoken {
                status,
                method: "-",
                duration: rejection.since.elapsed(),
                what: &client_ip,
                error: Some(&failure.detail(None)),
            });
            bytes.extend_from_slice(line.as_bytes());
        }
    }
}

/// The line of a refused head; it may hold a query, which is not known from the rest.
fn line_of(rejection: &Rejection, query: bool) -> &[u8] {
    rejection.line.as_deref().filter(|line| query || !line.contains(&b'?')).unwrap_or(b"-")
}

fn json_of_rejection(rejection: &Rejection, bytes: &mut Vec<u8>) {
    let failure = &rejection.failure;
    let mut line = Object::begin(bytes);
    line.text("ts", Stamp::now().as_str());
    line.text("level", "warn");
    line.text("client_ip", &rejection.client());
    line.number("status", failure.status().as_u16().into());
    line.number("bytes_in", 0);
    line.number("bytes_out", rejection.answered.unwrap_or(0));
    line.seconds("duration", rejection.since.elapsed());
    failed(&mut line, failure, &failure.detail(None));
    line.end();
}

/// The names of these fields are for good. What is not known is left out.
fn json(bytes: &mut Vec<u8>, record: &Record<'_>, query: bool) {
    let (exchange, request) = (record.exchange, record.request);
    let (server, route) = labels(exchange);
    let header =
        |name: HeaderName| request.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut line = Object::begin(bytes);
    line.text("ts", Stamp::now().as_str());
    let fault = exchange.fault();
    let is_warning = fault.as_ref().is_some_and(|(failure, _)| !failure.is_everyday());
    line.text("level", if is_warning { "warn" } else { "info" });
    line.maybe("request_id", exchange.request_id.to_str().ok());
    if let Some(recording) = exchange.trace.recording() {
        line.text("trace_id", &recording.trace.to_string());
    }
    line.text("client_ip", exchange.public.client.as_str());
    line.maybe("user", exchange.learnt.user.as_deref());
    let is_read = !exchange.is_unread();
    line.maybe("method", is_read.then_some(request.method.as_str()));
    line.text("scheme", exchange.public.scheme);
    line.maybe("host", exchange.public.host.to_str().ok().filter(|host| is_read || !host.is_empty()));
    line.maybe("path", is_read.then(|| request.uri.path()));
    line.maybe("query", request.uri.query().filter(|_| query));
    line.maybe("proto", is_read.then(|| record.protocol()));
    line.maybe("tls_version", exchange.arrival.tls.as_ref().map(|tls| tls.version));
    line.number("status", record.status.into());
    line.number("bytes_in", exchange.bytes_in);
    line.number("bytes_out", exchange.bytes_out);
    line.seconds("duration", record.duration());
    if let Some(first_byte) = record.time_to_first_byte() {
        line.seconds("ttfb", first_byte);
    }
    line.text("server", server);
    line.text("route", route);
    if let Some(reached) = &exchange.reached {
        upstream(&mut line, reached, record);
    }
    if let Some((failure, detail)) = fault {
        failed(&mut line, failure, &detail);
    }
    line.maybe("upgrade", exchange.upgrade.then_some("websocket"));
    line.maybe("user_agent", header(USER_AGENT).as_deref());
    line.maybe("referer", header(REFERER).as_deref());
    if let Some(tunnel) = record.tunnel {
        line.object("websocket", |line| websocket(line, record, tunnel));
    }
    line.end();
}

fn upstream(line: &mut Object<'_>, reached: &Reached, record: &Record<'_>) {
    line.text("upstream", reached.upstream());
    line.text("peer", &reached.endpoint.peer);
    if let Some(status) = reached.status {
        line.number("upstream_status", status.into());
    }
    line.seconds("upstream_duration", record.ended.duration_since(reached.chosen));
    line.number("retries", record.exchange.retries.into());
}

fn failed(line: &mut Object<'_>, failure: &Failure, detail: &str) {
    line.text("error", failure.reason());
    line.text("error_detail", detail);
    line.maybe("timeout", failure.timeout());
}

fn websocket(line: &mut Object<'_>, record: &Record<'_>, tunnel: &Tunnel) {
    let ending = tunnel.ending(record.exchange.failure.as_ref());
    line.seconds("duration", record.duration());
    line.number("frames_in", tunnel.frames(Side::Client));
    line.number("frames_out", tunnel.frames(Side::Upstream));
    line.number("bytes_in", record.exchange.bytes_in);
    line.number("bytes_out", record.exchange.bytes_out);
    if let Some(code) = ending.code {
        line.number("close_code", code.into());
    }
    line.text("close_initiator", ending.initiator.name());
    line.text("close_reason", ending.reason);
}

/// What a person looks for first; the rest is in the other forms.
fn words(drawing: Drawing, record: &Record<'_>, query: bool) -> String {
    let (exchange, request) = (record.exchange, record.request);
    let mut what = format!("{}{}", exchange.public.host.to_str().unwrap_or_default(), request.uri.path());
    if let Some(query) = request.uri.query().filter(|_| query) {
        what = format!("{what}?{query}");
    }
    if let Some(reached) = &exchange.reached {
        what = format!("{what} → {}", reached.endpoint.peer);
    }
    if record.tunnel.is_some() {
        what += " (WebSocket ended)";
    }
    if exchange.is_unread() {
        what = exchange.public.client.as_str().to_owned();
    }
    let error = exchange.fault().map(|(_, detail)| detail);
    drawing.request(&Spoken {
        status: record.status,
        method: if exchange.is_unread() { "-" } else { request.method.as_str() },
        duration: record.duration(),
        what: &what,
        error: error.as_deref(),
    })
}

/// As nginx and Apache write it.
fn combined(record: &Record<'_>, query: bool, bytes: &mut Vec<u8>) {
    let (exchange, request) = (record.exchange, record.request);
    let mut put = |part: &[u8]| bytes.extend_from_slice(part);
    let header = |name: HeaderName| {
        request.headers.get(name).map_or(Cow::Borrowed(&b"-"[..]), |value| visible(value.as_bytes()))
    };
    let target = match (query, request.uri.path_and_query()) {
        (true, Some(both)) => both.as_str(),
        _ => request.uri.path(),
    };
    // Both have the point, which `proto` in JSON has not.
    let protocol = if exchange.arrival.http2 { "HTTP/2.0" } else { record.protocol() };
    put(format!("{} - {} [{}] \"", exchange.public.client.as_str(), user(exchange), common_time()).as_bytes());
    match exchange.refused_line().filter(|line| query || !line.contains(&b'?')) {
        Some(line) => put(&visible(line)),
        None if exchange.is_unread() => put(b"-"),
        None => {
            put(format!("{} ", request.method).as_bytes());
            put(&visible(target.as_bytes()));
            put(format!(" {protocol}").as_bytes());
        }
    }
    put(format!("\" {} {} \"", record.status, exchange.bytes_out).as_bytes());
    put(&header(REFERER));
    put(b"\" \"");
    put(&header(USER_AGENT));
    put(b"\"\n");
}

/// A name that breaks neither the line nor its fields.
fn user(exchange: &Exchange) -> String {
    let name = exchange.learnt.user.as_deref().filter(|name| !name.is_empty()).unwrap_or("-");
    name.replace(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '"', "_")
}

/// `21/Nov/2026:10:00:00 +0000`
pub(super) fn common_time() -> String {
    jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

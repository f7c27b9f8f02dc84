//! One line for each exchange, in JSON or combined; two for a WebSocket.

use super::record::{Record, Rejection, labels, timestamp};
use super::writer::Writer;
use crate::start_error::StartError;
use crate::websocket::{Side, Tunnel};
use http::HeaderName;
use http::header::{REFERER, USER_AGENT};
use prometheus::IntCounter;
use serde::Serialize;
use vordr_rules::table::{AccessLog as Rules, LogFormat};

/// The access log.
#[derive(Debug)]
pub(super) struct AccessLog {
    writer: Writer,
    format: LogFormat,
    query: bool,
}

/// A line; these names are for good. What is not known is left out.
#[derive(Debug, Default, Serialize)]
struct Line<'a> {
    ts: String,
    level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    client_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<&'a str>,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    duration: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttfb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_duration: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upgrade: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    websocket: Option<WebSocket>,
}

/// What a WebSocket was, told at its end.
#[derive(Debug, Serialize)]
struct WebSocket {
    duration: f64,
    frames_in: u64,
    frames_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    close_code: Option<u16>,
    close_initiator: &'static str,
    close_reason: &'static str,
}

impl AccessLog {
    pub(super) fn open(rules: &Rules, dropped: IntCounter) -> Result<Self, StartError> {
        Ok(Self { writer: Writer::open(&rules.target, dropped)?, format: rules.format, query: rules.query })
    }

    pub(super) fn write(&self, record: &Record<'_>) {
        match self.format {
            LogFormat::Json => self.write_json(&line(record, self.query)),
            LogFormat::Combined => self.writer.write(combined(record, self.query).into_bytes()),
        }
    }

    pub(super) fn write_rejection(&self, rejection: &Rejection) {
        let failure = &rejection.failure;
        let client_ip = rejection.peer.map_or_else(|| "-".to_owned(), |peer| peer.ip().to_string());
        let status = failure.status().as_u16();
        if self.format == LogFormat::Combined {
            let line = format!("{client_ip} - - [{}] \"-\" {status} 0 \"-\" \"-\"\n", common_time());
            return self.writer.write(line.into_bytes());
        }
        self.write_json(&Line {
            ts: timestamp(),
            level: "warn",
            client_ip,
            status,
            duration: rejection.since.elapsed().as_secs_f64(),
            error: Some(failure.reason()),
            error_detail: Some(failure.detail(None)),
            timeout: failure.timeout(),
            ..Line::default()
        });
    }

    pub(super) fn flush(&self) {
        self.writer.flush();
    }

    fn write_json(&self, line: &Line<'_>) {
        let mut bytes = Vec::with_capacity(512);
        // Writing to a Vec cannot fail, and every key is text.
        if serde_json::to_writer(&mut bytes, line).is_ok() {
            bytes.push(b'\n');
            self.writer.write(bytes);
        }
    }
}

fn line<'a>(record: &Record<'a>, query: bool) -> Line<'a> {
    let (exchange, request) = (record.exchange, record.request);
    let (server, route) = labels(exchange);
    let reached = exchange.reached.as_ref();
    let failure = exchange.failure.as_ref();
    let header = |name: HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
    Line {
        ts: timestamp(),
        level: if failure.is_some() { "warn" } else { "info" },
        request_id: exchange.request_id.to_str().ok(),
        client_ip: exchange.public.client.to_string(),
        method: Some(request.method.as_str()),
        scheme: Some(exchange.public.scheme),
        host: exchange.public.host.to_str().ok(),
        path: Some(request.uri.path()),
        query: request.uri.query().filter(|_| query),
        proto: Some(record.protocol()),
        status: record.status,
        bytes_in: exchange.bytes_in,
        bytes_out: exchange.bytes_out,
        duration: record.duration(),
        ttfb: record.time_to_first_byte(),
        server: Some(server),
        route: Some(route),
        upstream: reached.map(|reached| reached.upstream.as_str()),
        peer: reached.map(|reached| reached.peer.as_str()),
        upstream_status: reached.and_then(|reached| reached.status),
        upstream_duration: reached.map(|reached| reached.chosen.elapsed().as_secs_f64()),
        retries: reached.map(|_| exchange.retries),
        error: failure.map(|failure| failure.reason()),
        error_detail: failure.map(|failure| exchange.told_in_full(failure)),
        timeout: failure.and_then(|failure| failure.timeout()),
        upgrade: exchange.upgrade.then_some("websocket"),
        user_agent: header(USER_AGENT),
        referer: header(REFERER),
        websocket: record.tunnel.map(|tunnel| websocket(record, tunnel)),
    }
}

fn websocket(record: &Record<'_>, tunnel: &Tunnel) -> WebSocket {
    let ending = tunnel.ending(record.exchange.failure.as_ref());
    WebSocket {
        duration: record.duration(),
        frames_in: tunnel.frames(Side::Client),
        frames_out: tunnel.frames(Side::Upstream),
        bytes_in: record.exchange.bytes_in,
        bytes_out: record.exchange.bytes_out,
        close_code: ending.code,
        close_initiator: ending.initiator.name(),
        close_reason: ending.reason,
    }
}

/// As nginx and Apache write it.
fn combined(record: &Record<'_>, query: bool) -> String {
    let (exchange, request) = (record.exchange, record.request);
    let header = |name: HeaderName| {
        let value = request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
        value.replace('\\', "\\x5C").replace('"', "\\x22")
    };
    let target = match (query, request.uri.path_and_query()) {
        (true, Some(both)) => both.as_str(),
        _ => request.uri.path(),
    };
    format!(
        "{} - - [{}] \"{} {} {}\" {} {} \"{}\" \"{}\"\n",
        exchange.public.client,
        common_time(),
        request.method,
        target.replace('"', "\\x22"),
        record.protocol(),
        record.status,
        exchange.bytes_out,
        header(REFERER),
        header(USER_AGENT),
    )
}

/// `21/Nov/2026:10:00:00 +0000`
fn common_time() -> String {
    jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

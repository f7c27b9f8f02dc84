//! A collector of traces: it takes OTLP over HTTP or gRPC, and reads it for real.

use super::{Authority, Http2Origin, Origin, eventually};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Told};
use opentelemetry_proto::tonic::trace::v1::{Span as Protobuf, span::SpanKind};
use prost::Message;
use serde_json::{Value, json};
use std::io::Read;

/// A message of gRPC with nothing in it (its flag and its length), which is the answer of a collector that took all.
const TAKEN: &[u8] = &[0; 5];
/// What stands before a message of gRPC: whether it is packed, and its length.
const PREFIX: usize = 5;
const PACKED: u8 = 1;

/// A collector; it is gone when it is dropped.
pub(crate) enum Collector {
    Http(Origin),
    Grpc(Http2Origin),
}

/// A span, as the collector got it.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    span: Protobuf,
    resource: Vec<KeyValue>,
}

impl Collector {
    pub(crate) async fn over_http() -> Self {
        let taken = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
        Self::Http(Origin::responding(taken).await)
    }

    pub(crate) async fn over_grpc() -> Self {
        Self::Grpc(Http2Origin::answering(None, TAKEN).await)
    }

    /// Over HTTP with TLS, as `localhost`.
    pub(crate) async fn over_https(authority: &Authority) -> Self {
        Self::Http(Origin::answering_tls(&authority.identity("localhost"), "").await)
    }

    /// Over gRPC with TLS, as `localhost`.
    pub(crate) async fn over_grpc_and_tls(authority: &Authority) -> Self {
        Self::Grpc(Http2Origin::answering(Some(&authority.identity("localhost")), TAKEN).await)
    }

    /// The word that has spans sent here.
    pub(crate) fn rule(&self, more: &str) -> String {
        match self {
            Self::Http(origin) => format!("trace \"{}\" {more}", origin.url_as("localhost")),
            Self::Grpc(origin) => {
                let scheme = if origin.speaks_tls() { "https" } else { "http" };
                format!("trace \"{scheme}://localhost:{}\" protocol=grpc {more}", origin.port())
            }
        }
    }

    /// Every span so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let bodies: Vec<Vec<u8>> = match self {
            Self::Http(origin) => origin
                .requests()
                .into_iter()
                .map(|request| match request.header("content-encoding") {
                    Some("gzip") => unpacked(&request.body),
                    _ => request.body,
                })
                .collect(),
            Self::Grpc(origin) => {
                let message = |(_, body): (_, Vec<u8>)| match body[0] {
                    PACKED => unpacked(&body[PREFIX..]),
                    _ => body[PREFIX..].to_vec(),
                };
                origin.requests().into_iter().map(message).collect()
            }
        };
        bodies.iter().flat_map(|body| spans_in(body)).collect()
    }

    /// The spans of the trace that has so many, awaited; the exchange's comes first.
    pub(crate) async fn trace(&self, id: &str, count: usize) -> Vec<Span> {
        eventually("a trace", || {
            let spans: Vec<_> = self.spans().into_iter().filter(|span| span.trace() == id).collect();
            (spans.len() >= count).then_some(spans)
        })
        .await
    }

    /// So many spans, awaited.
    pub(crate) async fn all(&self, count: usize) -> Vec<Span> {
        eventually("spans", || Some(self.spans()).filter(|spans| spans.len() >= count)).await
    }
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).expect("a body in gzip");
    plain
}

fn spans_in(body: &[u8]) -> Vec<Span> {
    let delivered = ExportTraceServiceRequest::decode(body).expect("protobuf, as OTLP has it");
    let mut spans = Vec::new();
    for group in delivered.resource_spans {
        let resource = group.resource.expect("a resource").attributes;
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span { span, resource: resource.clone() });
        }
    }
    spans
}

impl Span {
    /// Its trace's id.
    pub(crate) fn trace(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// Its own id.
    pub(crate) fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    /// Its parent's id; empty where it has none.
    pub(crate) fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    pub(crate) fn name(&self) -> &str {
        &self.span.name
    }

    pub(crate) fn state(&self) -> &str {
        &self.span.trace_state
    }

    /// Whether it tells of a request that came in.
    pub(crate) fn is_server(&self) -> bool {
        self.span.kind() == SpanKind::Server
    }

    /// Whether it tells of a request that went out.
    pub(crate) fn is_client(&self) -> bool {
        self.span.kind() == SpanKind::Client
    }

    /// What it says of its error, where it is one.
    pub(crate) fn error(&self) -> Option<&str> {
        let status = self.span.status.as_ref()?;
        (status.code == 2).then_some(status.message.as_str())
    }

    /// When it began and ended, in nanoseconds since 1970.
    pub(crate) fn times(&self) -> (u64, u64) {
        (self.span.start_time_unix_nano, self.span.end_time_unix_nano)
    }

    /// Its events, each with its time.
    pub(crate) fn events(&self) -> Vec<(&str, u64)> {
        self.span.events.iter().map(|event| (event.name.as_str(), event.time_unix_nano)).collect()
    }

    /// An attribute; null where there is none.
    pub(crate) fn told(&self, key: &str) -> Value {
        told(&self.span.attributes, key)
    }

    /// An attribute of whoever sent it.
    pub(crate) fn sender(&self, key: &str) -> Value {
        told(&self.resource, key)
    }
}

fn told(attributes: &[KeyValue], key: &str) -> Value {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let attribute = found.next();
    assert!(found.next().is_none(), "{key} is told twice");
    attribute.map_or(Value::Null, |attribute| value(attribute.value.clone().and_then(|value| value.value)))
}

fn value(told: Option<Told>) -> Value {
    match told {
        Some(Told::StringValue(text)) => text.into(),
        Some(Told::IntValue(number)) => number.into(),
        Some(Told::ArrayValue(list)) => list.values.into_iter().map(|element| value(element.value)).collect(),
        other => json!(format!("{other:?}")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

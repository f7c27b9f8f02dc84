//! A collector, spoken to in OTLP over HTTP or gRPC.

use crate::ask::Asker;
use crate::start_error::StartError;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use opentelemetry::{Key, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig, tonic_types::metadata::MetadataMap,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tonic::transport::Endpoint;
use vordr_rules::table::{Trace, TraceProtocol};

/// How long a delivery may take, further attempts at it included.
const PATIENCE: Duration = Duration::from_secs(10);
/// What vordr is called where nobody says otherwise.
const SERVICE: &str = "vordr";

/// A collector.
#[derive(Debug)]
pub(super) struct Collector {
    endpoint: String,
    exporter: SpanExporter,
    /// Why a request over HTTP came to nothing, which the exporter keeps to itself.
    reason: Reason,
}

type Reason = Arc<Mutex<Option<String>>>;

impl Collector {
    /// To be called within the runtime that it is used in. No connection is made yet.
    pub(super) fn open(rules: &Trace) -> Result<Self, StartError> {
        let reason = Reason::default();
        let mut exporter = match rules.protocol {
            TraceProtocol::Http => over_http(rules, reason.clone())?,
            TraceProtocol::Grpc => over_grpc(rules)?,
        };
        exporter.set_resource(&resource(rules.service.as_deref()));
        Ok(Self { endpoint: rules.endpoint.clone(), exporter, reason })
    }

    /// As the rules have it.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sends spans; the error says why they are lost.
    pub(super) async fn send(&self, spans: Vec<SpanData>) -> Result<(), String> {
        match tokio::time::timeout(PATIENCE, self.exporter.export(spans)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.take_reason().unwrap_or_else(|| error.to_string())),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        }
    }

    fn take_reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn over_http(rules: &Trace, reason: Reason) -> Result<SpanExporter, StartError> {
    let asker = Asker::new().map_err(StartError::Trace)?;
    let headers = rules
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    SpanExporter::builder()
        .with_http()
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_http_client(Post { asker, reason })
        .with_endpoint(&rules.endpoint)
        .with_headers(headers.collect())
        .build()
        .map_err(|error| StartError::Trace(error.to_string()))
}

fn over_grpc(rules: &Trace) -> Result<SpanExporter, StartError> {
    let faulty = |error: &dyn std::fmt::Display| StartError::Trace(error.to_string());
    let endpoint = Endpoint::from_shared(rules.endpoint.clone()).map_err(|error| faulty(&error))?;
    let connector = crate::ask::http2_connector().map_err(StartError::Trace)?;
    let headers: HeaderMap = rules.headers.iter().cloned().collect();
    SpanExporter::builder()
        .with_tonic()
        .with_channel(endpoint.connect_timeout(PATIENCE).connect_with_connector_lazy(connector))
        .with_metadata(MetadataMap::from_headers(headers))
        .build()
        .map_err(|error| faulty(&error))
}

/// Who tells the spans: what the rules say, else the environment, else vordr.
fn resource(service: Option<&str>) -> Resource {
    const NAME: Key = Key::from_static_str("service.name");
    const VERSION: Key = Key::from_static_str("service.version");
    let found = Resource::builder().build();
    let is_named = found.get(&NAME).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let service = service.or_else(|| Some(SERVICE).filter(|_| !is_named));
    let version = found.get(&VERSION).is_none().then_some(env!("CARGO_PKG_VERSION"));
    let ours = [(NAME, service.map(str::to_owned)), (VERSION, version.map(str::to_owned))];
    let ours = ours.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?)));
    Resource::builder().with_attributes(ours).build()
}

/// The way that vordr asks others, for the exporter.
#[derive(Debug)]
struct Post {
    asker: Asker,
    reason: Reason,
}

#[async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.asker.ask(request.map(Full::new)).await;
        let reason = answer.as_ref().err().cloned();
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        answer.map_err(HttpError::from)
    }
}

//! `trace`: where OpenTelemetry's spans go, and which requests have them.

use super::header::may_be_had;
use super::text::{one_of, wrong};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::{Ratio, Trace, TraceParent, TraceProtocol};
use crate::value::{Raw, Value};
use crate::word::Word;
use http::{HeaderName, HeaderValue, Uri};
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("trace", "URL", "Where OpenTelemetry's spans go, and which requests have them.")
        .properties(&["protocol", "ratio", "parent", "service"])
        .block(&[&[&HEADER]]);
static HEADER: Word = Word::simple("header", "NAME VALUE", "A header for the collector.").many();

/// Where OTLP over HTTP is posted to, unless the URL says more.
const PATH: &str = "/v1/traces";
/// Where collectors speak gRPC, unless they were told otherwise.
const GRPC: u16 = 4317;

impl Value for Ratio {
    const EXPECTED: &'static str = "a number from 0 to 1, such as `0.1`";
    fn read(raw: &Raw<'_>) -> Result<Self, Option<String>> {
        let share: f64 = match raw {
            Raw::Decimal(share) => *share,
            Raw::Integer(whole) => *whole as f64,
            Raw::Text(text) => text.parse().map_err(|_| None)?,
            Raw::Other => return Err(None),
        };
        Self::new(share).ok_or_else(|| match (0.0..=1.0).contains(&share) {
            true => Some("a millionth is the finest share".to_owned()),
            false => Some(format!("{share} is not between 0 and 1")),
        })
    }
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Trace>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let url = node.need::<String>(reading);
    let protocol = node.property::<String>("protocol", reading);
    let is_chosen = protocol.is_some();
    let protocol = match one_of(protocol, &["http", "grpc"], "protocol", reading) {
        Some(1) => TraceProtocol::Grpc,
        _ => TraceProtocol::Http,
    };
    let parent = node.property::<String>("parent", reading);
    let parent = match one_of(parent, &["any", "trusted"], "parent", reading) {
        Some(1) => TraceParent::Trusted,
        _ => TraceParent::Any,
    };
    let ratio = node.property("ratio", reading).map_or(Ratio::ALL, |ratio| ratio.value);
    let service = read_service(&mut node, reading);
    let headers = node.block().into_iter().filter_map(|(_, kdl)| read_header(kdl, reading)).collect();
    let span = node.span;
    node.finish(reading);
    let url = url?;
    let endpoint = endpoint(&url, protocol, reading)?;
    if !is_chosen {
        warn_of_port(&url, &endpoint, reading);
    }
    let endpoint = endpoint.to_string();
    Some(Spanned::new(Trace { endpoint, protocol, ratio, parent, service, headers }, span))
}

fn read_service(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let service = node.property::<String>("service", reading)?;
    if service.value.is_empty() {
        reading
            .report(wrong("service", service.span, "a service has a name").label("leave it out for `vordr`"));
    }
    Some(service.value)
}

fn read_header(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<(HeaderName, HeaderValue)> {
    let mut node = Node::open(kdl, &HEADER, reading);
    let name =
        node.need::<HeaderName>(reading).filter(|name| may_be_had(name.value.as_str(), name.span, reading));
    let value = node.need::<String>(reading).and_then(|value| header_value(&value, reading));
    node.finish(reading);
    Some((name?.value, value?))
}

fn header_value(value: &Spanned<String>, reading: &mut Reading<'_>) -> Option<HeaderValue> {
    match HeaderValue::from_str(&value.value) {
        Ok(mut secret) if value.value.is_ascii() => {
            secret.set_sensitive(true);
            Some(secret)
        }
        _ => {
            let message = "a header's value is ASCII and has no control characters";
            reading.report(wrong("header", value.span, message));
            None
        }
    }
}

/// The URL that the collector is spoken to at.
fn endpoint(url: &Spanned<String>, protocol: TraceProtocol, reading: &mut Reading<'_>) -> Option<Uri> {
    let bad = |message: String, label: &str| {
        Diagnostic::error("bad-url", url.span, message).label(label.to_owned())
    };
    let uri = match url.value.parse::<Uri>() {
        Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) => uri,
        _ => {
            let label = "write `\"http://HOST:4318\"` or `\"https://HOST:4318\"`";
            reading.report(bad(format!("`{}` is no http or https URL", url.value), label));
            return None;
        }
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        let message = "credentials have no place in a collector's address".to_owned();
        reading.report(bad(message, "write `header \"Authorization\" …` into its block"));
        return None;
    }
    match (protocol, uri.path()) {
        (TraceProtocol::Http, "/") => with_path(&uri, PATH),
        (TraceProtocol::Grpc, path) if path != "/" || uri.query().is_some() => {
            let error = Diagnostic::error("path-in-url", url.span, "gRPC has a path of its own");
            reading.report(error.label("leave the path out"));
            None
        }
        _ => Some(uri),
    }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let builder = Uri::builder().scheme(uri.scheme_str()?).authority(uri.authority()?.as_str());
    builder.path_and_query(path).build().ok()
}

/// The most common mistake there is with OTLP.
fn warn_of_port(url: &Spanned<String>, endpoint: &Uri, reading: &mut Reading<'_>) {
    if endpoint.port_u16() == Some(GRPC) {
        let message = "4317 is where collectors speak gRPC, and this is HTTP";
        let warning = Diagnostic::warning("otlp-port", url.span, message);
        reading.report(warning.label("add `protocol=grpc`, or write 4318"));
    }
}

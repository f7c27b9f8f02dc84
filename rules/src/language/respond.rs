//! `respond`: an answer that stands in the rules.

use super::{header, text};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::{Span, Spanned};
use crate::word::Word;
use http::{HeaderValue, StatusCode};
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple("respond", "STATUS [TEXT]", "Answer from the rules.")
    .properties(&["json", "html", "file", "template", "type", "failure"]);

/// As written; a file has been read.
#[derive(Debug)]
pub(crate) struct Respond {
    pub status: StatusCode,
    pub content_type: Option<HeaderValue>,
    pub body: Body,
    /// `failure=on`.
    pub fails: bool,
    /// `type=auto`.
    pub by_path: bool,
}

/// As written.
#[derive(Debug)]
pub(crate) enum Body {
    /// The same for every request.
    Fixed(Vec<u8>),
    /// Filled in for each.
    Filled(Spanned<Template>),
}

impl Default for Body {
    fn default() -> Self {
        Self::Fixed(Vec::new())
    }
}

/// A body, and the type that goes with it.
type Typed = (Body, &'static str);

/// What plain text is sent as.
const PLAIN: &str = "text/plain; charset=utf-8";

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Respond> {
    let mut node = Node::open(kdl, &WORD, reading);
    let status = node.need::<StatusCode>(reading);
    let bodies = read_bodies(&mut node, reading);
    let content_type = node.property::<String>("type", reading);
    let failure = node.property::<bool>("failure", reading).filter(|failure| failure.value);
    let span = node.span;
    node.finish(reading);
    let mut bodies = bodies.into_iter();
    let body = bodies.next();
    for second in bodies {
        let error = Diagnostic::error("two-bodies", second.span, "`respond` has more than one body");
        reading.report(error.label("keep one of them"));
    }
    let status = status?.value;
    if body.is_some() && matches!(status.as_u16(), 204 | 304) {
        reading.report(text::wrong("respond", span, format!("{} has no body", status.as_u16())));
    }
    if let Some(failure) = &failure {
        check_failure(failure.span, status, body.is_some() || content_type.is_some(), reading);
    }
    let by_path = content_type.as_ref().is_some_and(|written| written.value == "auto");
    let content_type = match (content_type, &body) {
        _ if by_path => None,
        (Some(written), _) => Some(header_value(&written, reading)?),
        (None, Some(body)) => Some(HeaderValue::from_static(body.value.1)),
        (None, None) => None,
    };
    let body = body.map(|body| body.value.0).unwrap_or_default();
    Some(Respond { status, content_type, body, fails: failure.is_some(), by_path })
}

/// A failure has the page that failures have.
fn check_failure(span: Span, status: StatusCode, has_body: bool, reading: &mut Reading<'_>) {
    if status.as_u16() < 400 {
        reading.report(text::wrong("respond", span, format!("{} is no failure", status.as_u16())));
    } else if has_body {
        let message = "a failure has a page of its own, and no body beside it";
        reading.report(text::wrong("respond", span, message));
    }
}

fn read_bodies(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Vec<Spanned<Typed>> {
    let mut bodies = Vec::new();
    let mut take = |found: Option<Spanned<String>>, content_type| {
        bodies
            .extend(found.map(|found| {
                Spanned::new((Body::Fixed(found.value.into_bytes()), content_type), found.span)
            }));
    };
    take(node.take(reading), PLAIN);
    let json = node.property::<String>("json", reading);
    if let Some(json) = &json {
        check_json(json, reading);
    }
    take(json, "application/json");
    take(node.property("html", reading), "text/html; charset=utf-8");
    if let Some(file) = node.property::<String>("file", reading) {
        bodies.extend(read_file(&file, reading));
    }
    let template = node.property::<String>("template", reading);
    let template = template.and_then(|template| header::template(template, "respond", reading));
    bodies.extend(template.map(|template| {
        let span = template.span;
        Spanned::new((Body::Filled(template), PLAIN), span)
    }));
    bodies
}

fn check_json(json: &Spanned<String>, reading: &mut Reading<'_>) {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&json.value) {
        let found = Diagnostic::error("bad-json", json.span, "this is not JSON").label(error.to_string());
        reading.report(found);
    }
}

fn read_file(path: &Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<Typed>> {
    match reading.surroundings.read(&path.value) {
        Ok(bytes) => Some(Spanned::new((Body::Fixed(bytes), type_of(&path.value)), path.span)),
        Err(error) => {
            let message = format!("`{}` cannot be read", path.value);
            reading.report(Diagnostic::error("unreadable-file", path.span, message).label(error.to_string()));
            None
        }
    }
}

/// The type of a page or a picture by its file's ending.
fn type_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        _ => "application/octet-stream",
    }
}

fn header_value(text: &Spanned<String>, reading: &mut Reading<'_>) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(&text.value).ok();
    if value.is_none() {
        reading.report(text::wrong("respond", text.span, "this is no content type"));
    }
    value
}

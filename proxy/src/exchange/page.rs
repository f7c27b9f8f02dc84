//! What a failure looks like to whoever asked: a page, an object, or a line of text.

use super::answer::Answer;
use super::context::Exchange;
use super::failure::{Failure, Party};
use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

/// The failure's page in the form that the request asks for.
pub(super) fn page(exchange: &Exchange, failure: &Failure, request: &HeaderMap) -> Answer {
    let upstream = exchange.reached.as_ref().map(|reached| reached.upstream.as_str());
    let mut detail = failure.detail(upstream);
    if let (true, Some(reached)) = (exchange.table.process.error_detail, &exchange.reached) {
        detail = format!("{detail} ({})", reached.peer);
    } else if failure.party() == Party::Upstream {
        detail = without_addresses(detail, exchange, failure);
    }
    let id = exchange.request_id.to_str().unwrap_or("-");
    let mut answer = make(failure.status(), &detail, Some(id), form(request));
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// A page for a request whose head was refused, so that nothing more is known of it.
pub fn refusal(failure: &Failure) -> Answer {
    make(failure.status(), &failure.detail(None), None, Form::Text)
}

/// A pool written in place is named after its address, which is nobody's business.
fn without_addresses(detail: String, exchange: &Exchange, failure: &Failure) -> String {
    let named = exchange.reached.as_ref().is_some_and(|reached| !reached.upstream.contains(['.', ':']));
    let reason = match failure {
        // The reason may name addresses and hosts too.
        Failure::Dns(_) => Failure::Dns("see the log".to_owned()),
        other => other.clone(),
    };
    match (named, &reason) {
        (true, Failure::Dns(_)) => {
            reason.detail(exchange.reached.as_ref().map(|reached| reached.upstream.as_str()))
        }
        (true, _) => detail,
        (false, _) => reason.detail(None),
    }
}

/// The forms a page comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    Text,
}

/// JSON for programs that say so, HTML for browsers, and text for all others.
fn form(request: &HeaderMap) -> Form {
    let accept = request.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    match (accept.contains("text/html"), accept.contains("json")) {
        (true, _) => Form::Html,
        (false, true) => Form::Json,
        (false, false) => Form::Text,
    }
}

fn make(status: StatusCode, detail: &str, id: Option<&str>, form: Form) -> Answer {
    let reason = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    match form {
        Form::Json => {
            let body =
                serde_json::json!({ "status": code, "error": detail, "request_id": id }).to_string() + "\n";
            Answer::with_body(status, HeaderValue::from_static("application/json"), body)
        }
        Form::Text => {
            let id = id.map(|id| format!("request {id}\n")).unwrap_or_default();
            let body = format!("{code} {reason}\n{detail}\n{id}");
            Answer::with_body(status, HeaderValue::from_static("text/plain; charset=utf-8"), body)
        }
        Form::Html => {
            let page = include_str!("page.html")
                .replace("{status}", &code.to_string())
                .replace("{reason}", reason)
                .replace("{detail}", &escaped(detail))
                .replace("{id}", &escaped(id.unwrap_or("-")));
            Answer::with_body(status, HeaderValue::from_static("text/html; charset=utf-8"), page)
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

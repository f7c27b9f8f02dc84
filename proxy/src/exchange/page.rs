//! What a failure looks like to whoever asked: a page, an object, or a line of text.

use super::answer::Answer;
use super::context::Exchange;
use super::failure::{Failure, Party};
use super::nginx_page;
use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use vordr_rules::table::Bodies;

/// The failure's page in the form that the request asks for.
pub(super) fn page(exchange: &Exchange, failure: &Failure, request: &HeaderMap) -> Answer {
    if exchange.has_nginxs_bodies() {
        return nginx_page::of(failure);
    }
    let upstream = exchange.reached.as_ref().map(|reached| reached.upstream());
    let mut detail = failure.detail(upstream);
    if let (true, Some(reached)) = (exchange.table.process.error_detail, &exchange.reached) {
        detail = format!("{detail} ({})", reached.endpoint.peer);
    } else if failure.party() == Party::Upstream {
        detail = without_addresses(failure, upstream);
    }
    let id = exchange.request_id.to_str().unwrap_or("-");
    let mut answer = make(failure.shown_status(), &detail, Some(id), form(request));
    if matches!(answer.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        answer.headers.insert(RETRY_AFTER, HeaderValue::from(exchange.retry_after.unwrap_or(1)));
    }
    answer
}

/// A page for a connection that is refused, so that nothing is known of its requests, and what the status line says.
pub fn refusal(failure: &Failure, bodies: Bodies) -> (Answer, &'static str) {
    let (page, reason) = match bodies {
        Bodies::Nginx => {
            let page = nginx_page::of(failure);
            let reason = nginx_page::reason(page.status);
            (page, reason)
        }
        Bodies::Own => (make(failure.shown_status(), &failure.detail(None), None, Form::Text), None),
    };
    let usual = page.status.canonical_reason();
    (page, reason.or(usual).unwrap_or_default())
}

/// A pool written in place is named after its address, which is nobody's business.
fn without_addresses(failure: &Failure, upstream: Option<&str>) -> String {
    let reason = match failure {
        // These reasons may name addresses and hosts too: rustls says which names a certificate has.
        Failure::NoUpstream(_) => Failure::NoUpstream("see the log".to_owned()),
        Failure::Dns(_) => Failure::Dns("see the log".to_owned()),
        Failure::Tls(_) => Failure::Tls("see the log".to_owned()),
        other => other.clone(),
    };
    reason.detail(upstream.filter(|name| !name.contains(['.', ':'])))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{STRANGER, Scene};
    use super::*;

    const NAMED: &str = r#"upstream chatbot { server "127.0.0.1:8000"; }
        server a.test { listen 8080; location "/" { proxy chatbot; } }"#;
    const IN_PLACE: &str =
        r#"server a.test { listen 8080; location "/" { proxy "http://127.0.0.1:8000"; } }"#;

    fn failed(rules: &str, failure: &Failure, accept: &str) -> Answer {
        let request = format!("GET /\nX-Request-Id: r-7\nAccept: {accept}");
        let mut scene = Scene::under(rules, STRANGER, &request);
        scene.admit();
        scene.reach();
        scene.exchange.failure_page(failure, &scene.request)
    }

    fn text(answer: &Answer) -> String {
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    #[test]
    fn a_page_comes_as_the_request_asks_for_it() {
        for (accept, content_type) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
            ("application/json", "application/json"),
            ("application/problem+json, */*", "application/json"),
            ("*/*", "text/plain; charset=utf-8"),
            ("image/png", "text/plain; charset=utf-8"),
        ] {
            let answer = failed(NAMED, &Failure::Refused, accept);
            assert_eq!(answer.headers["content-type"], content_type, "{accept}");
            assert!(text(&answer).contains("r-7") && text(&answer).contains("connection refused"));
        }
    }

    #[test]
    fn an_upstream_is_named_by_its_name_and_never_by_its_address() {
        for (failure, named, in_place) in [
            (Failure::Refused, "upstream chatbot: connection refused", "the upstream: connection refused"),
            (
                Failure::Dns("chat.internal: no record".into()),
                "upstream chatbot: its name is not resolved: see the log",
                "the upstream: its name is not resolved: see the log",
            ),
            (
                Failure::Tls("not valid for name chat.internal".into()),
                "upstream chatbot: TLS failed: see the log",
                "the upstream: TLS failed: see the log",
            ),
            (
                Failure::NoUpstream("db7.internal:8000: there is no such name".into()),
                "upstream chatbot: it leads nowhere: see the log",
                "the upstream: it leads nowhere: see the log",
            ),
        ] {
            for (rules, words) in [(NAMED, named), (IN_PLACE, in_place)] {
                let object: serde_json::Value =
                    serde_json::from_slice(&failed(rules, &failure, "application/json").body).unwrap();
                assert_eq!(object["error"], words);
            }
        }
    }

    #[test]
    fn error_detail_tells_all() {
        let rules = format!("vordr {{ error-detail on; }}\n{IN_PLACE}");
        let answer = failed(&rules, &Failure::Tls("not valid for name chat.internal".into()), "*/*");
        assert!(text(&answer).contains("chat.internal") && text(&answer).contains("127.0.0.1:8000"));
    }

    #[test]
    fn what_stands_in_a_page_is_escaped() {
        let answer = failed(NAMED, &Failure::Protocol("<script>\"&".into()), "text/html");
        assert!(text(&answer).contains("&lt;script&gt;&quot;&amp;"), "{}", text(&answer));
    }

    #[test]
    fn a_503_says_when_to_come_back() {
        assert_eq!(failed(NAMED, &Failure::NoneUp, "*/*").headers["retry-after"], "1");
        assert!(!failed(NAMED, &Failure::Refused, "*/*").headers.contains_key("retry-after"));
    }

    #[test]
    fn a_refusal_without_a_request_is_text() {
        let (answer, _) = refusal(&Failure::ConnectionLimit, Bodies::Own);
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text(&answer).contains("limits connections"));
    }
}

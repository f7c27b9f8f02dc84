//! The operator's changes to headers, in the order written.

use super::context::Exchange;
use super::headers::Headers;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use vordr_rules::placeholder::Template;
use vordr_rules::table::{FieldName, HeaderOperation};

/// Applies `operations` to `message`; placeholders are filled in from `request`. A value that is not fit for a
/// header once it is filled in is left out. `success` tells of an answer whether it is no failure.
pub(super) fn apply(
    exchange: &Exchange,
    operations: &[HeaderOperation],
    request: &Parts,
    success: Option<bool>,
    message: &mut impl Headers,
) {
    let value_of = |template: &Template, headers: &HeaderMap| {
        exchange.header_value(template, request, success.map(|_| headers))
    };
    for operation in operations {
        let operation = match operation {
            HeaderOperation::OnSuccess(_) if success == Some(false) => continue,
            HeaderOperation::OnSuccess(operation) => operation,
            operation => operation,
        };
        match operation {
            HeaderOperation::Set(name, value) => match value_of(value, message.headers()) {
                Some(value) => message.set_as(name, value),
                None => message.remove(name),
            },
            HeaderOperation::Add(name, value) => {
                if let Some(value) = value_of(value, message.headers()) {
                    message.add_as(name, value);
                }
            }
            HeaderOperation::Default(name, value) => {
                if !message.headers().contains_key(&**name) {
                    let value = value_of(value, message.headers());
                    value.into_iter().for_each(|value| message.set_as(name, value));
                }
            }
            HeaderOperation::Remove(name) => message.remove(name),
            HeaderOperation::RemovePrefix(prefix) => remove_prefix(prefix, message),
            // What stands behind the body is made when that is over, and an `OnSuccess` holds no further one.
            HeaderOperation::Trailer(..) | HeaderOperation::OnSuccess(_) => {}
        }
    }
}

impl Exchange {
    /// A header's name as the operator's changes to the answer spell it.
    pub fn written_name(&self, name: &HeaderName) -> Option<&FieldName> {
        self.settings()?.response.iter().find_map(|operation| spelling(operation, name))
    }
}

fn spelling<'o>(operation: &'o HeaderOperation, sought: &HeaderName) -> Option<&'o FieldName> {
    match operation {
        HeaderOperation::Set(name, _) | HeaderOperation::Add(name, _) | HeaderOperation::Default(name, _) => {
            Some(name).filter(|name| HeaderName::eq(name, sought))
        }
        HeaderOperation::OnSuccess(operation) => spelling(operation, sought),
        HeaderOperation::Trailer(..) | HeaderOperation::Remove(_) | HeaderOperation::RemovePrefix(_) => None,
    }
}

fn remove_prefix(prefix: &str, message: &mut impl Headers) {
    let fits = |name: &&HeaderName| name.as_str().starts_with(prefix) && !frames(name);
    let names: Vec<HeaderName> = message.headers().keys().filter(fits).cloned().collect();
    names.iter().for_each(|name| message.remove(name));
}

/// What frames the message stays, whatever it starts with.
fn frames(name: &HeaderName) -> bool {
    matches!(
        *name,
        http::header::CONTENT_LENGTH
            | http::header::TRANSFER_ENCODING
            | http::header::CONNECTION
            | http::header::UPGRADE
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{Scene, values};
    use http::StatusCode;

    /// The upstream's view of one header after the operations.
    fn seen(operations: &str, request: &str, name: &str) -> Vec<String> {
        let location = format!("request {{ {operations}; }}\n proxy \"http://app.example\"");
        let headers = Scene::of(&location, request).forwarded();
        values(&headers, name).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn operations_run_in_the_order_written() {
        for (operations, expected) in [
            ("set X new", &["new"][..]),
            ("add X new", &["old", "older", "new"]),
            ("default X new", &["old", "older"]),
            ("remove X", &[]),
            ("remove X; default X new", &["new"]),
            ("set X new; add X more", &["new", "more"]),
            ("add X more; remove X", &[]),
        ] {
            assert_eq!(seen(operations, "GET /\nX: old\nX: older", "x"), expected, "{operations}");
        }
    }

    #[test]
    fn a_wildcard_removes_all_that_begin_with_it_but_what_frames_the_message() {
        let request = "POST /\nContent-Length: 3\nContent-Type: text/plain\nConnection: close";
        assert_eq!(seen("remove Con*", request, "content-length"), ["3"]);
        assert!(seen("remove Con*", request, "content-type").is_empty());
    }

    #[test]
    fn what_a_client_sends_cannot_add_a_header_of_its_own() {
        let captured = |path: &str| {
            let rules = r##"server a.test {
                listen 8080
                location regex=#"(?s)^/t/(.*)$"# {
                    request { set X-Tenant "<{1}>"; }
                    proxy "http://app.example"
                }
            }"##;
            let request = format!("GET {path}");
            let headers = Scene::under(rules, super::super::scene::STRANGER, &request).forwarded();
            values(&headers, "x-tenant").join("|")
        };
        assert_eq!(captured("/t/a%20%22b"), "<a \"b>");
        assert_eq!(captured("/t/a%0d%0aX-Admin:%20yes"), "");
        assert_eq!(captured("/t/a%0ab"), "");
    }

    #[test]
    fn a_value_that_is_not_there_is_empty_and_one_that_is_any_bytes_stays_as_it_came() {
        assert_eq!(seen("set X \"<{header.Y}>\"", "GET /", "x"), ["<>"]);
        assert_eq!(seen("set X \"<{cookie.y}>\"", "GET /\nCookie: z=1; y=2", "x"), ["<2>"]);
        assert_eq!(seen("set X \"<{query}>\"", "GET /?a=%0d%0ab", "x"), ["<a=%0d%0ab>"]);
        let location = "request { set X \"<{header.Y}>\"; }\n proxy \"http://app.example\"";
        let headers = Scene::of(location, "GET /\nY: \u{e9}").forwarded();
        assert_eq!(headers["x"].as_bytes(), "<\u{e9}>".as_bytes());
    }

    #[test]
    fn a_placeholder_that_comes_to_nothing_makes_no_header() {
        assert!(seen("set X \"{header.Y}\"", "GET /", "x").is_empty());
        assert_eq!(seen("set X \"\"", "GET /", "x"), [""]);
        assert!(seen("add Z \"{arg.b}\"", "GET /?a=1", "z").is_empty());
    }

    #[test]
    fn the_query_the_chain_and_the_port_are_filled_in() {
        assert_eq!(seen("set X \"{arg.b}{?}{query}\"", "GET /?a=1&b=2", "x"), ["2?a=1&b=2"]);
        assert_eq!(
            seen("set X \"{forwarded_for}\"", "GET /\nX-Forwarded-For: 1.1.1.1", "x"),
            ["1.1.1.1, 192.0.2.1"]
        );
        assert_eq!(seen("set X \"{forwarded_for}:{port}\"", "GET /", "x"), ["192.0.2.1:8080"]);
    }

    #[test]
    fn the_rest_of_a_path_is_what_stands_behind_the_prefix_and_never_leads_out() {
        let rest = |path: &str| {
            let rules = r#"server a.test { listen 8080
                location "/a/" raw=on { request { set X "<{rest}>"; }; proxy "http://app.example"; }
                location exact="/b" { request { set X "<{rest}>"; }; proxy "http://app.example"; } }"#;
            let headers =
                Scene::under(rules, super::super::scene::STRANGER, &format!("GET {path}")).forwarded();
            values(&headers, "x").join("|")
        };
        assert_eq!(rest("/a/x/%20y?q"), "<x/%20y>");
        assert_eq!(rest("/a/x/..%2f..%2fa/z"), "<z>");
        assert_eq!(rest("/a/%0d%0aX:%20y"), "<%0D%0AX:%20y>");
        assert_eq!(rest("/b"), "<>");
    }

    #[test]
    fn errors_off_keeps_a_header_to_answers_that_are_no_failure() {
        let location = r#"response { set X-Some a errors=off; set X-All b; }
            proxy "http://app.example""#;
        let delivered =
            |status| Scene::of(location, "GET /").delivered_as(StatusCode::from_u16(status).unwrap(), &[]);
        for (status, some) in [(200, 1), (302, 1), (304, 1), (404, 0), (502, 0)] {
            let headers = delivered(status);
            assert_eq!(values(&headers, "x-some").len(), some, "{status}");
            assert_eq!(values(&headers, "x-all"), ["b"], "{status}");
        }
    }

    #[test]
    fn forwarded_off_leaves_what_came_as_it_came() {
        let location = r#"forwarded off; proxy "http://app.example""#;
        let mut scene = Scene::of(location, "GET /\nX-Forwarded-For: 1.1.1.1");
        let headers = scene.forwarded();
        assert_eq!(values(&headers, "x-forwarded-for"), ["1.1.1.1"]);
        for absent in
            ["x-real-ip", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-request-id"]
        {
            assert!(!headers.contains_key(absent), "{absent}");
        }
        assert!(!Scene::of(location, "GET /").delivered(&[]).contains_key("x-request-id"));
    }

    #[test]
    fn response_operations_come_after_all_of_vordrs_own() {
        let location = r#"response { set Server mine; remove X-Request-Id; add Vary Cookie; }
            cors { origins "https://b.test"; }
            proxy "http://app.example""#;
        let headers = Scene::of(location, "GET /").delivered(&[("server", "theirs"), ("vary", "Accept")]);
        assert_eq!(values(&headers, "server"), ["mine"]);
        assert!(!headers.contains_key("x-request-id"));
        assert_eq!(values(&headers, "vary"), ["Accept", "Origin", "Cookie"]);
    }
}

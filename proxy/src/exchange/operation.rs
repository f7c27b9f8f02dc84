//! The operator's changes to headers, in the order written.

use super::context::Exchange;
use super::headers::Headers;
use http::HeaderName;
use http::request::Parts;
use vordr_rules::table::HeaderOperation;

/// Applies `operations` to `message`; placeholders are filled in from `request`. A value that is not fit for a
/// header once it is filled in is left out.
pub(super) fn apply(
    exchange: &Exchange,
    operations: &[HeaderOperation],
    request: &Parts,
    message: &mut impl Headers,
) {
    for operation in operations {
        match operation {
            HeaderOperation::Set(name, value) => match exchange.header_value(value, request) {
                Some(value) => message.set(name, value),
                None => message.remove(name),
            },
            HeaderOperation::Add(name, value) => {
                if let Some(value) = exchange.header_value(value, request) {
                    message.add(name, value);
                }
            }
            HeaderOperation::Default(name, value) => {
                if !message.headers().contains_key(name) {
                    exchange
                        .header_value(value, request)
                        .into_iter()
                        .for_each(|value| message.set(name, value));
                }
            }
            HeaderOperation::Remove(name) => message.remove(name),
            HeaderOperation::RemovePrefix(prefix) => remove_prefix(prefix, message),
        }
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
    use super::super::scene::{Scene, values};

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
        assert_eq!(captured("/t/a%0d%0aX-Admin:%20yes"), "<a%0D%0AX-Admin:%20yes>");
        assert_eq!(captured("/t/a%0ab"), "<a%0Ab>");
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

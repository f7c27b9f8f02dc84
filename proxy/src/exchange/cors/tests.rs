//! Who may read what, and who is told so.

use super::super::scene::{Scene, values};
use super::*;

const LISTED: &str = r#"cors {
        origins "https://a.example" "https://*.b.example"
        methods GET PUT
        headers Authorization
        expose X-Total
        credentials on
        max-age "1h"
    }
    proxy "http://app.example""#;
const ANY: &str = r#"cors { origins "*"; }
    proxy "http://app.example""#;

fn preflight(location: &str, origin: &str, method: &str) -> (Option<bool>, Answer) {
    let request = format!("OPTIONS /\nOrigin: {origin}\nAccess-Control-Request-Method: {method}");
    let mut scene = Scene::of(location, &request);
    let answer = scene.answer();
    (scene.exchange.preflight, answer)
}

fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let found = values(headers, name);
    assert!(found.len() <= 1, "{name} is doubled: {found:?}");
    found.first().copied()
}

#[test]
fn a_preflight_is_granted_to_a_listed_origin_and_method() {
    for (origin, method, granted) in [
        ("https://a.example", "PUT", true),
        ("https://A.EXAMPLE", "PUT", true),
        ("https://x.b.example", "GET", true),
        // Methods that need no grant of their own.
        ("https://a.example", "POST", true),
        ("https://a.example", "HEAD", true),
        ("https://a.example", "DELETE", false),
        ("https://b.example", "GET", false),
        ("http://a.example", "GET", false),
        ("https://a.example.evil", "GET", false),
        ("null", "GET", false),
    ] {
        let (found, answer) = preflight(LISTED, origin, method);
        assert_eq!((found, answer.status), (Some(granted), StatusCode::NO_CONTENT), "{origin} {method}");
        assert_eq!(answer.headers.contains_key(ACCESS_CONTROL_ALLOW_METHODS), granted, "{origin} {method}");
    }
}

#[test]
fn a_grant_says_all_of_it_and_for_whom() {
    let (_, answer) = preflight(LISTED, "https://a.example", "PUT");
    for (name, value) in [
        ("access-control-allow-origin", Some("https://a.example")),
        ("access-control-allow-credentials", Some("true")),
        ("access-control-allow-methods", Some("GET, PUT")),
        ("access-control-allow-headers", Some("authorization")),
        ("access-control-max-age", Some("3600")),
        ("access-control-expose-headers", None),
        ("vary", Some("Origin")),
    ] {
        let found = one(&answer.headers, name).map(str::to_ascii_lowercase);
        assert_eq!(found, value.map(str::to_ascii_lowercase), "{name}");
    }
}

#[test]
fn what_is_no_preflight_goes_on() {
    for request in [
        "OPTIONS /\nOrigin: https://a.example",
        "OPTIONS /\nAccess-Control-Request-Method: PUT",
        "GET /\nOrigin: https://a.example\nAccess-Control-Request-Method: PUT",
    ] {
        let mut scene = Scene::of(LISTED, request);
        assert_eq!(scene.admit(), super::super::Admission::Forward, "{request}");
        assert_eq!(scene.exchange.preflight, None);
    }
    let without = r#"proxy "http://app.example""#;
    let request = "OPTIONS /\nOrigin: https://a.example\nAccess-Control-Request-Method: PUT";
    assert_eq!(Scene::of(without, request).admit(), super::super::Admission::Forward);
}

#[test]
fn the_upstreams_own_word_is_replaced_and_never_doubled() {
    let theirs = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "TRACE"),
        ("access-control-expose-headers", "X-Secret"),
        ("vary", "Accept"),
    ];
    for (origin, allowed) in
        [("https://a.example", Some("https://a.example")), ("https://evil.example", None)]
    {
        let headers = Scene::of(LISTED, &format!("GET /\nOrigin: {origin}")).delivered(&theirs);
        assert_eq!(one(&headers, "access-control-allow-origin"), allowed);
        assert_eq!(one(&headers, "access-control-allow-methods"), None);
        let exposed = one(&headers, "access-control-expose-headers").map(str::to_ascii_lowercase);
        assert_eq!(exposed.as_deref(), allowed.map(|_| "x-total"));
        assert_eq!(values(&headers, "vary"), ["Accept", "Origin"]);
    }
}

#[test]
fn the_answer_varies_by_origin_wherever_it_depends_on_it() {
    for (location, fields, vary) in [
        (LISTED, &[][..], vec!["Origin"]),
        (LISTED, &[("vary", "accept, origin")], vec!["accept, origin"]),
        (LISTED, &[("vary", "*")], vec!["*"]),
        (ANY, &[], vec![]),
    ] {
        // Without an Origin too: a cache must not keep that answer for everybody, or may.
        let headers = Scene::of(location, "GET /").delivered(fields);
        assert_eq!(values(&headers, "vary"), vary, "{fields:?}");
        assert_eq!(
            values(&headers, "access-control-allow-origin").is_empty(),
            !vary.is_empty(),
            "{fields:?}"
        );
    }
}

#[test]
fn any_origin_is_told_so_and_headers_that_were_asked_for_are_granted() {
    let request = "OPTIONS /\nOrigin: https://x.example\nAccess-Control-Request-Method: GET\n\
                   Access-Control-Request-Headers: x-one, x-two";
    let answer = Scene::of(ANY, request).answer();
    assert_eq!(one(&answer.headers, "access-control-allow-origin"), Some("*"));
    assert_eq!(one(&answer.headers, "access-control-allow-headers"), Some("x-one, x-two"));
    assert_eq!(one(&answer.headers, "access-control-allow-credentials"), None);
}

#[test]
fn an_error_of_vordrs_making_may_be_read_by_those_who_may_read_the_answer() {
    let mut scene =
        Scene::of(&format!("body-limit 1; {LISTED}"), "POST /\nOrigin: https://a.example\nContent-Length: 2");
    let answer = scene.answer();
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(one(&answer.headers, "access-control-allow-origin"), Some("https://a.example"));
}

#[test]
fn a_wildcard_stands_for_every_sub_domain_and_nothing_else() {
    assert!(fits("https://*.b.example", "https://a.b.example"));
    assert!(fits("https://*.b.example", "https://x.a.b.example"));
    for origin in [
        "https://b.example",
        "http://a.b.example",
        "https://evil/.b.example",
        "https://a.b.example:8",
        "https://xb.example",
    ] {
        assert!(!fits("https://*.b.example", origin), "{origin}");
    }
}

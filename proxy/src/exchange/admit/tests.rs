//! Who is believed, who is let in, and what is answered at once.
#![allow(clippy::unwrap_used)]

use super::super::request_id::LONGEST_ID;
use super::super::scene::{STRANGER, Scene, values};
use super::*;
use crate::exchange::Failure;
use http::StatusCode;

const PROXY: &str = r#"proxy "http://app.example:8000""#;

/// What an app learns of a request that comes from `from`, where 10.0.0.0/8 is trusted.
fn forwarded(from: &str, fields: &str) -> HeaderMap {
    let rules = format!(
        r#"vordr {{ trusted-proxies "10.0.0.0/8"; }}
        server a.test {{ listen 8080; location "/" {{ {PROXY}; }} }}"#
    );
    Scene::under(&rules, from, &format!("GET /\nHost: a.test:8080\n{fields}")).forwarded()
}

fn refused(location: &str, request: &str) -> (u16, Option<Failure>) {
    let mut scene = Scene::of(location, request);
    let status = scene.answer().status.as_u16();
    (status, scene.exchange.failure)
}

#[test]
fn x_forwarded_for_is_the_peer_alone_unless_the_peer_is_trusted() {
    for (from, inbound, chain, client) in [
        (STRANGER, "", "192.0.2.1", "192.0.2.1"),
        (STRANGER, "X-Forwarded-For: 198.51.100.7", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "X-Forwarded-For: 198.51.100.7", "198.51.100.7, 10.0.0.1", "198.51.100.7"),
        // Whatever stands left of the first stranger, anybody may have written.
        (
            "10.0.0.1",
            "X-Forwarded-For: 1.1.1.1, 198.51.100.7, 10.0.0.2",
            "1.1.1.1, 198.51.100.7, 10.0.0.2, 10.0.0.1",
            "198.51.100.7",
        ),
        (
            "10.0.0.1",
            "X-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 198.51.100.7",
            "1.1.1.1, 198.51.100.7, 10.0.0.1",
            "198.51.100.7",
        ),
        // Only proxies of ours: the first of them is as near to the client as is known.
        ("10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3, 10.0.0.2, 10.0.0.1", "10.0.0.3"),
        ("10.0.0.1", "X-Forwarded-For: [2001:db8::7]:4711", "[2001:db8::7]:4711, 10.0.0.1", "2001:db8::7"),
        ("10.0.0.1", "X-Forwarded-For: 198.51.100.7:4711", "198.51.100.7:4711, 10.0.0.1", "198.51.100.7"),
        ("10.0.0.1", "X-Forwarded-For: unknown", "unknown, 10.0.0.1", "10.0.0.1"),
    ] {
        let seen = forwarded(from, inbound);
        assert_eq!(values(&seen, "x-forwarded-for"), [chain], "{from} {inbound}");
        assert_eq!(values(&seen, "x-real-ip"), [client], "{from} {inbound}");
    }
}

#[test]
fn scheme_host_and_port_are_a_trusted_peers_word_or_our_own() {
    for (from, inbound, expected) in [
        (
            STRANGER,
            "X-Forwarded-Proto: https\nX-Forwarded-Host: evil.test\nX-Forwarded-Port: 1",
            ["http", "a.test:8080", "8080"],
        ),
        ("10.0.0.1", "", ["http", "a.test:8080", "8080"]),
        ("10.0.0.1", "X-Forwarded-Proto: https", ["https", "a.test:8080", "443"]),
        ("10.0.0.1", "X-Forwarded-Proto: HTTPS, http", ["https", "a.test:8080", "443"]),
        ("10.0.0.1", "X-Forwarded-Proto: wss\nX-Forwarded-Port: 8443", ["https", "a.test:8080", "8443"]),
        ("10.0.0.1", "X-Forwarded-Proto: gopher", ["http", "a.test:8080", "8080"]),
        ("10.0.0.1", "X-Forwarded-Host: public.test", ["http", "public.test", "8080"]),
        ("10.0.0.1", "X-Forwarded-Host: public.test, inner.test", ["http", "public.test", "8080"]),
        ("10.0.0.1", "X-Forwarded-Host: public.test/evil?", ["http", "a.test:8080", "8080"]),
        ("10.0.0.1", "X-Forwarded-Port: many", ["http", "a.test:8080", "8080"]),
    ] {
        let seen = forwarded(from, inbound);
        let found = ["x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"]
            .map(|name| values(&seen, name).join(" "));
        assert_eq!(found, expected, "{from} {inbound}");
    }
}

#[test]
fn a_host_that_means_something_else_in_a_url_is_a_400() {
    for host in
        ["a.test/x", "a.test?x", "user@a.test", "a b", "", ":8080", "a.test#x", "a\\.test", "münchen.test"]
    {
        let (status, failure) = refused(PROXY, &format!("GET /\nHost: {host}"));
        assert_eq!((status, failure.map(|failure| failure.reason())), (400, Some("bad_request")), "{host:?}");
    }
    for host in ["a.test", "A.TEST:8080", "a.test.", "[::1]:80", "xn--mnchen-3ya.test"] {
        assert_eq!(Scene::of(PROXY, &format!("GET /\nHost: {host}")).admit(), Admission::Forward, "{host}");
    }
}

#[test]
fn only_http_1_0_may_come_without_a_host() {
    assert_eq!(Scene::of(PROXY, "GET / HTTP/1.0").admit(), Admission::Forward);
    let mut scene = Scene::of(PROXY, "GET /");
    scene.request.headers.remove(HOST);
    assert_eq!(scene.answer().status, StatusCode::BAD_REQUEST);
}

#[test]
fn a_target_that_names_a_host_is_for_that_host() {
    for request in ["GET http://a.test/x HTTP/1.0", "GET http://a.test/x\nHost: other.test"] {
        let seen = Scene::of(PROXY, request).forwarded();
        assert_eq!(values(&seen, "x-forwarded-host"), ["a.test"], "{request}");
        assert_eq!(values(&seen, "host"), ["a.test"], "{request}");
    }
}

#[test]
fn a_request_id_is_taken_over_where_it_is_a_plain_word() {
    for (given, taken) in
        [("r-7", true), ("a/b:c=d+e_f.g", true), ("", false), ("a b", false), ("a\"b", false), ("é", false)]
    {
        let mut scene = Scene::of(PROXY, &format!("GET /\nX-Request-Id: {given}"));
        scene.admit();
        assert_eq!(scene.exchange.request_id == given, taken, "{given}");
        assert!(!scene.exchange.request_id.is_empty());
    }
    let longest = "x".repeat(LONGEST_ID);
    for (id, taken) in [(longest.clone(), true), (longest + "x", false)] {
        let mut scene = Scene::of(PROXY, &format!("GET /\nX-Request-Id: {id}"));
        scene.admit();
        assert_eq!(scene.exchange.request_id == id, taken);
    }
}

#[test]
fn the_first_allow_or_deny_that_fits_decides() {
    for (rules, status) in [
        ("", 200),
        ("deny all", 403),
        (r#"allow "192.0.2.0/24"; deny all"#, 200),
        (r#"deny "192.0.2.1"; allow all"#, 403),
        (r#"allow "10.0.0.0/8"; deny all"#, 403),
        (r#"deny "10.0.0.0/8""#, 200),
    ] {
        let answer = Scene::of(&format!("{rules}\n respond 200 in"), "GET /").answer();
        assert_eq!(answer.status.as_u16(), status, "{rules}");
    }
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_at_once() {
    let location = format!("body-limit 10; {PROXY}");
    for (length, refuses) in [("10", false), ("11", true), ("99999999999", true)] {
        let mut scene = Scene::of(&location, &format!("POST /\nContent-Length: {length}"));
        assert_eq!(scene.admit() != Admission::Forward, refuses, "{length}");
    }
    assert_eq!(refused(&location, "POST /\nContent-Length: 11"), (413, Some(Failure::BodyLimit)));
}

#[test]
fn a_websocket_is_asked_for_by_a_get_of_http_1_1_with_both_headers() {
    let both = "Upgrade: websocket\nConnection: Upgrade";
    for (request, upgrade) in [
        (format!("GET /\n{both}"), true),
        ("GET /\nUpgrade: WebSocket\nConnection: keep-alive, upgrade".to_owned(), true),
        ("GET /\nUpgrade: websocket".to_owned(), false),
        ("GET /\nConnection: Upgrade".to_owned(), false),
        ("GET /\nUpgrade: h2c\nConnection: Upgrade".to_owned(), false),
        (format!("POST /\n{both}"), false),
        (format!("GET / HTTP/1.0\n{both}"), false),
    ] {
        let mut scene = Scene::of(PROXY, &request);
        assert_eq!(scene.admit(), Admission::Forward);
        assert_eq!(scene.exchange.upgrade, upgrade, "{request}");
    }
    let (status, failure) = refused(&format!("websocket off; {PROXY}"), &format!("GET /\n{both}"));
    assert_eq!((status, failure), (426, Some(Failure::WebSocketOff)));
}

#[test]
fn a_listener_that_redirects_to_https_keeps_host_path_and_query_and_lets_acme_pass() {
    let rules = r#"server a.test { listen 80 redirect=https; location "/" { respond 200 plain; } }"#;
    for (request, status, target) in [
        ("GET /x?y=1\nHost: a.test:8080", 301, Some("https://a.test/x?y=1")),
        ("HEAD /", 301, Some("https://a.test/")),
        ("POST /x", 308, Some("https://a.test/x")),
        ("GET /.well-known/acme-challenge/token", 200, None),
        // There is no host to go to but the rules' own.
        ("GET /x HTTP/1.0", 301, Some("https://a.test/x")),
    ] {
        let answer = Scene::under(rules, STRANGER, request).answer();
        let location = answer.headers.get("location").map(|location| location.to_str().unwrap());
        assert_eq!((answer.status.as_u16(), location), (status, target), "{request}");
    }
}

//! What an upstream is told, and what it is not.
#![allow(clippy::unwrap_used)]

use super::super::admit::Admission;
use super::super::scene::{Scene, values};
use super::*;

/// What the upstream sees of one header.
fn seen(location: &str, request: &str, name: &str) -> Vec<String> {
    let headers = Scene::of(location, request).forwarded();
    values(&headers, name).into_iter().map(str::to_owned).collect()
}

#[test]
fn host_is_kept_for_http_and_the_upstreams_own_for_https_unless_it_is_said() {
    for (proxy, host) in [
        (r#"proxy "http://app.example:8000""#, "a.test:8080"),
        (r#"proxy "https://app.example""#, "app.example"),
        (r#"proxy "https://app.example:8443""#, "app.example:8443"),
        (r#"proxy "http://app.example:8000" { host upstream; }"#, "app.example:8000"),
        (r#"proxy "http://app.example" { host upstream; }"#, "app.example"),
        (r#"proxy "https://app.example" { host preserve; }"#, "a.test:8080"),
        (r#"proxy "https://app.example" { host "fixed.test"; }"#, "fixed.test"),
    ] {
        assert_eq!(seen(proxy, "GET /\nHost: a.test:8080", "host"), [host], "{proxy}");
    }
    assert_eq!(
        seen(r#"proxy "http://app.example""#, "GET / HTTP/1.0", "host"),
        ["app.example"],
        "HTTP/1.1 may not go without"
    );
}

#[test]
fn an_origin_becomes_the_upstreams_only_where_it_is_exactly_the_public_one() {
    let proxy = r#"proxy "https://app.example""#;
    for (origin, becomes) in [
        ("http://a.test:8080", "https://app.example"),
        ("HTTP://a.test:8080", "HTTP://a.test:8080"),
        ("http://A.TEST:8080", "https://app.example"),
        // TLS may have ended at somebody in front who did not say so.
        ("https://a.test:8080", "https://app.example"),
        ("http://a.test", "http://a.test"),
        ("http://a.test:80801", "http://a.test:80801"),
        ("http://a.test:8080.evil", "http://a.test:8080.evil"),
        ("https://evil.example", "https://evil.example"),
        ("null", "null"),
    ] {
        let request = format!("GET /\nHost: a.test:8080\nOrigin: {origin}");
        assert_eq!(seen(proxy, &request, "origin"), [becomes], "{origin}");
    }
    for untouched in [
        r#"proxy "https://app.example" { origin off; }"#,
        r#"proxy "https://app.example" { host preserve; }"#,
        r#"proxy "http://app.example""#,
    ] {
        let request = "GET /\nHost: a.test:8080\nOrigin: http://a.test:8080";
        assert_eq!(seen(untouched, request, "origin"), ["http://a.test:8080"], "{untouched}");
    }
    assert_eq!(seen(proxy, "GET /", "origin"), Vec::<&str>::new(), "none is made up");
}

#[test]
fn an_upgrade_is_taken_off_unless_it_is_a_websockets() {
    let proxy = r#"proxy "http://app.example""#;
    let websocket = "GET /\nUpgrade: websocket\nConnection: Upgrade";
    assert_eq!(seen(proxy, websocket, "upgrade"), ["websocket"]);
    for request in ["GET /\nUpgrade: h2c\nConnection: Upgrade", "GET /\nUpgrade: websocket"] {
        assert_eq!(seen(proxy, request, "upgrade"), Vec::<&str>::new(), "{request}");
        assert_eq!(seen(proxy, request, "connection"), Vec::<&str>::new(), "{request}");
    }
}

#[test]
fn the_operator_has_the_last_word() {
    let location = r#"request { set Host "own.test"; remove X-Forwarded-*; }; proxy "https://app.example""#;
    let headers = Scene::of(location, "GET /\nX-Forwarded-For: 1.1.1.1").forwarded();
    assert_eq!(values(&headers, "host"), ["own.test"]);
    for name in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[test]
fn a_path_is_rewritten_and_keeps_its_query_unless_the_rewrite_has_one() {
    for (location, request, path) in [
        ("proxy \"http://b:1\"", "GET /x?y", None),
        ("rewrite \"/new\"\n proxy \"http://b:1\"", "GET /x?y=1", Some("/new?y=1")),
        ("rewrite \"/new?own\"\n proxy \"http://b:1\"", "GET /x?y=1", Some("/new?own")),
        ("rewrite \"/new{path}\"\n proxy \"http://b:1\"", "GET /x", Some("/new/x")),
        (
            "rewrite \"/t/{header.X-Tenant}\"\n proxy \"http://b:1\"",
            "GET /\nX-Tenant: a?b/../c",
            Some("/t/a%3Fb/../c"),
        ),
        ("proxy \"http://b:1\" { strip-prefix \"/api\"; }", "GET /api/x?y", Some("/x?y")),
        ("proxy \"http://b:1\" { strip-prefix \"/api\"; }", "GET /apix", None),
        ("rewrite \"/api/new\"\n proxy \"http://b:1\" { strip-prefix \"/api\"; }", "GET /x", Some("/new")),
    ] {
        let mut scene = Scene::of(location, request);
        scene.forwarded();
        let found = scene.exchange.upstream_path(&scene.request);
        assert_eq!(
            found.map(|path| String::from_utf8(path).unwrap()).as_deref(),
            path,
            "{location} for {request}"
        );
    }
}

#[test]
fn a_prefix_is_taken_off_by_whole_segments_and_leaves_at_least_a_slash() {
    let stripped =
        |path: &str| strip(path.as_bytes(), b"/api").map(|path| String::from_utf8_lossy(&path).into_owned());
    assert_eq!(stripped("/api/v1?x=1").as_deref(), Some("/v1?x=1"));
    assert_eq!(stripped("/api").as_deref(), Some("/"));
    assert_eq!(stripped("/api?x").as_deref(), Some("/?x"));
    assert_eq!(stripped("/apis"), None);
    assert_eq!(stripped("/x/api"), None);
}

#[test]
fn an_old_client_is_not_said_to_wait_for_an_interim_answer() {
    let proxy = r#"proxy "http://app.example""#;
    let asked = "\nHost: a.test\nExpect: 100-continue";
    assert_eq!(seen(proxy, &format!("POST /{asked}"), "expect"), ["100-continue"]);
    assert_eq!(seen(proxy, &format!("POST / HTTP/1.0{asked}"), "expect"), Vec::<&str>::new());
}

#[test]
fn a_client_that_waits_is_told_to_send_its_body_where_no_upstream_would_say_so() {
    let bids = |proxy: &str, request: &str| {
        let mut scene = Scene::of(proxy, &format!("{request}\nHost: a.test\nExpect: 100-continue"));
        assert_eq!(scene.admit(), Admission::Forward);
        scene.exchange.bids_for_body(&scene.request, false)
    };
    let post = "POST /\nContent-Length: 4";
    for (proxy, told) in [
        (r#"proxy "http://app.example""#, false),
        (r#"proxy "http://app.example" { http "2"; }"#, true),
        (r#"proxy "http://app.example" { http auto; }"#, false),
        (r#"proxy "https://app.example" { http auto; }"#, true),
        (r#"proxy "http://app.example" { pass-body off; }"#, true),
        (r#"proxy "http://app.example" { body "own"; }"#, true),
    ] {
        assert_eq!(bids(proxy, post), told, "{proxy}");
    }
    let proxy = r#"proxy "http://app.example" { http "2"; }"#;
    for (request, told) in [
        ("GET /\nContent-Length: 4", true),
        ("PUT /\nTransfer-Encoding: chunked", true),
        ("POST /", false),
        ("POST /\nContent-Length: 0", false),
        ("POST / HTTP/1.0\nContent-Length: 4", false),
    ] {
        assert_eq!(bids(proxy, request), told, "{request}");
    }
}

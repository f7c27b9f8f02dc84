//! Which answers are packed, and what is said of those that are not.
#![allow(clippy::unwrap_used)]

use super::super::scene::{STRANGER, Scene, values};
use super::*;
use http::HeaderMap;

const COMPRESS: &str = "compress zstd br gzip\n proxy \"http://app.example\"";

/// The answer's headers, and how it is packed.
fn delivered(request: &str, status: u16, fields: &[(&'static str, &str)]) -> (HeaderMap, Option<Coding>) {
    let mut scene = Scene::of(COMPRESS, request);
    scene.admit();
    scene.reach();
    let mut headers: HeaderMap =
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    scene.exchange.deliver(&scene.request, StatusCode::from_u16(status).unwrap(), &mut headers);
    (headers, scene.exchange.packing)
}

const GET: &str = "GET /\nAccept-Encoding: gzip, br;q=0.9";
const PAGE: (&str, &str) = ("content-type", "text/html; charset=utf-8");

#[test]
fn a_packed_answer_says_how_and_no_longer_what_held_of_the_plain_one() {
    let fields = [
        PAGE,
        ("content-length", "5000"),
        ("etag", "\"x\""),
        ("accept-ranges", "bytes"),
        ("vary", "Cookie"),
        ("content-digest", "sha-256=:x:"),
    ];
    let (headers, packing) = delivered(GET, 200, &fields);
    assert_eq!(packing, Some(Coding::Gzip));
    assert_eq!(values(&headers, "content-encoding"), ["gzip"]);
    assert_eq!(values(&headers, "vary"), ["Cookie", "Accept-Encoding"]);
    assert_eq!(values(&headers, "etag"), ["W/\"x\""]);
    for gone in ["content-length", "accept-ranges", "content-digest"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert_eq!(values(&headers, "transfer-encoding"), ["chunked"]);
}

#[test]
fn of_what_is_taken_equally_the_rules_choose() {
    let coding = |accept| delivered(&format!("GET /\nAccept-Encoding: {accept}"), 200, &[PAGE]).1;
    assert_eq!(coding("gzip, br, zstd"), Some(Coding::Zstd));
    assert_eq!(coding("gzip, br"), Some(Coding::Br));
    assert_eq!(coding("zstd;q=0.1, gzip"), Some(Coding::Gzip));
    assert_eq!(coding("*"), Some(Coding::Zstd));
    assert_eq!(coding("identity"), None);
    assert_eq!(coding("deflate"), None);
}

#[test]
fn an_answer_that_others_get_packed_varies() {
    for request in ["GET /", "GET /\nAccept-Encoding: gzip;q=0", "GET / HTTP/1.0\nAccept-Encoding: gzip"] {
        let (headers, packing) = delivered(request, 200, &[PAGE, ("etag", "\"x\"")]);
        assert_eq!((packing, values(&headers, "vary")), (None, vec!["Accept-Encoding"]), "{request}");
        assert_eq!(values(&headers, "etag"), ["\"x\""]);
    }
    let (headers, _) = delivered(GET, 200, &[PAGE, ("vary", "cookie, accept-encoding")]);
    assert_eq!(values(&headers, "vary"), ["cookie, accept-encoding"], "it is said once");
}

#[test]
fn what_is_not_to_be_packed_passes_as_it_is() {
    let length = ("content-length", "5000");
    for (status, fields) in [
        (200, &[length, ("content-type", "text/event-stream")][..]),
        (200, &[("content-type", "Text/Event-Stream; charset=utf-8")]),
        (200, &[length, ("content-type", "image/png")]),
        (200, &[length, ("content-type", "application/grpc")]),
        (200, &[length]),
        (200, &[PAGE, ("content-length", "1023")]),
        (200, &[PAGE, length, ("content-encoding", "br")]),
        (200, &[PAGE, length, ("cache-control", "public, No-Transform")]),
        (206, &[PAGE, length, ("content-range", "bytes 0-4999/6000")]),
        (204, &[PAGE]),
        (416, &[PAGE, length, ("content-range", "bytes */6000")]),
    ] {
        let (headers, packing) = delivered(GET, status, fields);
        assert_eq!(packing, None, "{status} {fields:?}");
        for (name, value) in fields {
            assert_eq!(values(&headers, name), [*value], "{status} {fields:?}");
        }
        assert!(!headers.contains_key("vary"), "{status} {fields:?}");
    }
}

#[test]
fn what_shrinks_is_packed_whatever_its_status() {
    for content_type in [
        "text/plain",
        "TEXT/CSS",
        "application/json",
        "application/problem+json; charset=utf-8",
        "image/svg+xml",
        "application/wasm",
        "application/javascript",
    ] {
        for status in [200, 404, 500] {
            let fields = [("content-type", content_type), ("content-length", "1024")];
            assert_eq!(delivered(GET, status, &fields).1, Some(Coding::Gzip), "{content_type}");
        }
    }
}

#[test]
fn head_is_told_what_get_would_be_and_has_nothing_to_pack() {
    let (headers, packing) =
        delivered("HEAD /\nAccept-Encoding: gzip", 200, &[PAGE, ("content-length", "5000")]);
    assert_eq!((packing, values(&headers, "content-encoding")), (None, vec!["gzip"]));
    assert!(!headers.contains_key("content-length") && !headers.contains_key("transfer-encoding"));
}

#[test]
fn a_304_stays_true_to_the_packed_form() {
    let (headers, packing) = delivered(GET, 304, &[("etag", "\"x\"")]);
    assert_eq!((packing, values(&headers, "etag")), (None, vec!["W/\"x\""]));
    assert_eq!(values(&headers, "vary"), ["Accept-Encoding"]);
    let (headers, _) = delivered("GET /", 304, &[("etag", "\"x\"")]);
    assert_eq!(values(&headers, "etag"), ["\"x\""]);
    let (headers, _) = delivered(GET, 304, &[("etag", "\"x\""), ("content-type", "image/png")]);
    assert_eq!((values(&headers, "etag"), values(&headers, "vary")), (vec!["\"x\""], vec![]), "never packed");
}

#[test]
fn what_the_operator_says_in_response_counts() {
    let rules = r#"response { set Cache-Control no-transform; }"#;
    let rules = format!("server a.test {{ listen 8080; location \"/\" {{ {rules}\n {COMPRESS} }} }}");
    let mut scene = Scene::under(&rules, STRANGER, GET);
    let headers = scene.delivered(&[PAGE]);
    assert!(!headers.contains_key("content-encoding"));
}

#[test]
fn vordrs_own_answers_are_packed_at_once_and_say_how_long_they_are() {
    let text = "all work and no play ".repeat(100);
    let location = format!("compress gzip\n respond 200 \"{text}\"");
    let mut scene = Scene::of(&location, "GET /\nAccept-Encoding: gzip");
    let answer = scene.answer();
    assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
    assert!(answer.body.len() < 200 && answer.body.starts_with(&[0x1f, 0x8b]), "{}", answer.body.len());
    assert!(!answer.headers.contains_key("transfer-encoding"));
    let head = Scene::of(&location, "HEAD /\nAccept-Encoding: gzip").answer();
    assert_eq!((head.body.len(), &head.headers["content-encoding"]), (0, &HeaderValue::from_static("gzip")));
    let plain = Scene::of(&location, "GET /").answer();
    assert_eq!((plain.body.len(), plain.headers["content-length"].to_str().unwrap()), (2100, "2100"));
    let short = Scene::of("compress gzip\n respond 200 short", "GET /\nAccept-Encoding: gzip").answer();
    assert_eq!(short.body, "short");
}

//! What a client sees of an upstream's answer.

use super::super::scene::{Scene, values};
use super::*;

const HTTPS: &str = r#"proxy "https://app.example""#;

/// One header of the upstream's answer as the client of `a.test:8080` sees it.
fn seen(location: &str, name: &'static str, value: &str) -> String {
    let headers = Scene::of(location, "GET /\nHost: a.test:8080").delivered(&[(name, value)]);
    values(&headers, name).join("|")
}

#[test]
fn the_upstreams_address_in_a_location_becomes_the_public_one() {
    for (location, becomes) in [
        ("https://app.example/login?next=%2F#top", "http://a.test:8080/login?next=%2F#top"),
        ("http://app.example", "http://a.test:8080"),
        ("HTTPS://APP.example:443/x", "http://a.test:8080/x"),
        ("https://app.example?x", "http://a.test:8080?x"),
        ("https://app.example:8443/", "https://app.example:8443/"),
        ("https://app.example.evil/", "https://app.example.evil/"),
        ("https://user@app.example/", "https://user@app.example/"),
        ("https://id.example/?back=https://app.example/", "https://id.example/?back=https://app.example/"),
        ("/login", "/login"),
        ("", ""),
    ] {
        assert_eq!(seen(HTTPS, "location", location), becomes, "{location}");
    }
    let off = r#"proxy "https://app.example" { location-fix off; }"#;
    assert_eq!(seen(off, "location", "https://app.example/x"), "https://app.example/x");
}

#[test]
fn an_upstream_may_know_itself_by_the_host_it_was_sent_or_by_its_own() {
    let preserved = r#"proxy "http://app.example:8000""#;
    assert_eq!(seen(preserved, "location", "http://app.example:8000/x"), "http://a.test:8080/x");
    let fixed = r#"proxy "https://app.example" { host "fixed.test"; }"#;
    assert_eq!(seen(fixed, "location", "https://fixed.test/x"), "http://a.test:8080/x");
    assert_eq!(seen(fixed, "location", "https://app.example/x"), "http://a.test:8080/x");
}

#[test]
fn an_app_that_is_asked_in_the_clear_may_send_its_clients_to_https() {
    let clear = r#"proxy "http://app.example""#;
    for (location, becomes) in [
        ("https://a.test:8080/x", "https://a.test:8080/x"),
        ("http://a.test:8080/x", "http://a.test:8080/x"),
        ("https://app.example/x", "http://a.test:8080/x"),
    ] {
        assert_eq!(seen(clear, "location", location), becomes, "{location}");
    }
    // Asked by https, it knows no other scheme.
    let secured = r#"proxy "https://app.example" { host preserve; }"#;
    assert_eq!(seen(secured, "location", "https://a.test:8080/x"), "http://a.test:8080/x");
}

#[test]
fn an_address_is_put_right_whatever_stands_behind_it() {
    for (location, becomes) in
        [("//app.example/x", "//a.test:8080/x"), ("https://app.example/é", "http://a.test:8080/é")]
    {
        let headers = Scene::of(HTTPS, "GET /\nHost: a.test:8080").delivered(&[("location", location)]);
        assert_eq!(headers["location"].as_bytes(), becomes.as_bytes(), "{location}");
    }
    let headers = Scene::of(HTTPS, "GET /").delivered(&[("set-cookie", "a=é; Domain=app.example")]);
    assert_eq!(headers["set-cookie"].as_bytes(), "a=é".as_bytes());
}

#[test]
fn a_refresh_keeps_its_seconds() {
    for (refresh, becomes) in [
        ("5; url=https://app.example/x", "5; url=http://a.test:8080/x"),
        ("0;URL='https://app.example/x'", "0;URL='http://a.test:8080/x'"),
        ("5; url=/x?u=https://app.example/", "5; url=/x?u=https://app.example/"),
        ("5", "5"),
    ] {
        assert_eq!(seen(HTTPS, "refresh", refresh), becomes, "{refresh}");
    }
}

#[test]
fn a_cookie_loses_the_upstreams_domain_and_keeps_any_other() {
    for (cookie, becomes) in [
        ("a=b; Domain=app.example; Path=/", "a=b; Path=/"),
        ("a=b; Path=/; domain=.APP.example; Secure", "a=b; Path=/; Secure"),
        ("a=b; Domain=example", "a=b"),
        ("a=b; Domain=other.example", "a=b; Domain=other.example"),
        ("a=b; Domain=xapp.example", "a=b; Domain=xapp.example"),
        ("a=b; Domain=a.test", "a=b; Domain=a.test"),
        ("a=b; Domain=", "a=b; Domain="),
        ("domain=app.example; Path=/", "domain=app.example; Path=/"),
        ("a=b", "a=b"),
    ] {
        assert_eq!(seen(HTTPS, "set-cookie", cookie), becomes, "{cookie}");
    }
}

#[test]
fn a_cookies_domain_that_is_the_publics_too_is_meant_for_it() {
    let preserved = r#"proxy "http://app.test:8000""#;
    assert_eq!(seen(preserved, "set-cookie", "a=b; Domain=a.test"), "a=b; Domain=a.test");
    assert_eq!(seen(preserved, "set-cookie", "a=b; Domain=test"), "a=b; Domain=test");
    assert_eq!(seen(preserved, "set-cookie", "a=b; Domain=app.test"), "a=b");
}

#[test]
fn cookies_stay_in_their_order() {
    let fields = [("set-cookie", "a=1; Domain=app.example"), ("set-cookie", "b=2"), ("set-cookie", "c=3")];
    let mut scene = Scene::of(HTTPS, "GET /");
    assert_eq!(values(&scene.delivered(&fields), "set-cookie"), ["a=1", "b=2", "c=3"]);
}

#[test]
fn headers_of_the_upstreams_connection_end_there() {
    let fields = [
        ("connection", "close, X-Hop"),
        ("keep-alive", "timeout=5"),
        ("x-hop", "1"),
        ("upgrade", "h2c"),
        ("trailer", "X-T"),
        ("transfer-encoding", "chunked"),
        ("x-end", "2"),
    ];
    let headers = Scene::of(HTTPS, "GET /").delivered(&fields);
    for name in ["connection", "keep-alive", "x-hop", "upgrade", "trailer"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert_eq!(
        (values(&headers, "x-end"), values(&headers, "transfer-encoding")),
        (vec!["2"], vec!["chunked"])
    );
}

#[test]
fn an_event_stream_is_known_by_its_type() {
    for (content_type, stream) in [
        ("text/event-stream", true),
        ("Text/Event-Stream; charset=utf-8", true),
        ("text/event", false),
        ("text/html", false),
    ] {
        let mut scene = Scene::of(HTTPS, "GET /");
        scene.delivered(&[("content-type", content_type)]);
        assert_eq!(scene.exchange.event_stream, stream, "{content_type}");
    }
}

#[test]
fn every_answer_bears_vordrs_name_and_the_requests_id() {
    let mut scene = Scene::of(HTTPS, "GET /\nX-Request-Id: r-7");
    let headers = scene.delivered(&[("server", "theirs"), ("x-request-id", "theirs")]);
    assert_eq!((values(&headers, "server"), values(&headers, "x-request-id")), (vec!["vordr"], vec!["r-7"]));
}

#[test]
fn a_url_is_found_in_a_location_and_in_a_refresh() {
    for (value, found) in [
        ("https://a/b", Some(("", "https://a/b"))),
        ("//a/b", Some(("", "//a/b"))),
        ("5; url=http://a/", Some(("5; url=", "http://a/"))),
        ("5; URL= 'http://a/'", Some(("5; URL= '", "http://a/'"))),
        ("/x?u=http://a/", None),
        ("/x", None),
    ] {
        let found = found.map(|(before, url)| (before.as_bytes(), url.as_bytes()));
        assert_eq!(split_at_url(value.as_bytes()), found, "{value}");
    }
}

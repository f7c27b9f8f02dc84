//! Whose address stands where: Host, Origin, Location, Refresh and a cookie's domain.

use crate::harness::{Origin, Request, Response, Vordr};

async fn exchanged(block: &str, fields: &str) -> Request {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running_resolved(&format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "{}" {{ {block}; }} }} }}"#,
        origin.url_as("localhost")
    ))
    .await;
    let response = vordr.send(&format!("GET / HTTP/1.1\r\nHost: a.test:8080\r\n{fields}\r\n")).await;
    assert_eq!(response.status, 200);
    origin.only_request()
}

/// An upstream that answers with header lines in which `UPSTREAM` stands for its authority.
async fn answered(block: &str, fields: &'static str) -> Response {
    let origin = Origin::scripted(move |mut connection| async move {
        while let Some(request) = connection.request().await {
            let fields = fields.replace("UPSTREAM", request.header("Host").unwrap());
            connection.send(format!("HTTP/1.1 302 Found\r\n{fields}\r\nContent-Length: 0\r\n\r\n")).await;
        }
    })
    .await;
    let vordr = Vordr::running_resolved(&format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "{}" {{ {block}; }} }} }}"#,
        origin.url_as("localhost")
    ))
    .await;
    vordr.send("GET / HTTP/1.1\r\nHost: a.test:8080\r\n\r\n").await
}

#[tokio::test]
async fn an_http_upstream_sees_the_host_that_the_client_sent() {
    let seen = exchanged("resolve \"30s\"", "").await;
    assert_eq!(seen.head.headers("Host"), ["a.test:8080"]);
}

#[tokio::test]
async fn host_upstream_and_a_fixed_host_are_sent_in_its_place() {
    let upstream = exchanged("host upstream", "").await;
    assert!(upstream.header("Host").unwrap().starts_with("localhost:"));
    let fixed = exchanged("host \"fixed.test\"", "").await;
    assert_eq!(fixed.head.headers("Host"), ["fixed.test"]);
}

#[tokio::test]
async fn the_public_origin_becomes_the_upstreams_where_the_host_does() {
    let fixed = exchanged("host \"fixed.test\"", "Origin: http://a.test:8080\r\n").await;
    assert_eq!(fixed.header("Origin"), Some("http://fixed.test"));
    let off = exchanged("host \"fixed.test\"; origin off", "Origin: http://a.test:8080\r\n").await;
    assert_eq!(off.header("Origin"), Some("http://a.test:8080"));
    let preserved = exchanged("host preserve", "Origin: http://a.test:8080\r\n").await;
    assert_eq!(preserved.header("Origin"), Some("http://a.test:8080"));
}

#[tokio::test]
async fn a_foreign_origin_is_never_touched() {
    for foreign in
        ["https://evil.example", "http://a.test", "http://a.test:8081", "null", "http://a.test:8080.evil"]
    {
        let seen = exchanged("host \"fixed.test\"", &format!("Origin: {foreign}\r\n")).await;
        assert_eq!(seen.header("Origin"), Some(foreign));
    }
}

#[tokio::test]
async fn the_upstreams_own_address_in_location_and_refresh_becomes_the_public_one() {
    let response = answered(
        "host upstream",
        "Location: http://UPSTREAM/login?next=%2F\r\nRefresh: 5; url=http://UPSTREAM/x",
    )
    .await;
    assert_eq!(response.header("Location"), Some("http://a.test:8080/login?next=%2F"));
    assert_eq!(response.header("Refresh"), Some("5; url=http://a.test:8080/x"));
}

#[tokio::test]
async fn other_addresses_and_relative_ones_are_left_alone() {
    let elsewhere = answered("host upstream", "Location: https://id.example/?back=http://UPSTREAM/").await;
    assert!(elsewhere.header("Location").unwrap().starts_with("https://id.example/?back=http://localhost:"));
    let relative = answered("host upstream", "Location: /login").await;
    assert_eq!(relative.header("Location"), Some("/login"));
    let off = answered("host upstream; location-fix off", "Location: http://UPSTREAM/x").await;
    assert!(off.header("Location").unwrap().starts_with("http://localhost:"));
}

#[tokio::test]
async fn a_cookie_loses_the_upstreams_domain_and_keeps_another() {
    let response = answered(
        "host upstream",
        "Set-Cookie: a=1; Domain=localhost; Path=/\r\nSet-Cookie: b=2; Domain=other.test\r\nSet-Cookie: c=3; Path=/",
    )
    .await;
    assert_eq!(response.headers("Set-Cookie"), ["a=1; Path=/", "b=2; Domain=other.test", "c=3; Path=/"]);
}

//! Connections are kept on both sides, as long as the limits allow.

use crate::harness::{Origin, Vordr, proxying};

#[tokio::test]
async fn one_client_connection_carries_many_requests_over_one_upstream_connection() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.get("a.test", path).await.text(), "ok");
    }
    assert_eq!((origin.requests().len(), origin.connections()), (3, 1));
}

#[tokio::test]
async fn clients_share_a_kept_upstream_connection() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    for _ in 0..3 {
        assert_eq!(vordr.get("http://a.test/").await.status, 200);
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_upstream_has_closed_is_nobodys_error() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    for _ in 0..5 {
        assert_eq!(vordr.get("http://a.test/").await.status, 200);
    }
    assert!(vordr.log_lines().iter().all(|line| line["error"].is_null()));
}

#[tokio::test]
async fn a_kept_connection_that_closes_upon_a_request_is_tried_again_once() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        // The second request on a connection is read, and answered with nothing but its end.
        connection.request_head().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/1").await.status, 200);
    assert_eq!(client.get("a.test", "/2").await.status, 200);
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn a_connection_closes_after_as_many_requests_as_keepalive_says() {
    let origin = Origin::answering("ok").await;
    let vordr =
        Vordr::running_with("limits { keepalive \"60s\" requests=2; }", &proxying(&origin.url(), "")).await;
    let mut client = vordr.connect().await;
    let first = client.get("a.test", "/").await;
    assert_ne!(first.header("Connection"), Some("close"));
    let second = client.get("a.test", "/").await;
    assert_eq!(second.header("Connection"), Some("close"));
    assert!(client.until_end().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_idle_connection_closes_after_its_time_without_a_word() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running_with("limits { keepalive \"300ms\"; }", &proxying(&origin.url(), "")).await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/").await.status, 200);
    assert!(client.until_end().await.unwrap().is_empty());
    assert_eq!(vordr.log_lines().len(), 1, "the request's line and no other");
}

#[tokio::test]
async fn keepalive_off_closes_after_each_answer() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running_with("limits { keepalive off; }", &proxying(&origin.url(), "")).await;
    let mut client = vordr.connect().await;
    let response = client.get("a.test", "/").await;
    assert_eq!(response.header("Connection"), Some("close"));
    assert!(client.until_end().await.unwrap().is_empty());
}

#[tokio::test]
async fn each_location_says_how_long_a_connection_is_kept_behind_its_answers() {
    let locations = r#"
        keepalive "60s" requests=4 told="50s"
        location exact="/short" { keepalive "300ms"; respond 200 a; }
        location exact="/twice" { keepalive requests=2 told=off; respond 200 a; }
        location exact="/off" { keepalive off; respond 200 a; }
        location exact="/young" { keepalive age="300ms"; respond 200 a; }
        location "/" { respond 200 a; }"#;
    let vordr = Vordr::running(&format!("server a.test {{ listen 0; {locations} }}")).await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/").await.header("Keep-Alive"), Some("timeout=50"));
    let second = client.get("a.test", "/twice").await;
    assert_eq!((second.header("Connection"), second.header("Keep-Alive")), (Some("close"), None));
    let mut client = vordr.connect().await;
    for _ in 0..3 {
        assert_eq!(client.get("a.test", "/").await.header("Connection"), Some("keep-alive"));
    }
    assert_eq!(client.get("a.test", "/short").await.header("Connection"), Some("close"), "the fourth");
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/off").await.header("Connection"), Some("close"));
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/young").await.header("Connection"), Some("keep-alive"));
    assert_eq!(client.get("a.test", "/short").await.header("Connection"), Some("keep-alive"));
    assert!(client.until_end().await.unwrap().is_empty(), "after 300 ms");
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/").await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(client.get("a.test", "/young").await.header("Connection"), Some("close"));
}

#[tokio::test]
async fn the_connection_of_a_browser_that_is_excepted_is_closed_where_it_is() {
    let locations = r#"
        keepalive "60s" except="msie6 safari"
        location exact="/all" { keepalive except=off; respond 200 a; }
        location exact="/post" { keepalive except=msie6; respond 200 a; }
        location "/" { respond 200 a; }"#;
    let vordr = Vordr::running(&format!("server a.test {{ listen 0; {locations} }}")).await;
    let (msie, safari) = ("Mozilla/4.0 (compatible; MSIE 6.0; Windows 98)", "Safari/419.3 (Intel Mac OS X)");
    for (request, agent, closes) in [
        ("POST /", msie, true),
        ("GET /", msie, false),
        ("GET /", safari, true),
        ("GET /", "Firefox/150.0", false),
        ("POST /all", msie, false),
        ("GET /all", safari, false),
        ("POST /post", msie, true),
        ("GET /post", safari, false),
    ] {
        let head =
            format!("{request} HTTP/1.1\r\nHost: a.test\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n");
        let answer = vordr.send(&head).await;
        let said = if closes { "close" } else { "keep-alive" };
        assert_eq!((answer.status, answer.header("Connection")), (200, Some(said)), "{request} {agent}");
    }
}

#[tokio::test]
async fn a_client_that_says_close_is_closed() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.response().await.text(), "ok");
    assert!(client.until_end().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_of_vordrs_own_keeps_the_connection() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/a" { respond 200 "a"; } }"#).await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/a").await.status, 200);
    assert_eq!(client.get("a.test", "/b").await.status, 404);
    assert_eq!(client.get("a.test", "/a").await.status, 200);
}

#[tokio::test]
async fn an_upstreams_answer_without_a_length_ends_with_its_connection_and_the_clients_goes_on() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\n\r\nto the end").await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/").await.text(), "to the end");
    assert_eq!(client.get("a.test", "/").await.text(), "to the end");
}

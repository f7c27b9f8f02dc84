//! `buffering on` reads a request whole before the upstream is bothered with it.

use crate::harness::{Origin, Vordr};

#[tokio::test]
async fn a_request_without_a_body_goes_on_at_once() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, "buffering on").await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/1").await.text(), "ok");
    assert_eq!(client.get("a.test", "/2").await.text(), "ok");
    assert_eq!(origin.requests()[1].head.headers("Transfer-Encoding"), Vec::<&str>::new());
}

#[tokio::test]
async fn body_limit_holds_while_a_request_is_spooled() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying_with(&origin, "buffering on; body-limit 4").await;
    let response = vordr
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")
        .await;
    assert_eq!(response.status, 413);
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_chunked_body_is_spooled_and_goes_on_whole() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, "buffering on").await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await;
    assert!(client.is_silent().await);
    assert_eq!(origin.connections(), 0);
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(origin.only_request().text(), "onetwo");
}

#[tokio::test]
async fn a_spooled_upload_that_stalls_is_a_408_and_never_reaches_the_upstream() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying_with(&origin, r#"buffering on; timeouts client="300ms""#).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert_eq!(client.response().await.status, 408);
    assert_eq!(origin.connections(), 0);
    assert_eq!(vordr.log_error("client_timeout").await["timeout"], "timeouts client");
}

#[tokio::test]
async fn the_upstream_sees_nothing_until_the_whole_body_has_come() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, "buffering on; body-limit off").await;
    let mut client = vordr.connect().await;
    let half = "x".repeat(300 * 1024);
    client
        .send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{half}", 2 * half.len()))
        .await;
    assert!(client.is_silent().await);
    assert_eq!(origin.connections(), 0);
    client.send(&half).await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(origin.only_request().body.len(), 2 * half.len());
}

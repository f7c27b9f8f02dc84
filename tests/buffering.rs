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

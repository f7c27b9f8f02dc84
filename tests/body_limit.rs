//! `body-limit` holds by length, and while a body streams.

use crate::harness::{Origin, Vordr, eventually, pooled, servers};

#[tokio::test]
async fn a_length_beyond_the_limit_is_answered_413_and_reaches_no_upstream() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying_with(&origin, "body-limit 10").await;
    let mut client = vordr.connect().await;
    // The body is not even sent: its length says enough.
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 11\r\n\r\n").await;
    assert_eq!(client.response().await.status, 413);
    assert_eq!(origin.connections(), 0);
    let line = vordr.log_error("body_limit").await;
    assert_eq!(line["status"], 413);
    vordr.metrics_show(r#"reason="body_limit""#).await;
}

#[tokio::test]
async fn a_streamed_body_beyond_the_limit_is_answered_413() {
    let origin = Origin::scripted(|mut connection| async move {
        // The upstream waits for a whole body, and it never comes.
        assert!(connection.request().await.is_none(), "no whole request");
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, "body-limit 10").await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n").await;
    eventually("a connection upstream", || (origin.connections() == 1).then_some(())).await;
    client.send("5\r\nghijk\r\n0\r\n\r\n").await;
    assert_eq!(client.response().await.status, 413);
    assert_eq!(vordr.log_error("body_limit").await["status"], 413);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_passes() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, "body-limit 10").await;
    for request in [
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n0123456789",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
    ] {
        assert_eq!(vordr.send(request).await.status, 200);
    }
    assert!(origin.requests().iter().all(|request| request.text() == "0123456789"));
}

#[tokio::test]
async fn no_limit_takes_a_large_body_whole() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, "body-limit off").await;
    let body = "0123456789abcdef".repeat(256 * 1024);
    let mut client = vordr.connect().await;
    client
        .send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        .await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(origin.only_request().body.len(), body.len());
    assert!(origin.only_request().text() == body, "the body arrived as it was sent");
}

#[tokio::test]
async fn a_body_that_is_sent_again_is_counted_once() {
    let breaking = Origin::scripted(|mut connection| async move {
        connection.request().await;
    });
    let origins = [breaking.await, Origin::answering("ok").await];
    let pool = servers(&origins, &["", "backup=on"]);
    let rules = pooled(&format!("{pool}\nretry 1 on=\"closed\""), "body-limit \"50k\"");
    let vordr = Vordr::running(&rules).await;
    let body = "b".repeat(40_000);
    let put = format!("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40000\r\n\r\n{body}");
    assert_eq!(vordr.send(&put).await.text(), "ok");
    assert_eq!(origins[1].only_request().body.len(), 40_000);
    let line = vordr.log_line(|line| line["retries"] == 1).await;
    assert_eq!(line["bytes_in"], 40_000, "{line}");
}

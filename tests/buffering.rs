//! `buffering on` reads a request whole before the upstream is bothered with it.

use crate::harness::{
    Binary, Client, Http2, Origin, Vordr, eventually, http2_request as request, proxying, written,
};
use bytes::Bytes;
use http::Method;

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
async fn the_upstream_is_told_the_length_of_a_body_that_came_in_chunks() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, "buffering on memory=\"1KiB\"").await;
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = "x".repeat(3000);
    let mut client = vordr.connect().await;
    let bodies = [
        ("0\r\n\r\n".to_owned(), String::new()),
        ("5;a=b\r\nabcde\r\n1\r\nf\r\n0\r\nX-T: 1\r\n\r\n".to_owned(), "abcdef".to_owned()),
        (format!("BB8\r\n{long}\r\n0\r\n\r\n"), long),
    ];
    for (number, (sent, body)) in bodies.into_iter().enumerate() {
        client.send(format!("{head}{sent}")).await;
        assert_eq!(client.response().await.status, 200);
        let seen = &origin.requests()[number];
        assert_eq!(seen.header("Content-Length"), Some(body.len().to_string().as_str()));
        assert_eq!((seen.header("Transfer-Encoding"), seen.text()), (None, body));
    }
    let mut client = Http2::connect(vordr.address()).await;
    let mut stream = client.open(request(Method::POST, "/").body(()).unwrap(), false).await;
    stream.body.send_data(Bytes::from_static(b"of HTTP/2"), true).unwrap();
    assert_eq!(stream.answer().await.status, 200);
    let seen = &origin.requests()[3];
    assert_eq!((seen.header("Content-Length"), seen.text()), (Some("9"), "of HTTP/2".to_owned()));
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

/// So many bytes, of which no two stretches are alike.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32 / 4).flat_map(u32::to_be_bytes).collect()
}

#[tokio::test]
async fn a_large_body_does_not_fill_the_memory_while_it_is_spooled_and_goes_on_whole() {
    let origin = Origin::answering("ok").await;
    let rules = proxying(&origin.url(), "buffering on").replace("listen 0", "listen \"127.0.0.1:0\"");
    let binary = Binary::running(&format!("vordr {{ workers 1; }}\n{rules}")).await;
    let mut client = Client::connect(binary.address()).await;
    assert_eq!(client.get("a.test", "/").await.text(), "ok");
    let before = binary.memory();
    let body = pattern(48 << 20);
    let (most, rest) = body.split_at(body.len() - 4);
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    client.send(most).await;
    assert!(client.is_silent().await);
    let grown = binary.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{} KiB for {} KiB", grown / 1024, body.len() / 1024);
    client.send(rest).await;
    assert_eq!(client.response().await.status, 200);
    let seen = eventually("the upload", || origin.requests().into_iter().nth(1)).await;
    assert!(seen.body == body, "what arrives is what was sent");
    // The connection goes on as if nothing had been.
    assert_eq!(client.get("a.test", "/again").await.text(), "ok");
}

#[tokio::test]
async fn a_large_chunked_body_is_spooled_too_and_the_next_request_is_found_after_it() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, "buffering on").await;
    let mut client = vordr.connect().await;
    let body = pattern(1 << 20);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for chunk in body.chunks(100_000) {
        client.send(format!("{:x}\r\n", chunk.len())).await;
        client.send(chunk).await;
        client.send("\r\n").await;
    }
    client.send("0\r\n\r\nGET /next HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!((client.response().await.status, client.response().await.status), (200, 200));
    let requests = origin.requests();
    assert!(requests[0].body == body, "what arrives is what was sent");
    assert_eq!(requests[1].target(), "/next");
}

#[tokio::test]
async fn a_body_that_can_be_put_nowhere_is_vordrs_own_failure() {
    let origin = Origin::answering("never").await;
    let rules = proxying(&origin.url(), "buffering on").replace("listen 0", "listen \"127.0.0.1:0\"");
    let (_folder, path) = written(&rules);
    let binary = Binary::running_file(path, &[("TMPDIR", "/nonexistent")]).await;
    let mut client = Client::connect(binary.address()).await;
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", 1 << 20)).await;
    client.send(pattern(1 << 20)).await;
    let response = client.response().await;
    assert_eq!(response.status, 500);
    assert!(response.text().contains("temporary file"), "{}", response.text());
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_last_write_is_no_fault_of_the_client() {
    let origin = Origin::answering("never").await;
    let rules = proxying(&origin.url(), "buffering on").replace("listen 0", "listen \"127.0.0.1:0\"");
    let (_folder, path) = written(&rules);
    let binary = Binary::running_with_room(&path, 100).await;
    let mut client = Client::connect(binary.address()).await;
    // What comes behind the first write stays in memory.
    let body = pattern(280_000);
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    client.send(body).await;
    let response = client.response().await;
    assert_eq!(response.status, 500);
    assert!(response.text().contains("temporary file"), "{}", response.text());
    assert_eq!(origin.connections(), 0);
}

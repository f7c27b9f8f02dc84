//! What cannot be read in one way only is refused, and has its line in the log.

use crate::harness::{Origin, Vordr, eventually};
use std::time::Duration;

/// Sends bytes that must be refused before the upstream hears of them.
async fn refused(request: &str) {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send(request).await;
    assert_eq!(client.response().await.status, 400, "{request:?}");
    assert_eq!(origin.requests().len(), 0, "{request:?}");
    let line = vordr.log_error("bad_request").await;
    assert_eq!(line["status"], 400);
    assert!(line["error_detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{line}");
    vordr.metrics_show(r#"reason="bad_request""#).await;
}

#[tokio::test]
async fn http_1_1_without_a_host() {
    refused("GET / HTTP/1.1\r\nX: y\r\n\r\n").await;
}

#[tokio::test]
async fn two_hosts() {
    refused("GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n").await;
}

#[tokio::test]
async fn a_host_that_is_none() {
    refused("GET / HTTP/1.1\r\nHost: a.test/evil\r\n\r\n").await;
}

#[tokio::test]
async fn lines_that_end_in_a_bare_line_feed() {
    refused("GET / HTTP/1.1\nHost: a.test\n\n").await;
    refused("GET / HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n").await;
}

#[tokio::test]
async fn a_length_and_chunks_at_once() {
    refused(
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    )
    .await;
}

#[tokio::test]
async fn lengths_that_disagree() {
    refused("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd").await;
}

#[tokio::test]
async fn an_unknown_transfer_encoding() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 200 "never"; } }"#).await;
    let coded = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(vordr.send(coded).await.status, 501);
    assert_eq!(vordr.log_error("transfer_coding").await["status"], 501);
    refused("POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_folded_header_and_a_space_before_the_colon() {
    refused("GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n folded\r\n\r\n").await;
    refused("GET / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding : chunked\r\n\r\n").await;
}

#[tokio::test]
async fn another_protocol() {
    refused("\x16\x03\x01 not HTTP\r\n\r\n").await;
}

#[tokio::test]
async fn a_tunnel_is_asked_for_in_vain_and_the_last_thing_on_its_connection() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client
        .send("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .await;
    assert_eq!(client.response().await.status, 405);
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn a_target_that_is_neither_a_path_nor_a_url() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 200 "never"; } }"#).await;
    for target in
        ["-old/secret.txt", "old/secret.txt", "..", "?x=1", "ftp://a.test/x", "http:/x", "a.test:80"]
    {
        let answer = vordr.send(&format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert_eq!(answer.status, 400, "{target}");
    }
    let line = vordr.log_error("bad_request").await;
    assert_eq!((&line["status"], &line["level"]), (&400.into(), &"warn".into()));
    assert_eq!(line["error_detail"], "the target is neither a path nor a URL");
    let series = r#"vordr_http_rejected_total{reason="bad_request",route="_other",server="_other"}"#;
    vordr.metric_becomes(series, 7.0).await;
}

#[tokio::test]
async fn what_follows_a_refused_request_is_not_read_as_another_one() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response().await.status, 400);
    assert!(client.until_end().await.unwrap_or_default().is_empty());
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn a_connection_that_opens_and_closes_is_no_line_in_any_log() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 200 "ok"; } }"#).await;
    let started = || Some(vordr.error_log()).filter(|log| log.contains("respond 200"));
    let before = eventually("the first lines of the log", started).await;
    for _ in 0..5 {
        drop(vordr.connect().await);
    }
    vordr.metric_becomes(r#"vordr_connections_active{listener=":0",protocol="http"}"#, 0.0).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 200);
    vordr.log_line(|line| line["status"] == 200).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(vordr.log_lines().len(), 1);
    assert_eq!(vordr.error_log(), before);
}

#[tokio::test]
async fn chunks_that_are_none_reach_no_upstream_as_a_whole_request() {
    let origin = Origin::scripted(|mut connection| async move {
        assert!(connection.request().await.is_none(), "no whole request");
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.response().await.status, 400);
    client.closed().await;
}

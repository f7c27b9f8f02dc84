//! Upstream names are resolved in the background, again and again.

use crate::harness::{NameServer, Origin, Vordr, eventually, proxying, within};
use std::net::Ipv4Addr;
use std::time::Duration;

const HERE: Option<Ipv4Addr> = Some(Ipv4Addr::LOCALHOST);
/// Loopback too, and nobody listens there.
const ELSEWHERE: Option<Ipv4Addr> = Some(Ipv4Addr::new(127, 0, 0, 2));

/// Asks until the status is the one that is waited for.
async fn becomes(vordr: &Vordr, status: u16) {
    let asking = async {
        while vordr.get("http://a.test/").await.status != status {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(asking).await;
}

#[tokio::test]
async fn an_upstream_that_is_not_resolved_at_start_is_a_503_that_says_so_until_it_is() {
    let origin = Origin::answering("found").await;
    let names = NameServer::answering(None).await;
    let vordr =
        Vordr::running_with_nameserver(names.address(), &proxying(&origin.url_as("chat.test"), "")).await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!(response.status, 503);
    assert!(response.text().contains("not resolved"), "{}", response.text());
    let line = vordr.log_error("dns").await;
    assert!(line["error_detail"].as_str().is_some(), "{line}");
    // It goes on asking, and serves once there is an answer.
    let asked = names.questions();
    eventually("more questions", || (names.questions() >= asked + 2).then_some(())).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 503);
    names.change(HERE);
    becomes(&vordr, 200).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "found");
}

#[tokio::test]
async fn an_address_that_changes_is_followed_while_vordr_runs() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let names = NameServer::answering(ELSEWHERE).await;
    let vordr =
        Vordr::running_with_nameserver(names.address(), &proxying(&origin.url_as("chat.test"), "")).await;
    becomes(&vordr, 502).await;
    names.change(HERE);
    becomes(&vordr, 200).await;
    names.change(ELSEWHERE);
    becomes(&vordr, 502).await;
}

#[tokio::test]
async fn the_last_good_answer_is_kept_when_the_name_is_lost() {
    let origin = Origin::answering("ok").await;
    let names = NameServer::answering(HERE).await;
    let vordr =
        Vordr::running_with_nameserver(names.address(), &proxying(&origin.url_as("chat.test"), "")).await;
    becomes(&vordr, 200).await;
    names.change(None);
    let asked = names.questions();
    within(async {
        while names.questions() < asked + 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(vordr.get("http://a.test/").await.status, 200);
}

#[tokio::test]
async fn localhost_needs_no_name_server_and_the_very_first_request_finds_it() {
    let origin = Origin::answering("local").await;
    let vordr = Vordr::running(&proxying(&origin.url_as("localhost"), "")).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "local");
}

#[tokio::test]
async fn a_first_request_waits_for_its_name_no_longer_than_for_a_connection() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let rules = proxying("http://chat.test:80", r#"timeouts connect="200ms""#);
    let vordr = Vordr::running_with_nameserver(silent.local_addr().unwrap(), &rules).await;
    let asked = std::time::Instant::now();
    assert_eq!(vordr.get("http://a.test/").await.status, 503);
    let waited = asked.elapsed();
    assert!(waited >= Duration::from_millis(200) && waited < Duration::from_secs(3), "{waited:?}");
    let detail = vordr.log_error("dns").await["error_detail"].to_string();
    assert!(detail.contains("chat.test"), "{detail}");
}

//! Names with several addresses, services, and name servers that change, fail and lie.

use crate::harness::{NameKind, NameReply, NameServer, Vordr, answers, pooled, proxying, within};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const FIRST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A server that answers with a name, one request a connection; echoes what comes after an `Upgrade`.
async fn serve(listener: TcpListener, name: &'static str) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).await.unwrap_or(0);
            if String::from_utf8_lossy(&buffer[..count]).contains("endless") {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
                loop {
                    stream.write_all(b"4\r\nmore\r\n").await.unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", name.len());
            stream.write_all(format!("{head}{name}").as_bytes()).await.unwrap();
        });
    }
}

/// Two servers on one port of two addresses; the port.
async fn two() -> u16 {
    let one = TcpListener::bind((FIRST, 0)).await.unwrap();
    let port = one.local_addr().unwrap().port();
    let other = TcpListener::bind((SECOND, port)).await.unwrap();
    tokio::spawn(serve(one, "1"));
    tokio::spawn(serve(other, "2"));
    port
}

fn these(addresses: &[IpAddr]) -> impl Fn(&str, NameKind) -> NameReply + Send + 'static {
    let addresses = addresses.to_vec();
    move |_, _| NameReply::Addresses(addresses.clone())
}

async fn in_front_of(names: &NameServer, port: u16, settings: &str) -> Vordr {
    let rules = proxying(&format!("http://chat.test:{port}"), settings);
    let vordr = Vordr::running_with_nameserver(names.address(), &rules).await;
    vordr.resolved().await;
    vordr
}

/// Asks until the answers of two requests are these, in either order.
async fn becomes(vordr: &Vordr, expected: [&str; 2]) {
    let asking = async {
        loop {
            let seen = answers(vordr, 2).await;
            if expected.iter().any(|expected| seen == *expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    within(asking).await;
}

#[tokio::test]
async fn each_address_of_a_name_is_asked_in_turn_and_one_that_refuses_is_passed_over() {
    let port = two().await;
    let names = NameServer::telling(these(&[FIRST.into(), SECOND.into()])).await;
    let vordr = in_front_of(&names, port, "").await;
    assert_eq!(answers(&vordr, 4).await, "1212");
    names.tell(these(&[FIRST.into(), Ipv4Addr::new(127, 0, 0, 3).into()]));
    becomes(&vordr, ["11", "11"]).await;
    assert_eq!(answers(&vordr, 4).await, "1111");
    let line = vordr.log_line(|line| line["retries"] == 1).await;
    assert_eq!(
        (&line["status"], &line["peer"]),
        (&200.into(), &format!("chat.test:{port}").into()),
        "{line}"
    );
}

#[tokio::test]
async fn a_new_address_is_used_at_once_and_a_stream_to_one_that_is_gone_goes_on() {
    let port = two().await;
    let names = NameServer::telling(these(&[FIRST.into()])).await;
    let vordr = in_front_of(&names, port, "").await;
    let mut stream = vordr.connect().await;
    stream.send("GET /endless HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    stream.response_head().await;
    names.tell(these(&[SECOND.into()]));
    becomes(&vordr, ["22", "22"]).await;
    assert_eq!(answers(&vordr, 3).await, "222");
    for _ in 0..5 {
        assert_eq!(stream.chunk().await.unwrap().as_deref(), Some(b"more".as_slice()));
    }
}

#[tokio::test]
async fn of_two_families_the_one_that_answers_is_used() {
    let port = two().await;
    let names = NameServer::telling(these(&[Ipv6Addr::LOCALHOST.into(), FIRST.into()])).await;
    let vordr = in_front_of(&names, port, "").await;
    assert_eq!(answers(&vordr, 3).await, "111");
    assert!(vordr.log_lines().iter().all(|line| line["retries"] == 0), "no attempt was lost");
    let Ok(six) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await else { return };
    let port = six.local_addr().unwrap().port();
    tokio::spawn(serve(six, "6"));
    let vordr = in_front_of(&names, port, "").await;
    assert_eq!(answers(&vordr, 2).await, "66");
}

#[tokio::test]
async fn a_family_that_is_never_answered_for_holds_nobody_up() {
    let port = two().await;
    let names = NameServer::telling(|_, kind| match kind {
        NameKind::Aaaa => NameReply::Silence,
        _ => NameReply::Addresses(vec![FIRST.into()]),
    })
    .await;
    let asked = Instant::now();
    let vordr = in_front_of(&names, port, "").await;
    assert_eq!(answers(&vordr, 1).await, "1");
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn the_addresses_of_a_family_are_kept_until_it_is_said_that_there_are_none() {
    let names = NameServer::telling(these(&[Ipv6Addr::LOCALHOST.into(), FIRST.into()])).await;
    let vordr = in_front_of(&names, 9, "").await;
    let known = async || {
        let status: Value = serde_json::from_slice(&vordr.admin("/status").await.body).unwrap();
        status["upstreams"][0]["peers"][0]["addresses"][0]["address"].as_str().unwrap_or_default().to_owned()
    };
    let both = known().await;
    assert_eq!(both, "[::1]:9 | 127.0.0.1:9");
    for lost in [NameKind::A, NameKind::Aaaa] {
        let asked = names.questions();
        names.tell(move |_, kind| match kind {
            kind if kind == lost => NameReply::Failure,
            NameKind::Aaaa => NameReply::Addresses(vec![Ipv6Addr::LOCALHOST.into()]),
            _ => NameReply::Addresses(vec![FIRST.into()]),
        });
        within(async {
            while names.questions() < asked + 5 {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        })
        .await;
        assert_eq!(known().await, both, "{lost:?}");
    }
    names.tell(these(&[FIRST.into()]));
    within(async {
        while known().await != "127.0.0.1:9" {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_good_answer_is_kept_whatever_the_name_server_does() {
    let port = two().await;
    for lost in [NameReply::NoName, NameReply::Failure, NameReply::Silence, NameReply::Addresses(Vec::new())]
    {
        let names = NameServer::telling(these(&[FIRST.into()])).await;
        let vordr = in_front_of(&names, port, "").await;
        let (reply, asked) = (lost.clone(), names.questions());
        names.tell(move |_, _| reply.clone());
        within(async {
            while names.questions() < asked + 2 {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        })
        .await;
        assert_eq!(answers(&vordr, 2).await, "11", "{lost:?}");
        let series = "vordr_upstream_dns_last_success_timestamp_seconds";
        vordr.metrics_show(&format!("{series}{{upstream=\"chat.test:{port}\"}}")).await;
    }
}

#[tokio::test]
async fn a_name_server_that_fails_at_first_is_a_503_that_says_so() {
    for lost in [NameReply::NoName, NameReply::Failure, NameReply::Addresses(Vec::new())] {
        let reply = lost.clone();
        let names = NameServer::telling(move |_, _| reply.clone()).await;
        let rules = pooled("server \"chat.test:80\"", "");
        let vordr = Vordr::running_with_nameserver(names.address(), &rules).await;
        assert_eq!(vordr.get("http://a.test/").await.status, 503, "{lost:?}");
        let line = vordr.log_error("dns").await;
        assert!(line["error_detail"].as_str().unwrap().contains("chat.test"), "{line}");
        vordr.metric_becomes(r#"vordr_upstream_errors_total{reason="dns",upstream="app"}"#, 1.0).await;
    }
}

#[tokio::test]
async fn a_hundred_addresses_are_a_hundred_servers() {
    let many: Vec<IpAddr> = (1..=100).map(|last| Ipv4Addr::new(127, 0, 1, last).into()).collect();
    let names = NameServer::telling(these(&many)).await;
    let vordr = in_front_of(&names, 9, "").await;
    let status: Value = serde_json::from_slice(&vordr.admin("/status").await.body).unwrap();
    let addresses = status["upstreams"][0]["peers"][0]["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 100);
    // Each refuses, and no request tries them all.
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    let line = vordr.log_error("refused").await;
    assert!(line["retries"].as_u64().unwrap() <= 8, "{line}");
}

#[tokio::test]
async fn a_services_hosts_ports_and_priorities_are_taken() {
    let (port, other) = (two().await, two().await);
    let names = NameServer::telling(move |name, kind| match (name, kind) {
        ("_http._tcp.chat.test", NameKind::Srv) => NameReply::Services(vec![
            (10, 3, port, "one.test"),
            (10, 1, port, "two.test"),
            (20, 1, other, "one.test"),
        ]),
        ("one.test", _) => NameReply::Addresses(vec![FIRST.into()]),
        ("two.test", _) => NameReply::Addresses(vec![SECOND.into()]),
        _ => NameReply::NoName,
    })
    .await;
    let rules = pooled("server \"srv://_http._tcp.chat.test\"", "");
    let vordr = Vordr::running_with_nameserver(names.address(), &rules).await;
    vordr.resolved().await;
    let seen = answers(&vordr, 8).await;
    assert_eq!((seen.matches('1').count(), seen.matches('2').count()), (6, 2), "{seen}");
    let status: Value = serde_json::from_slice(&vordr.admin("/status").await.body).unwrap();
    let peer = &status["upstreams"][0]["peers"][0];
    assert_eq!(peer["address"], "srv://_http._tcp.chat.test");
    let expected =
        [(FIRST, port), (SECOND, port), (FIRST, other)].map(|(ip, port)| SocketAddr::from((ip, port)));
    for address in expected {
        let known = peer["addresses"].as_array().unwrap().iter();
        assert!(known.into_iter().any(|known| known["address"] == address.to_string()), "{peer}");
    }
}

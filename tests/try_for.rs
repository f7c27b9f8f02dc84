//! `try-for`: requests wait for a server that is not up yet.

use crate::harness::{Client, NameServer, Vordr, eventually, pooled};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

/// An address that nobody listens on yet.
async fn reserved() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready").await.unwrap();
            }
        });
    }
}

async fn asking(vordr: &Vordr) -> Client {
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    client
}

#[tokio::test]
async fn requests_wait_while_no_server_is_up_yet_and_none_fails() {
    let (socket, address) = reserved().await;
    let vordr = Vordr::running(&pooled(&format!("server \"{address}\"\ntry-for \"15s\""), "")).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(asking(&vordr).await);
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    tokio::spawn(serve(socket.listen(64).unwrap()));
    for client in &mut clients {
        assert_eq!(client.response().await.text(), "ready");
    }
    assert!(vordr.log_lines().iter().all(|line| line["status"] == 200));
}

#[tokio::test]
async fn a_server_that_never_comes_up_is_a_503_that_names_try_for() {
    let (_socket, address) = reserved().await;
    let vordr = Vordr::running(&pooled(&format!("server \"{address}\"\ntry-for \"600ms\""), "")).await;
    let asked = Instant::now();
    let response = vordr.get("http://a.test/").await;
    assert_eq!((response.status, response.header("Retry-After")), (503, Some("1")));
    assert!(response.text().contains("try-for"), "{}", response.text());
    let waited = asked.elapsed();
    assert!(waited >= Duration::from_millis(600) && waited < Duration::from_secs(5), "{waited:?}");
    let line = vordr.log_error("none_up").await;
    assert_eq!((&line["timeout"], &line["status"]), (&"try-for".into(), &503.into()), "{line}");
    vordr.metric_becomes(r#"vordr_upstream_errors_total{reason="none_up",upstream="app"}"#, 1.0).await;
}

#[tokio::test]
async fn while_many_wait_one_of_them_tries_four_times_a_second() {
    for more in ["", "connections=1", "connections=1; passive fails=2 for=\"300ms\""] {
        let (_socket, address) = reserved().await;
        let (more, passive) = more.split_once("; ").unwrap_or((more, ""));
        let rules = format!("server \"{address}\" {more}\n{passive}\ntry-for \"2s\"");
        let vordr = Vordr::running(&pooled(&rules, "")).await;
        let mut clients = Vec::new();
        for _ in 0..5 {
            clients.push(asking(&vordr).await);
        }
        for client in &mut clients {
            assert_eq!(client.response().await.status, 503, "{rules}");
        }
        let all = || Some(vordr.log_lines()).filter(|lines| lines.len() == clients.len());
        let lines = eventually("a line for each", all).await;
        let retries: u64 = lines.iter().filter_map(|line| line["retries"].as_u64()).sum();
        // Each tries once by itself, and whoever goes ahead four times a second.
        assert!((4..=5 + 4 * 2 + 12).contains(&retries), "{rules}: {retries} attempts more");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_not_waited_for() {
    let (socket, address) = reserved().await;
    let vordr = Vordr::running(&pooled(&format!("server \"{address}\"\ntry-for \"15s\""), "")).await;
    drop(asking(&vordr).await);
    vordr.log_error("client_gone").await;
    let listener = socket.listen(64).unwrap();
    let accepted = tokio::time::timeout(Duration::from_millis(600), listener.accept()).await;
    assert!(accepted.is_err(), "nobody is left to connect for");
}

#[tokio::test]
async fn a_name_that_is_resolved_later_is_waited_for_too() {
    let (socket, address) = reserved().await;
    let listener = socket.listen(64).unwrap();
    tokio::spawn(serve(listener));
    let names = NameServer::answering(None).await;
    let rules = pooled(&format!("server \"chat.test:{}\"\ntry-for \"15s\"", address.port()), "");
    let vordr = Vordr::running_with_nameserver(names.address(), &rules).await;
    let mut client = asking(&vordr).await;
    eventually("a question", || (names.questions() > 0).then_some(())).await;
    assert!(client.is_silent().await);
    names.change(Some(Ipv4Addr::LOCALHOST));
    assert_eq!(client.response().await.text(), "ready");
}

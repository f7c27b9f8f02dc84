//! `keepalive` in a pool: so many idle connections are kept to each server, and no more.

use crate::harness::{Authority, Client, Connection, Http2Origin, Origin, Vordr, eventually, pooled};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Semaphore;

/// How many connections to an upstream are open.
type Open = Arc<AtomicUsize>;

/// Answers each request as its path says, once the test has given its word, for as long as it is kept.
async fn serve(mut connection: Connection, open: Open, word: Arc<Semaphore>) {
    open.fetch_add(1, Relaxed);
    while let Some(request) = connection.request().await {
        word.acquire().await.unwrap().forget();
        let answer = match (request.head.method(), request.target()) {
            ("HEAD", _) => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            (_, "/none") => "HTTP/1.1 204 No Content\r\n\r\n",
            (_, "/empty") => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            (_, "/chunks") => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        };
        connection.send(answer).await;
    }
    open.fetch_sub(1, Relaxed);
}

/// An upstream, how many connections to it are open, and the word that it waits for.
async fn counted() -> (Origin, Open, Arc<Semaphore>) {
    let (open, word) = (Open::default(), Arc::new(Semaphore::new(0)));
    let (counter, waits) = (open.clone(), word.clone());
    let origin = Origin::scripted(move |connection| serve(connection, counter.clone(), waits.clone())).await;
    (origin, open, word)
}

async fn keeping(process: &str, origin: &Origin, keepalive: &str) -> Vordr {
    Vordr::running_with(process, &pooled(&format!("server \"{}\"\n{keepalive}", origin.url()), "")).await
}

/// So many requests, each of which is under way at the upstream; then it answers.
async fn at_once(count: usize, vordr: &Vordr, origin: &Origin, word: &Semaphore) {
    let (before, mut clients) = (origin.requests().len(), Vec::new());
    for _ in 0..count {
        let mut client: Client = vordr.connect().await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        clients.push(client);
    }
    eventually("all requests", || (origin.requests().len() == before + count).then_some(())).await;
    word.add_permits(count);
    for client in &mut clients {
        assert_eq!(client.response().await.text(), "ok");
    }
}

async fn becomes(open: &Open, count: usize) {
    eventually("the connections that are kept", || (open.load(Relaxed) == count).then_some(())).await;
}

#[tokio::test]
async fn so_many_idle_connections_are_kept_and_used_again() {
    let (origin, open, word) = counted().await;
    let vordr = keeping("", &origin, "keepalive 2").await;
    at_once(6, &vordr, &origin, &word).await;
    becomes(&open, 2).await;
    assert_eq!(origin.connections(), 6);
    at_once(2, &vordr, &origin, &word).await;
    assert_eq!(origin.connections(), 6, "those that were kept are used again");
    at_once(3, &vordr, &origin, &word).await;
    assert_eq!(origin.connections(), 7, "for the third there was none");
    becomes(&open, 2).await;
    assert!(vordr.log_lines().iter().all(|line| line["retries"] == 0), "{:?}", vordr.log_lines());
}

#[tokio::test]
async fn no_request_fails_or_is_sent_twice_where_connections_are_closed_all_the_time() {
    for keepalive in ["keepalive 1", "keepalive off"] {
        let (origin, _, word) = counted().await;
        word.add_permits(1000);
        let vordr = keeping("", &origin, keepalive).await;
        let clients = (0..8).map(|_| async {
            let mut client = vordr.connect().await;
            for _ in 0..50 {
                client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody").await;
                assert_eq!(client.response().await.text(), "ok");
            }
        });
        futures_util::future::join_all(clients).await;
        assert_eq!(origin.requests().len(), 400, "{keepalive}");
        assert!(vordr.log_lines().iter().all(|line| line["retries"] == 0), "{keepalive}");
    }
}

#[tokio::test]
async fn it_counts_over_all_workers() {
    let (origin, open, word) = counted().await;
    let vordr = keeping("workers 3", &origin, "keepalive 4").await;
    at_once(24, &vordr, &origin, &word).await;
    becomes(&open, 4).await;
}

#[tokio::test]
async fn each_server_has_its_own_number() {
    let (one, open_to_one, word) = counted().await;
    let (other, open_to_other, _) = counted().await;
    let pool = format!("server \"{}\"\nserver \"{}\" backup=on\nkeepalive 3", one.url(), other.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    at_once(5, &vordr, &one, &word).await;
    becomes(&open_to_one, 3).await;
    becomes(&open_to_other, 0).await;
}

#[tokio::test]
async fn off_keeps_none() {
    let (origin, open, word) = counted().await;
    let vordr = keeping("", &origin, "keepalive off").await;
    for _ in 0..3 {
        at_once(1, &vordr, &origin, &word).await;
        becomes(&open, 0).await;
    }
    assert_eq!(origin.connections(), 3);
}

#[tokio::test]
async fn an_answer_without_a_body_counts_as_any_other() {
    let asked = [("HEAD", "/"), ("GET", "/none"), ("GET", "/empty"), ("GET", "/chunks"), ("GET", "/")];
    for (keepalive, connections) in [("keepalive 1", 1), ("keepalive off", asked.len())] {
        let (origin, open, word) = counted().await;
        word.add_permits(asked.len());
        let vordr = keeping("", &origin, keepalive).await;
        for (method, path) in asked {
            let mut client = vordr.connect().await;
            client.send(format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
            assert!(client.response_head().await.status() < 300);
            vordr.log_line(|line| line["path"] == path && line["method"] == method).await;
            becomes(&open, usize::from(connections == 1)).await;
        }
        assert_eq!(origin.connections(), connections, "{keepalive}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_so_long() {
    let (origin, open, word) = counted().await;
    let vordr = keeping("", &origin, "keepalive 8 idle=\"300ms\"").await;
    at_once(3, &vordr, &origin, &word).await;
    becomes(&open, 0).await;
    at_once(1, &vordr, &origin, &word).await;
    assert_eq!(origin.connections(), 4);
}

#[tokio::test]
async fn it_holds_over_tls() {
    let authority = Authority::new();
    let (open, word) = (Open::default(), Arc::new(Semaphore::new(0)));
    let (counter, waits) = (open.clone(), word.clone());
    let origin = Origin::scripted_tls(&authority.identity("localhost"), move |connection| {
        serve(connection, counter.clone(), waits.clone())
    })
    .await;
    let rules = format!(
        "upstream app {{ server \"{}\"; keepalive 1; }}\n\
         server a.test {{ listen 0; location \"/\" {{ proxy app {{ tls ca={:?}; }} }} }}",
        origin.url_as("localhost"),
        authority.file()
    );
    let vordr = Vordr::running_resolved(&rules).await;
    at_once(4, &vordr, &origin, &word).await;
    becomes(&open, 1).await;
    at_once(1, &vordr, &origin, &word).await;
    assert_eq!(origin.connections(), 4);
}

#[tokio::test]
async fn a_connection_of_http_2_is_kept_until_it_is_idle_or_off_is_said() {
    for (keepalive, connections) in [("keepalive 1", 1), ("keepalive off", 3)] {
        let origin = Http2Origin::answering(None, b"ok").await;
        let rules = format!(
            "upstream app {{ server \"127.0.0.1:{}\"; {keepalive}; }}\n\
             server a.test {{ listen 0; location \"/\" {{ proxy app {{ http \"2\"; }} }} }}",
            origin.port()
        );
        let vordr = Vordr::running(&rules).await;
        for _ in 0..3 {
            assert_eq!(vordr.get("http://a.test/").await.text(), "ok");
            // For the connection to be seen to be idle.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(origin.connections(), connections, "{keepalive}");
    }
}

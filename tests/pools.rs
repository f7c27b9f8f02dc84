//! Pools of several servers: how requests are spread over them, and how many each has at once.

use crate::harness::{Client, Origin, Vordr, answers, numbered, pooled, servers, within};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

#[tokio::test]
async fn servers_are_asked_in_turn() {
    let origins = numbered(3).await;
    let vordr = Vordr::running(&pooled(&servers(&origins, &[]), "")).await;
    assert_eq!(answers(&vordr, 6).await, "012012");
    vordr.metrics_show(r#"vordr_upstream_requests_total{code_class="2xx",peer=""#).await;
    for origin in &origins {
        let peer = origin.url().replace("http://", "");
        vordr.metric_becomes(&format!(r#"vordr_upstream_up{{peer="{peer}",upstream="app"}}"#), 1.0).await;
    }
}

#[tokio::test]
async fn a_pool_written_in_place_is_a_pool_as_any_other() {
    let origins = numbered(2).await;
    let rules = format!(
        "server a.test {{ listen 0; location \"/\" {{ proxy \"{}\" \"{}\"; }} }}",
        origins[0].url(),
        origins[1].url()
    );
    let vordr = Vordr::running(&rules).await;
    assert_eq!(answers(&vordr, 4).await, "0101");
}

#[tokio::test]
async fn a_weight_is_a_share_of_the_requests_and_the_turns_are_mixed() {
    let origins = numbered(2).await;
    let vordr = Vordr::running(&pooled(&servers(&origins, &["weight=3", ""]), "")).await;
    assert_eq!(answers(&vordr, 8).await, "00100010");
}

#[tokio::test]
async fn a_client_stays_with_its_server_by_ip_hash_and_by_a_key() {
    let origins = numbered(3).await;
    let by_address =
        Vordr::running(&pooled(&format!("{}\nbalance ip-hash", servers(&origins, &[])), "")).await;
    let seen = answers(&by_address, 6).await;
    assert!(seen.chars().all(|one| seen.starts_with(one)), "{seen}");
    let pool = format!("{}\nbalance hash key=\"{{header.X-User}}\"", servers(&origins, &[]));
    let by_user = Vordr::running(&pooled(&pool, "")).await;
    let mut all = String::new();
    for user in 0..20 {
        let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-User: {user}\r\n\r\n");
        let (first, second) = (by_user.send(&request).await.text(), by_user.send(&request).await.text());
        assert_eq!(first, second);
        all += &first;
    }
    assert!(["0", "1", "2"].iter().all(|number| all.contains(number)), "{all}");
}

#[tokio::test]
async fn least_conn_goes_round_the_busy_one() {
    let idle = Origin::answering("idle").await;
    let busy = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let origins = [busy, idle];
    let pool = format!("{}\nbalance least-conn", servers(&origins, &[]));
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    let mut held = vordr.connect().await;
    held.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    vordr.metric_becomes(r#"vordr_upstream_connections{state="active",upstream="app"}"#, 1.0).await;
    assert_eq!(answers(&vordr, 3).await, "idleidleidle");
}

#[tokio::test]
async fn a_backup_is_asked_only_while_no_other_is_up() {
    let origins = numbered(2).await;
    let pool = servers(&origins, &["", "backup=on"]);
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    assert_eq!(answers(&vordr, 3).await, "000");
    let pool = format!(
        "server \"http://127.0.0.1:1\"\nserver \"{}\" backup=on\nretry 1 on=\"connect\"\npassive fails=1 for=\"1m\"",
        origins[1].url()
    );
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    assert_eq!(answers(&vordr, 3).await, "111");
    let out = vordr.metric(r#"vordr_upstream_up{peer="127.0.0.1:1",upstream="app"}"#).await;
    assert_eq!(out, 0.0);
}

#[tokio::test]
async fn a_server_may_be_behind_a_unix_socket_and_its_connections_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (accepted, mut connections) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            accepted.send(()).unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsocket").await.unwrap();
                }
            });
        }
    });
    let vordr = Vordr::running(&pooled(&format!("server \"unix:{}\"", path.display()), "")).await;
    assert_eq!(answers(&vordr, 2).await, "socketsocket");
    connections.recv().await.unwrap();
    assert!(connections.try_recv().is_err(), "the second request came over the first connection");
    let line = vordr.log_line(|line| line["status"] == 200).await;
    assert_eq!(line["peer"], format!("unix:{}", path.display()));
}

#[tokio::test]
async fn a_unix_socket_that_is_not_there_is_a_502() {
    let vordr = Vordr::running(&pooled("server \"unix:/nonexistent/app.sock\"", "")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    vordr.log_error("refused").await;
}

/// An upstream that answers each request when it is told to.
async fn patient() -> (Origin, tokio::sync::mpsc::UnboundedSender<()>) {
    let (release, released) = tokio::sync::mpsc::unbounded_channel();
    let released = std::sync::Arc::new(tokio::sync::Mutex::new(released));
    let origin = Origin::scripted(move |mut connection| {
        let released = released.clone();
        async move {
            while connection.request().await.is_some() {
                released.lock().await.recv().await;
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await;
            }
        }
    })
    .await;
    (origin, release)
}

async fn asking(vordr: &Vordr) -> Client {
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    client
}

#[tokio::test]
async fn a_request_beyond_connections_waits_for_its_turn() {
    let (origin, release) = patient().await;
    let pool = format!("server \"{}\"\nconnections 1", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    let mut first = asking(&vordr).await;
    origin.first_request().await;
    let mut second = asking(&vordr).await;
    assert!(second.is_silent().await);
    assert_eq!(origin.requests().len(), 1);
    release.send(()).unwrap();
    assert_eq!(first.response().await.text(), "done");
    release.send(()).unwrap();
    assert_eq!(second.response().await.text(), "done");
}

#[tokio::test]
async fn a_request_waits_for_its_turn_without_a_limit_where_connecting_has_none() {
    let (origin, release) = patient().await;
    let pool = format!("server \"{}\"\nconnections 1", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "timeouts connect=off")).await;
    let mut clients = [asking(&vordr).await, asking(&vordr).await];
    tokio::time::sleep(Duration::from_millis(600)).await;
    for _ in 0..2 {
        release.send(()).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.response().await.text(), "done");
    }
}

#[tokio::test]
async fn a_server_may_have_a_limit_of_its_own() {
    let ((small, _held), (large, _held_too)) = (patient().await, patient().await);
    let pool = format!("server \"{}\" connections=1\nserver \"{}\"", small.url(), large.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(asking(&vordr).await);
    }
    within(async {
        while large.requests().len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(small.requests().len(), 1);
}

#[tokio::test]
async fn a_backup_is_asked_while_the_others_are_full() {
    let ((small, _held), (spare, _held_too)) = (patient().await, patient().await);
    let pool = format!("server \"{}\" connections=1\nserver \"{}\" backup=on", small.url(), spare.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    let _first = asking(&vordr).await;
    small.first_request().await;
    assert!(spare.requests().is_empty());
    let _second = asking(&vordr).await;
    spare.first_request().await;
    assert_eq!(small.requests().len(), 1);
}

#[tokio::test]
async fn a_request_that_waits_in_vain_is_a_503_that_says_so() {
    let (origin, _release) = patient().await;
    let pool = format!("server \"{}\"\nconnections 1", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "timeouts connect=\"300ms\"")).await;
    let _first = asking(&vordr).await;
    origin.first_request().await;
    let response = asking(&vordr).await.response().await;
    assert_eq!((response.status, response.header("Retry-After")), (503, Some("1")));
    let line = vordr.log_error("queue_full").await;
    assert!(line["error_detail"].as_str().unwrap().contains("`connections`"), "{line}");
    vordr.metric_becomes(r#"vordr_upstream_errors_total{reason="queue_full",upstream="app"}"#, 1.0).await;
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_in_the_queue_up() {
    let (origin, release) = patient().await;
    let pool = format!("server \"{}\"\nconnections 1", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "timeouts connect=\"20s\"")).await;
    let mut first = asking(&vordr).await;
    origin.first_request().await;
    drop(asking(&vordr).await);
    vordr.log_error("client_gone").await;
    release.send(()).unwrap();
    assert_eq!(first.response().await.text(), "done");
    within(tokio::time::sleep(Duration::from_millis(100))).await;
    assert_eq!(origin.requests().len(), 1, "whoever left is not forwarded");
}

//! Listeners that are files: `listen "unix:…"`, and the admin address.

use crate::harness::{Binary, Origin, Vordr, ends, within, written};
use std::path::Path;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Sends a request that asks for the connection's end, and reads to it.
async fn ask(path: &Path, request: &str) -> String {
    within(async {
        let mut stream = UnixStream::connect(path).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    })
    .await
}

const GET: &str =
    "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 198.51.100.7\r\nConnection: close\r\n\r\n";

async fn serving(process: &str) -> (Vordr, Origin, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::answering("hello").await;
    let rules = format!(
        r#"server a.test {{ listen "unix:{}"; location "/" {{ proxy "{}"; }} }}"#,
        folder.path().join("v.sock").display(),
        origin.url()
    );
    (Vordr::running_with(process, &rules).await, origin, folder)
}

#[tokio::test]
async fn a_unix_socket_is_served_like_any_other() {
    let (vordr, origin, folder) = serving("").await;
    let answer = ask(&folder.path().join("v.sock"), GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    let request = origin.only_request();
    assert_eq!(request.header("X-Forwarded-For"), Some("127.0.0.1"), "nobody is believed unasked");
    assert_eq!(vordr.log_line(|_| true).await["client_ip"], "127.0.0.1");
}

#[tokio::test]
async fn whoever_is_at_the_other_end_is_believed_where_this_machine_is_trusted() {
    let (vordr, origin, folder) = serving(r#"trusted-proxies "127.0.0.1""#).await;
    ask(&folder.path().join("v.sock"), GET).await;
    let request = origin.only_request();
    assert_eq!(request.header("X-Forwarded-For"), Some("198.51.100.7, 127.0.0.1"));
    assert_eq!(vordr.log_line(|_| true).await["client_ip"], "198.51.100.7");
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_taken_over_and_none_is_left_by_an_orderly_end() {
    let (vordr, origin, folder) = serving("").await;
    let path = folder.path().join("v.sock");
    assert!(path.exists());
    vordr.stop();
    vordr.stopped().await;
    assert!(!path.exists(), "an orderly end leaves no file");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a file that nobody listens on");
    let rules = format!(
        r#"server a.test {{ listen "unix:{}"; location "/" {{ proxy "{}"; }} }}"#,
        path.display(),
        origin.url()
    );
    let _vordr = Vordr::running(&rules).await;
    assert!(ask(&path, GET).await.ends_with("hello"));
}

#[tokio::test]
async fn the_admin_address_may_be_a_unix_socket_and_health_asks_there() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let (_rules, path) = written(&format!(
        r#"vordr {{ admin "unix:{}"; }}
        server a.test {{ listen "127.0.0.1:0"; location "/" {{ respond 204; }} }}"#,
        socket.display()
    ));
    let health = || ends(&["health", path.to_str().unwrap()]).status.code();
    assert_eq!(health(), Some(1));
    let binary = Binary::running_file(path.clone(), &[]).await;
    assert_eq!(health(), Some(0));
    assert!(binary.said().contains("admin.sock"), "{}", binary.said());
    let status = ask(&socket, "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(status.contains("\"healthy\""), "{status}");
}

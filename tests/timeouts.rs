//! Every limit on silence has a status of its own, and its name in the log.

use crate::harness::{Client, Framing, NameServer, Origin, Vordr, proxying};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};

fn names(line: &Value, error: &str, timeout: &str) {
    assert_eq!((&line["error"], &line["timeout"]), (&error.into(), &timeout.into()), "{line}");
}

#[tokio::test]
async fn a_server_that_accepts_no_connection_is_a_504_by_timeouts_connect() {
    // A full backlog: the kernel answers no further SYN.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        held.push(stream);
        assert!(held.len() < 64, "a backlog that fills up");
    }
    let vordr = Vordr::running(&proxying(&format!("http://{address}"), r#"timeouts connect="300ms""#)).await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!(response.status, 504);
    assert!(response.text().contains("timeouts connect"), "{}", response.text());
    let line = vordr.log_error("connect_timeout").await;
    names(&line, "connect_timeout", "timeouts connect");
    vordr.metrics_show(r#"reason="connect_timeout""#).await;
}

#[tokio::test]
async fn a_server_that_never_ends_its_tls_handshake_is_a_504_by_timeouts_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let nameserver = NameServer::answering(Some(Ipv4Addr::LOCALHOST)).await;
    let rules = proxying(&format!("https://chat.test:{port}"), r#"timeouts connect="300ms""#);
    let vordr = Vordr::running_with_nameserver(nameserver.address(), &rules).await;
    vordr.resolved().await;
    assert_eq!(vordr.get("http://a.test/").await.status, 504);
    names(&vordr.log_error("connect_timeout").await, "connect_timeout", "timeouts connect");
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_a_504_by_timeouts_read() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"timeouts read="300ms""#).await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!(response.status, 504);
    assert!(response.text().contains("timeouts read"), "{}", response.text());
    names(&vordr.log_error("read_timeout").await, "read_timeout", "timeouts read");
}

#[tokio::test]
async fn an_upstream_that_stops_in_its_answer_has_it_cut_and_the_log_says_why() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"timeouts read="300ms""#).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let head = client.response_head().await;
    assert_eq!(head.status(), 200);
    assert!(client.is_cut(Framing::Length(10)).await);
    let line = vordr.log_error("read_timeout").await;
    names(&line, "read_timeout", "timeouts read");
    assert_eq!(line["upstream_status"], 200);
}

#[tokio::test]
async fn timeouts_count_silence_and_not_the_whole() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            connection.send("x").await;
        }
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"timeouts read="1s" client="1s""#).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "xxxxxxxxxx");
}

#[tokio::test]
async fn a_stalled_upload_is_a_408_by_timeouts_client() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request_head().await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"timeouts client="300ms""#).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert_eq!(client.response().await.status, 408);
    let line = vordr.log_error("client_timeout").await;
    names(&line, "client_timeout", "timeouts client");
    assert_eq!(line["status"], 408);
}

#[tokio::test]
async fn a_client_that_only_listens_in_a_conversation_is_no_stalled_upload() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request_head().await;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            connection.send("1\r\nx\r\n").await;
        }
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"timeouts client="500ms""#).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    for _ in 0..6 {
        assert_eq!(client.chunk().await.unwrap().unwrap(), b"x");
    }
    // Silence in both directions is silence.
    names(&vordr.log_error("client_timeout").await, "client_timeout", "timeouts client");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_by_timeouts_client() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n").await;
        let part = vec![b'x'; 64 * 1024];
        for _ in 0..1024 {
            if !connection.send(&part).await {
                return;
            }
        }
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, r#"timeouts client="300ms""#).await;
    let mut client = Client::connect_narrow(vordr.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    names(&vordr.log_error("client_timeout").await, "client_timeout", "timeouts client");
    let head = client.response_head().await;
    assert!(client.is_cut(head.framing(true)).await);
}

/// Sends more than anybody takes to an upstream that reads nothing; the line of its end.
async fn given_up(vordr: &Vordr) -> Value {
    let mut client = vordr.connect().await;
    let size = 64 * 1024 * 1024;
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {size}\r\n\r\n")).await;
    let (answered, ()) = tokio::join!(async { vordr.log_error("write_timeout").await }, async {
        let part = vec![b'x'; 64 * 1024];
        for _ in 0..size / part.len() {
            if !client.send(&part).await {
                return;
            }
        }
    });
    answered
}

const IMPATIENT: &str = r#"timeouts send="300ms"; body-limit off"#;

#[tokio::test]
async fn an_upstream_that_reads_nothing_is_a_504_by_timeouts_send() {
    let origin = Origin::scripted(|connection| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(connection);
    })
    .await;
    let answered = given_up(&Vordr::proxying_with(&origin, IMPATIENT).await).await;
    names(&answered, "write_timeout", "timeouts send");
    assert_eq!(answered["status"], 504);
}

#[tokio::test]
async fn an_upstream_on_a_unix_socket_that_reads_nothing_is_no_different() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("up.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let vordr = Vordr::running(&proxying(&format!("unix:{}", path.display()), IMPATIENT)).await;
    let answered = given_up(&vordr).await;
    names(&answered, "write_timeout", "timeouts send");
    assert_eq!(answered["status"], 504);
}

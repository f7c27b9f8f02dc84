//! Nothing is buffered: what has come is passed on before the next part is written.

use crate::harness::{Binary, Client, Origin, Vordr, eventually, handshake, proxying, within};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// An upstream that sends each part only once the test has given its word.
async fn on_word(head: &'static str, parts: &'static [&'static str], word: Arc<Semaphore>) -> Origin {
    Origin::scripted(move |mut connection| {
        let word = word.clone();
        async move {
            connection.request().await;
            connection.send(head).await;
            for part in parts {
                word.acquire().await.unwrap().forget();
                connection.send(part).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_event_is_at_the_client_before_the_next_one_is_written() {
    let word = Arc::new(Semaphore::new(0));
    let origin = on_word(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        &["9\r\ndata: 1\n\n\r\n", "9\r\ndata: 2\n\n\r\n", "9\r\ndata: 3\n\n\r\n", "0\r\n\r\n"],
        word.clone(),
    )
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET /events HTTP/1.1\r\nHost: a.test\r\nAccept: text/event-stream\r\n\r\n").await;
    let head = client.response_head().await;
    assert_eq!(head.header("Content-Type"), Some("text/event-stream"));
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        word.add_permits(1);
        assert_eq!(client.chunk().await.unwrap().unwrap(), event.as_bytes());
    }
    word.add_permits(1);
    assert_eq!(client.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_part_of_a_body_with_a_length_is_passed_on_at_once() {
    let word = Arc::new(Semaphore::new(0));
    let origin = on_word("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", &["one", "two"], word.clone()).await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    word.add_permits(1);
    assert_eq!(client.exactly(3).await.unwrap(), b"one");
    word.add_permits(1);
    assert_eq!(client.exactly(3).await.unwrap(), b"two");
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_is_passed_on_at_once() {
    let word = Arc::new(Semaphore::new(0));
    let origin = on_word("HTTP/1.1 200 OK\r\n\r\n", &["one", "two"], word.clone()).await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    for part in ["one", "two"] {
        word.add_permits(1);
        assert_eq!(client.chunk().await.unwrap().unwrap(), part.as_bytes());
    }
    assert_eq!(client.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_part_of_a_request_is_at_the_upstream_before_the_next_one_is_sent() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request_head().await;
        let first = connection.chunk().await.unwrap().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        connection.send(format!("{:x}\r\n", first.len())).await;
        connection.send(first).await;
        connection.send("\r\n").await;
        let second = connection.chunk().await.unwrap().unwrap();
        connection.send(format!("{:x}\r\n", second.len())).await;
        connection.send(second).await;
        connection.send("\r\n0\r\n\r\n").await;
        connection.chunk().await.unwrap();
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"one");
    client.send("3\r\ntwo\r\n").await;
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"two");
    client.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_client_that_leaves_an_event_stream_frees_the_upstream() {
    let gone = Arc::new(Semaphore::new(0));
    let seen = gone.clone();
    let origin = Origin::scripted(move |mut connection| {
        let seen = seen.clone();
        async move {
            connection.request().await;
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n").await;
            connection.closed().await;
            seen.add_permits(1);
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: 1\n\n");
    drop(client);
    eventually("the upstream's end", || (gone.available_permits() > 0).then_some(())).await;
}

/// How much goes through: far more than any buffer on the way takes.
const MUCH: usize = 32 * 1024 * 1024;

/// A server that answers with this head, and then with what it is sent: it reads no more until that is taken.
async fn echoing(head: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    asked.push(socket.read_u8().await.unwrap());
                }
                socket.write_all(head.as_bytes()).await.unwrap();
                let (mut part, mut left) = (vec![0; 64 * 1024], MUCH);
                while let (1.., Ok(count @ 1..)) = (left, socket.read(&mut part).await) {
                    if socket.write_all(&part[..count]).await.is_err() {
                        return;
                    }
                    left = left.saturating_sub(count);
                }
            });
        }
    });
    address
}

/// Sends a head and then much, and reads only later. How much comes back.
async fn sent_back(vordr: &Vordr, head: &str) -> usize {
    // One frame of a WebSocket, to whoever takes it for that.
    let much = u64::try_from(MUCH).unwrap().to_be_bytes();
    let head = [head.as_bytes(), b"\x82\xff", &much, b"\0\0\0\0"].concat();
    let (mut from, mut to) = TcpStream::connect(vordr.address()).await.unwrap().into_split();
    to.write_all(&head).await.unwrap();
    let sending = tokio::spawn(async move {
        let part = vec![0; 64 * 1024];
        for _ in 0..MUCH / part.len() {
            to.write_all(&part).await.unwrap();
        }
        to
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (mut part, mut sum) = (vec![0; 64 * 1024], 0);
    let reading = async {
        while sum < MUCH
            && let Ok(count @ 1..) = from.read(&mut part).await
        {
            sum += count;
        }
    };
    // Where it stalls, what has come says so.
    let _ = tokio::time::timeout(Duration::from_secs(20), reading).await;
    sending.abort();
    sum
}

#[tokio::test]
async fn an_answer_that_is_written_as_the_request_is_read_stalls_neither() {
    let origin = echoing("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
    let vordr = Vordr::running(&proxying(&format!("http://{origin}"), "body-limit off")).await;
    let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {MUCH}\r\n\r\n");
    assert!(sent_back(&vordr, &head).await >= MUCH);
}

#[tokio::test]
async fn a_tunnel_that_is_full_in_both_directions_stalls_in_neither() {
    let accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let vordr = Vordr::running(&proxying(&format!("http://{}", echoing(accepted).await), "")).await;
    assert!(sent_back(&vordr, &handshake("a.test", "/", "")).await >= MUCH);
}

#[tokio::test]
async fn hundreds_of_large_answers_at_once_go_on_as_they_come() {
    const CLIENTS: u64 = 200;
    const SIZE: usize = 1 << 20;
    let (word, written) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (theirs, at_last) = (word.clone(), written.clone());
    let answer = Arc::new(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n{}", "x".repeat(SIZE)));
    let origin = Origin::scripted(move |mut connection| {
        let (word, written, answer) = (theirs.clone(), at_last.clone(), answer.clone());
        async move {
            connection.request().await;
            word.acquire().await.unwrap().forget();
            connection.send(answer.as_bytes()).await;
            written.add_permits(1);
            connection.request().await;
        }
    })
    .await;
    let rules = proxying(&origin.url(), "").replace("listen 0", "listen \"127.0.0.1:0\"");
    let binary = Binary::running(&format!("vordr {{ workers 1; }}\n{rules}")).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect_narrow(binary.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        clients.push(client);
    }
    eventually("every request", || (origin.requests().len() as u64 == CLIENTS).then_some(())).await;
    let before = binary.most_memory();
    // They are all there to be read when vordr goes on.
    binary.signal("STOP");
    word.add_permits(CLIENTS as usize);
    within(written.acquire_many(CLIENTS as u32)).await.unwrap().forget();
    binary.signal("CONT");
    // The kernel has room for each of them, though nobody reads.
    let lines = || binary.printed().lines().filter(|line| line.contains("\"bytes_out\":1048576")).count();
    eventually("every answer", || (lines() as u64 == CLIENTS).then_some(())).await;
    let each = (binary.most_memory() - before) / CLIENTS;
    assert!(each < 400 << 10, "{each} bytes for each of them");
}

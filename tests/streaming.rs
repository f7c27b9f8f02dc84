//! Nothing is buffered: what has come is passed on before the next part is written.

use crate::harness::{Origin, Vordr, eventually};
use std::sync::Arc;
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

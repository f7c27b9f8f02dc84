//! Clients that go away before they are answered, where the upstream is waited for all the same: `outlast-client`.

use crate::harness::{Http2, Origin, Vordr, eventually, http2_request as request};
use h2::Reason;
use http::Method;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// As long as vordr would surely have noticed by.
const A_MOMENT: Duration = Duration::from_millis(200);

/// An origin that answers when it is told to, unless vordr leaves before; and how often it could.
async fn slow() -> (Origin, Arc<Semaphore>, Arc<AtomicUsize>) {
    let (word, done) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (told, finished) = (word.clone(), done.clone());
    let origin = Origin::scripted(move |mut connection| {
        let (told, finished) = (told.clone(), finished.clone());
        async move {
            while connection.request().await.is_some() {
                tokio::select! {
                    permit = told.acquire() => permit.unwrap().forget(),
                    () = connection.closed() => return,
                }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await;
                finished.fetch_add(1, Relaxed);
            }
        }
    });
    (origin.await, word, done)
}

async fn outlasting(origin: &Origin) -> Vordr {
    let proxy = format!("proxy {:?} {{ outlast-client on; }}", origin.url());
    Vordr::running(&format!("server a.test {{ listen 0; location \"/\" {{ {proxy}; }} }}")).await
}

#[tokio::test]
async fn an_app_finishes_what_a_client_did_not_wait_for_where_the_rules_say_so() {
    let (origin, word, done) = slow().await;
    let vordr = outlasting(&origin).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nwork").await;
    origin.first_request().await;
    drop(client);
    sleep(A_MOMENT).await;
    assert!(vordr.log_lines().is_empty(), "{:?}", vordr.log_lines());
    word.add_permits(1);
    eventually("the app's end", || (done.load(Relaxed) == 1).then_some(())).await;
    let line = vordr.log_line(|line| line["path"] == "/").await;
    assert_eq!((&line["status"], &line["error"]), (&200.into(), &serde_json::Value::Null), "{line}");
}

#[tokio::test]
async fn a_stream_that_is_reset_is_finished_at_the_upstream_where_the_rules_say_so() {
    let (origin, word, done) = slow().await;
    let vordr = outlasting(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let request = |path| request(Method::GET, path).body(()).unwrap();
    let mut stream = client.open(request("/"), true).await;
    origin.first_request().await;
    stream.body.send_reset(Reason::CANCEL);
    sleep(A_MOMENT).await;
    assert!(vordr.log_lines().is_empty(), "{:?}", vordr.log_lines());
    // So is one whose connection closes.
    let second = client.open(request("/two"), true).await;
    eventually("a second request", || origin.requests().get(1).cloned()).await;
    drop((second, client));
    word.add_permits(2);
    eventually("the app's end", || (done.load(Relaxed) == 2).then_some(())).await;
}

#[tokio::test]
async fn a_stream_of_events_is_not_read_for_nobody() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
        while connection.send("data: tick\n\n").await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let vordr = outlasting(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET /events HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    client.response_head().await;
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: tick\n\n");
    drop(client);
    assert_eq!(vordr.log_error("client_gone").await["path"], "/events");
}

#[tokio::test]
async fn nginx_says_it_by_proxy_ignore_client_abort() {
    let (origin, word, done) = slow().await;
    let conf = format!(
        "server {{ listen 127.0.0.1:0; server_name a.test; \
         location / {{ proxy_ignore_client_abort on; proxy_pass {}; }} }}",
        origin.url()
    );
    let vordr = Vordr::reading_nginx(&conf).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    drop(client);
    sleep(A_MOMENT).await;
    word.add_permits(1);
    eventually("the app's end", || (done.load(Relaxed) == 1).then_some(())).await;
}

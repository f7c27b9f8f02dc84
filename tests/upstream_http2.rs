//! HTTP/2 to an upstream: by prior knowledge, by ALPN, and never for a WebSocket.

use crate::harness::{
    Authority, Framing, Http2, Http2Origin, Origin, Vordr, eventually, http2_request, within,
};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Method, Request};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;

fn rules(url: &str, block: &str) -> String {
    format!("server a.test {{ listen 0; location \"/\" {{ proxy \"{url}\" {{ {block}; }} }} }}")
}

fn trusting(file: &Path) -> String {
    format!("tls ca={file:?}")
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_by_prior_knowledge() {
    let origin = Http2Origin::answering(None, b"over h2").await;
    let vordr = Vordr::running(&rules(&format!("http://127.0.0.1:{}", origin.port()), "http \"2\"")).await;
    let request = "POST /x?y=1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody";
    let response = vordr.send(request).await;
    assert_eq!((response.status, response.text().as_str()), (200, "over h2"));
    let (head, body) = origin.requests().remove(0);
    assert_eq!(
        (head.uri().path(), head.uri().query(), body.as_slice()),
        ("/x", Some("y=1"), b"body".as_slice())
    );
    assert_eq!(head.uri().authority().map(|authority| authority.as_str()), Some("a.test"));
    assert_eq!(vordr.get("http://a.test/").await.text(), "over h2");
    assert_eq!(origin.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn a_client_of_http_1_0_is_sent_no_chunks() {
    let origin = Http2Origin::answering(None, b"over h2").await;
    let vordr = Vordr::running(&rules(&format!("http://127.0.0.1:{}", origin.port()), "http \"2\"")).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n").await;
    let head = client.response_head().await;
    assert_eq!((head.header("Transfer-Encoding"), head.header("Connection")), (None, Some("close")));
    assert_eq!(client.until_end().await.unwrap(), b"over h2");
}

#[tokio::test]
async fn a_client_that_waits_with_its_body_is_told_to_send_it() {
    let origin = Http2Origin::answering(None, b"over h2").await;
    let vordr = Vordr::running(&rules(&format!("http://127.0.0.1:{}", origin.port()), "http \"2\"")).await;
    let mut client = vordr.connect().await;
    for method in ["PUT", "GET"] {
        let framing = "Expect: 100-continue\r\nContent-Length: 4";
        client.send(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n")).await;
        assert_eq!(client.any_response().await.status, 100, "{method}");
        client.send("body").await;
        assert_eq!(client.any_response().await.text(), "over h2");
    }
    assert!(
        origin
            .requests()
            .iter()
            .all(|(head, body)| !head.headers().contains_key("expect") && body == b"body")
    );
}

#[tokio::test]
async fn auto_speaks_what_the_server_chooses() {
    let authority = Authority::new();
    let newer = Http2Origin::answering(Some(&authority.identity("localhost")), b"two").await;
    let older = Origin::answering_tls(&authority.identity("localhost"), "one").await;
    let block = format!("http auto; {}", trusting(&authority.file()));
    let with_newer =
        Vordr::running_resolved(&rules(&format!("https://localhost:{}", newer.port()), &block)).await;
    assert_eq!(with_newer.get("http://a.test/").await.text(), "two");
    assert_eq!(newer.requests().len(), 1);
    let with_older = Vordr::running_resolved(&rules(&older.url_as("localhost"), &block)).await;
    assert_eq!(with_older.get("http://a.test/").await.text(), "one");
}

#[tokio::test]
async fn a_websocket_goes_over_http_1_all_the_same() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::running(&rules(&origin.url(), "http \"2\"")).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("as ever").await);
}

#[tokio::test]
async fn a_body_of_the_rules_own_goes_over_http_1_where_the_request_has_none() {
    let origin = Origin::answering("one").await;
    let vordr = Vordr::running(&rules(&origin.url(), "http \"2\"; body \"own\"")).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "one");
    assert_eq!(origin.only_request().text(), "own");
    let origin = Http2Origin::answering(None, b"two").await;
    let url = format!("http://127.0.0.1:{}", origin.port());
    let vordr = Vordr::running(&rules(&url, "http \"2\"; body \"own\"")).await;
    let request = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(vordr.send(request).await.text(), "two");
    assert_eq!(origin.requests().remove(0).1, b"own");
}

#[tokio::test]
async fn a_server_that_does_not_speak_it_is_a_502() {
    let origin = Origin::answering("HTTP/1.1 it is").await;
    let vordr = Vordr::running(&rules(&origin.url(), "http \"2\"")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    vordr.log_error("protocol").await;
}

#[tokio::test]
async fn grpcs_own_health_checks_are_asked_over_http_2() {
    let serving = Http2Origin::answering(None, &[0, 0, 0, 0, 2, 8, 1]).await;
    let not_serving = Http2Origin::answering(None, &[0, 0, 0, 0, 2, 8, 2]).await;
    let pool = |port: u16| {
        format!(
            "upstream app {{ server \"127.0.0.1:{port}\"; health grpc service=\"a.B\" every=\"100ms\" fall=2; }}\n\
             server a.test {{ listen 0; location \"/\" {{ proxy app {{ http \"2\"; }} }} }}"
        )
    };
    let well = Vordr::running(&pool(serving.port())).await;
    eventually("some checks", || (serving.requests().len() > 3).then_some(())).await;
    assert!(!well.error_log().contains("a server is out"), "{}", well.error_log());
    let (head, body) = serving.requests().remove(0);
    assert_eq!(head.uri().path(), "/grpc.health.v1.Health/Check");
    assert_eq!(head.headers()["content-type"], "application/grpc");
    assert_eq!(body, [&[0, 0, 0, 0, 5, 0x0a, 3], b"a.B".as_slice()].concat());
    let unwell = Vordr::running(&pool(not_serving.port())).await;
    eventually("the line", || unwell.error_log().contains("it is not serving").then_some(())).await;
}

#[tokio::test]
async fn an_upstream_that_wants_to_know_who_asks_is_shown_a_certificate() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity_asking("localhost"), "known").await;
    let (own, folder) = (authority.client("vordr"), tempfile::tempdir().unwrap());
    let [cert, key] = ["own.pem", "own.key"].map(|name| folder.path().join(name));
    std::fs::write(&cert, &own.chain).unwrap();
    std::fs::write(&key, own.key_pem()).unwrap();
    let tls = format!("tls ca={:?} cert={cert:?} key={key:?}", authority.file());
    let known = Vordr::running_resolved(&rules(&origin.url_as("localhost"), &tls)).await;
    assert_eq!(known.get("http://a.test/").await.text(), "known");
    let unknown =
        Vordr::running_resolved(&rules(&origin.url_as("localhost"), &trusting(&authority.file()))).await;
    assert_eq!(unknown.get("http://a.test/").await.status, 502);
    // The same key, locked with the last of the passwords.
    let [locked, passwords] = ["locked.key", "passwords"].map(|name| folder.path().join(name));
    std::fs::write(&passwords, "wrong\nsecret\n").unwrap();
    let pass = ["pkcs8", "-topk8", "-passout", "pass:secret", "-in"];
    let made = std::process::Command::new("openssl").args(pass).arg(&key).arg("-out").arg(&locked).status();
    assert!(made.unwrap().success());
    let tls = format!("tls ca={:?} cert={cert:?} key={locked:?} passwords={passwords:?}", authority.file());
    let opened = Vordr::running_resolved(&rules(&origin.url_as("localhost"), &tls)).await;
    assert_eq!(opened.get("http://a.test/").await.text(), "known");
}

#[tokio::test]
async fn grpc_passes_with_its_trailers() {
    let origin = Http2Origin::answering(None, &[0, 0, 0, 0, 1, 7]).await;
    let vordr = Vordr::running(&rules(&format!("http://127.0.0.1:{}", origin.port()), "http \"2\"")).await;
    let mut client = Http2::connect(vordr.address()).await;
    let request = http2_request(Method::POST, "/chat.v1.Chat/Say")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let mut stream = client.open(request.body(()).unwrap(), false).await;
    stream.body.send_data(vec![0, 0, 0, 0, 1, 6].into(), true).unwrap();
    let mut answer = stream.answer().await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &"application/grpc".parse().unwrap())
    );
    let mut body = Vec::new();
    while let Some(part) = within(answer.body.data()).await {
        body.extend_from_slice(&part.unwrap());
    }
    assert_eq!(body, [0, 0, 0, 0, 1, 7]);
    let trailers = within(answer.body.trailers()).await.unwrap().expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
    let (head, sent) = origin.requests().remove(0);
    assert_eq!(
        (&head.headers()["te"], sent.as_slice()),
        (&"trailers".parse().unwrap(), [0, 0, 0, 0, 1, 6].as_slice())
    );
}

/// A server that does this with each request; where it listens.
async fn scripted<F>(
    script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Copy + Send + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, answer))) = connection.accept().await {
                    tokio::spawn(script(request, answer));
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_call_of_grpc_that_ends_with_its_head_has_its_status_there() {
    let status = |code| http::Response::builder().header("grpc-status", code).body(()).unwrap();
    let failing = scripted(move |_, mut answer| async move {
        answer.send_response(status("5"), true).unwrap();
    });
    let begun = scripted(move |_, mut answer| async move {
        let mut body = answer.send_response(status("0"), false).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        body.send_data(Bytes::from_static(b"late"), true).unwrap();
    });
    for (origin, status, body) in [(failing.await, "5", ""), (begun.await, "0", "late")] {
        let vordr = Vordr::running(&rules(&format!("http://{origin}"), "http \"2\"")).await;
        let mut client = Http2::connect(vordr.address()).await;
        let mut answer = client.get("/chat.v1.Chat/Say").await;
        assert_eq!(answer.header("grpc-status"), Some(status));
        assert_eq!(answer.body.is_end_stream(), body.is_empty(), "{status}");
        assert_eq!(answer.text().await, body);
    }
}

/// A server that refuses every stream, which says that it has not touched the request.
async fn refusing() -> SocketAddr {
    scripted(|_, mut answer| async move { answer.send_reset(h2::Reason::REFUSED_STREAM) }).await
}

/// A server that says nothing, or nothing more behind the beginning of an answer.
async fn silent(begins: bool) -> SocketAddr {
    let script = move |_, mut answer: SendResponse<Bytes>| async move {
        let head = http::Response::builder().header("content-length", "10").body(()).unwrap();
        let mut body = begins.then(|| answer.send_response(head, false).unwrap());
        body.iter_mut().for_each(|body| body.send_data(Bytes::from_static(b"half"), false).unwrap());
        tokio::time::sleep(Duration::from_secs(60)).await;
    };
    scripted(script).await
}

#[tokio::test]
async fn timeouts_read_holds_where_the_request_has_no_body() {
    let block = |server: SocketAddr, more: &str| {
        let rules = rules(&format!("http://{server}"), "http \"2\"");
        rules.replace("proxy \"", &format!("timeouts read=\"300ms\"; {more} proxy \""))
    };
    let vordr = Vordr::running(&block(silent(false).await, "")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 504);
    assert_eq!(vordr.log_error("read_timeout").await["timeout"], "timeouts read");
    let vordr = Vordr::running(&block(silent(true).await, "")).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    assert!(client.is_cut(Framing::Length(10)).await);
    vordr.log_error("read_timeout").await;
}

#[tokio::test]
async fn a_server_that_is_silent_over_http_2_gives_way_to_another() {
    let origin = Http2Origin::answering(None, b"another").await;
    let vordr = Vordr::running(&format!(
        "upstream app {{ server \"{}\"; server \"127.0.0.1:{}\" backup=on; retry 1 on=\"timeout\"; }}\n\
         server a.test {{ listen 0; timeouts read=\"300ms\"; location \"/\" {{ proxy app {{ http \"2\"; }} }} }}",
        silent(false).await,
        origin.port()
    ))
    .await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "another");
}

#[tokio::test]
async fn a_request_that_a_server_refuses_untouched_is_tried_again_whatever_its_method() {
    let (refusing, origin) = (refusing().await, Http2Origin::answering(None, b"taken").await);
    let rules = |retry: &str| {
        format!(
            "upstream app {{ server \"{refusing}\"; server \"127.0.0.1:{}\" backup=on; {retry}; }}\n\
             server a.test {{ listen 0; location \"/\" {{ proxy app {{ http \"2\"; }} }} }}",
            origin.port()
        )
    };
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody";
    let vordr = Vordr::running(&rules("retry off")).await;
    assert_eq!(vordr.send(post).await.status, 502);
    let line = vordr.log_error("protocol").await;
    assert!(line["error_detail"].as_str().unwrap().contains("HTTP/2: refused stream"), "{line}");
    let vordr = Vordr::running(&rules("retry 1 on=\"reused\"")).await;
    assert_eq!(vordr.send(post).await.text(), "taken");
    let line = vordr.log_line(|line| line["retries"] == 1).await;
    assert_eq!((&line["status"], &line["error"]), (&200.into(), &serde_json::Value::Null), "{line}");
}

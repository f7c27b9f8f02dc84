//! Each way in which an upstream fails is told alike to its client, in the log and by the metrics.

use crate::harness::{Authority, NameReply, NameServer, Origin, REFUSING, Vordr, eventually, pooled, within};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// What is told of a failure.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    /// The log's `error`, and the metric's `reason`.
    error: &'static str,
    detail: String,
    timeout: Option<&'static str>,
}

impl Told {
    fn of(status: u16, error: &'static str, detail: impl Into<String>) -> Self {
        Self { status, error, detail: detail.into(), timeout: None }
    }

    fn by(self, timeout: &'static str) -> Self {
        Self { timeout: Some(timeout), ..self }
    }
}

/// One request fails, and everybody is told so.
async fn fails(vordr: &Vordr, told: Told) {
    let response = vordr.send(GET).await;
    is_told(vordr, response.status, told).await;
}

/// The client was told `status`; the log and the metrics tell the same.
async fn is_told(vordr: &Vordr, status: u16, told: Told) {
    assert_eq!(status, told.status);
    let line = vordr.log_error(told.error).await;
    assert_eq!(
        (line["status"].as_u64(), line["error_detail"].as_str(), line["timeout"].as_str()),
        (Some(told.status.into()), Some(told.detail.as_str()), told.timeout),
        "{line}"
    );
    let counted = |family: &str| format!("{family}{{reason=\"{}\",upstream=\"app\"}}", told.error);
    vordr.metric_becomes(&counted("vordr_upstream_errors_total"), 1.0).await;
    assert_eq!(vordr.metric(&counted("vordr_upstream_retries_total")).await, 0.0);
}

/// vordr in front of an upstream, under some settings.
async fn in_front_of(origin: &Origin, settings: &str) -> Vordr {
    Vordr::running(&pooled(&format!("server \"{}\"", origin.url()), settings)).await
}

/// An upstream that reads a request, answers with these bytes, and closes.
async fn saying(bytes: &'static str) -> Origin {
    Origin::scripted(move |mut connection| async move {
        connection.request().await;
        connection.send(bytes).await;
    })
    .await
}

/// An upstream that reads a request and is silent.
async fn silent() -> Origin {
    Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await
}

#[tokio::test]
async fn a_name_that_is_not_resolved_is_dns() {
    for (reply, why) in [
        (NameReply::NoName, "there is no such name"),
        (NameReply::Addresses(Vec::new()), "it has no address"),
        (NameReply::Failure, "the name server answered: Server Failure"),
    ] {
        let names = NameServer::telling(move |_, _| reply.clone()).await;
        let rules = pooled("server \"chat.test:80\"", "");
        let vordr = Vordr::running_with_nameserver(names.address(), &rules).await;
        let detail = format!("upstream app: its name is not resolved: chat.test: {why}");
        fails(&vordr, Told::of(503, "dns", detail)).await;
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_refused() {
    let vordr = Vordr::running(&pooled(REFUSING, "")).await;
    let detail = "upstream app: connection refused (127.0.0.1:1 refused)";
    fails(&vordr, Told::of(502, "refused", detail)).await;
}

#[tokio::test]
async fn a_server_that_accepts_no_connection_is_connect_timeout() {
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
    let vordr = Vordr::running(&pooled(&format!("server \"{address}\""), "timeouts connect=\"300ms\"")).await;
    let detail = format!("upstream app: no connection within `timeouts connect` ({address} connect_timeout)");
    fails(&vordr, Told::of(504, "connect_timeout", detail).by("timeouts connect")).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_tls() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "ok").await;
    let rules = pooled(&format!("server \"{}\"", origin.url_as("localhost")), "");
    let vordr = Vordr::running_resolved(&rules).await;
    let response = vordr.send(GET).await;
    let line = vordr.log_error("tls").await;
    let detail = line["error_detail"].as_str().unwrap_or_default().to_owned();
    // `localhost` may have an address of the other family too.
    let said = "upstream app: TLS failed: invalid peer certificate: UnknownIssuer (";
    let address = format!("127.0.0.1:{} tls)", origin.port());
    assert!(detail.starts_with(said) && detail.ends_with(&address), "{line}");
    is_told(&vordr, response.status, Told::of(502, "tls", detail)).await;
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_write_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pool = format!("server \"{}\"", listener.local_addr().unwrap());
    let vordr = Vordr::running(&pooled(&pool, "timeouts send=\"300ms\"; body-limit off")).await;
    let (mut answer, mut request) = TcpStream::connect(vordr.address()).await.unwrap().into_split();
    let sending = tokio::spawn(async move {
        let size = 64 * 1024 * 1024;
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {size}\r\n\r\n");
        request.write_all(head.as_bytes()).await.unwrap();
        // It ends with the connection.
        while request.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
    });
    let mut head = [0; 12];
    within(answer.read_exact(&mut head)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 504");
    let detail = "upstream app: takes nothing more within `timeouts send`";
    is_told(&vordr, 504, Told::of(504, "write_timeout", detail).by("timeouts send")).await;
    drop(answer);
    sending.abort();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_read_timeout() {
    let origin = silent().await;
    let vordr = in_front_of(&origin, "timeouts read=\"300ms\"").await;
    let detail = "upstream app: no answer within `timeouts read`";
    fails(&vordr, Told::of(504, "read_timeout", detail).by("timeouts read")).await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_reset() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.reset();
    })
    .await;
    let vordr = in_front_of(&origin, "").await;
    fails(&vordr, Told::of(502, "reset", "upstream app: the connection was reset")).await;
}

#[tokio::test]
async fn an_answer_that_never_begins_or_ends_in_its_head_is_early_close() {
    for bytes in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let origin = saying(bytes).await;
        let vordr = in_front_of(&origin, "").await;
        let detail = "upstream app: the connection was closed before the answer was whole";
        fails(&vordr, Told::of(502, "early_close", detail)).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_protocol() {
    let origin = saying("SSH-2.0-OpenSSH_10.0\r\n\r\n").await;
    let vordr = in_front_of(&origin, "").await;
    let detail = "upstream app: its answer cannot be read: it is not HTTP/1.1";
    fails(&vordr, Told::of(502, "protocol", detail)).await;
}

#[tokio::test]
async fn a_server_that_does_not_speak_http_2_is_protocol() {
    let origin = Origin::answering("HTTP/1.1 it is").await;
    let rules = format!(
        "upstream app {{ server \"{}\"; }}\n\
         server a.test {{ listen 0; location \"/\" {{ proxy app {{ http \"2\"; }} }} }}",
        origin.url()
    );
    let vordr = Vordr::running(&rules).await;
    let detail = "upstream app: its answer cannot be read: it is not HTTP/2";
    fails(&vordr, Told::of(502, "protocol", detail)).await;
}

#[tokio::test]
async fn a_pool_of_which_every_server_is_out_is_none_up() {
    let vordr = Vordr::running(&pooled(&format!("{REFUSING} health tcp every=\"100ms\" fall=1"), "")).await;
    eventually("a check", || vordr.error_log().contains("a server is out").then_some(())).await;
    let detail = "upstream app: no server is up (127.0.0.1:1 out: refused)";
    fails(&vordr, Told::of(503, "none_up", detail)).await;
}

#[tokio::test]
async fn a_pool_that_does_not_come_up_in_time_is_none_up_by_try_for() {
    let vordr = Vordr::running(&pooled(&format!("{REFUSING} try-for \"700ms\""), "")).await;
    let response = vordr.send(GET).await;
    assert_eq!(response.status, 503);
    let line = vordr.log_error("none_up").await;
    let detail = "upstream app: no server came up within `try-for` (127.0.0.1:1 refused)";
    assert_eq!((&line["error_detail"], &line["timeout"]), (&detail.into(), &"try-for".into()), "{line}");
    vordr.metric_becomes(r#"vordr_upstream_errors_total{reason="none_up",upstream="app"}"#, 1.0).await;
}

#[tokio::test]
async fn a_request_that_finds_no_place_in_time_is_queue_full() {
    let origin = silent().await;
    let pool = format!("server \"{}\"\nconnections 1", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "timeouts connect=\"300ms\"")).await;
    let mut first = vordr.connect().await;
    first.send(GET).await;
    origin.first_request().await;
    let detail = "upstream app: each server has as many requests as `connections` allows";
    fails(&vordr, Told::of(503, "queue_full", detail)).await;
}

//! HTTP/2 over TLS: agreed upon by ALPN, and from there as by prior knowledge.

use crate::harness::http2::raw::RawHttp2;
use crate::harness::{Authority, Http2, Origin, TlsClient, Vordr, within};
use http::StatusCode;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A vordr that speaks TLS for `a.test`, and those who believe its authority.
struct Secure {
    vordr: Vordr,
    authority: Authority,
    _folder: TempDir,
}

impl Secure {
    async fn proxying(origin: &Origin, process: &str, words: &str) -> Self {
        let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
        let tls = authority.pair(&["a.test"]).write(folder.path(), "a.test");
        let rules = format!(
            "server a.test {{ listen 0 tls=on; tls {{ {tls} }}; location \"/\" {{ {words}\n proxy \"{}\" }} }}",
            origin.url()
        );
        Self { vordr: Vordr::running_with(process, &rules).await, authority, _folder: folder }
    }

    /// Connects, with HTTP/2 agreed upon.
    async fn http2(&self) -> Http2 {
        let client = TlsClient::trusting(&self.authority).offering(&["h2", "http/1.1"]);
        let secured = client.connect(self.vordr.address(), "a.test").await.unwrap();
        assert_eq!(secured.alpn.as_deref(), Some(&b"h2"[..]));
        Http2::over(secured.client.into_socket()).await
    }

    /// What curl shows, with the version and the status that it saw.
    async fn curl(&self, args: &[&str]) -> String {
        let port = self.vordr.address().port();
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "-w", " %{http_version} %{http_code}"]);
        curl.arg("--cacert").arg(self.authority.file());
        curl.args(["--resolve", &format!("a.test:{port}:127.0.0.1")]).args(args);
        curl.arg(format!("https://a.test:{port}/curl"));
        let output = tokio::task::spawn_blocking(move || curl.output()).await.unwrap();
        let output = output.expect("curl, which the tests need");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test]
async fn http_2_is_agreed_upon_where_the_client_knows_it() {
    let origin = Origin::answering("hello").await;
    let secure = Secure::proxying(&origin, "", "").await;
    let mut client = secure.http2().await;
    assert_eq!(client.get("/").await.text().await, "hello");
    assert_eq!(origin.only_request().header("X-Forwarded-Proto"), Some("https"));
    let line = secure.vordr.log_line(|line| line["path"] == "/").await;
    assert_eq!((&line["proto"], &line["scheme"]), (&"HTTP/2".into(), &"https".into()));
    assert_eq!(line["tls_version"], "TLSv1.3");
    for offered in [&["http/1.1"][..], &[]] {
        let client = TlsClient::trusting(&secure.authority).offering(offered);
        let mut secured = client.connect(secure.vordr.address(), "a.test").await.unwrap();
        assert_eq!(secured.client.get("a.test", "/").await.text(), "hello");
    }
}

#[tokio::test]
async fn curl_speaks_either() {
    let origin = Origin::answering("hello").await;
    let secure = Secure::proxying(&origin, "", "").await;
    assert_eq!(secure.curl(&["--http2"]).await, "hello 2 200");
    assert_eq!(secure.curl(&["--http2", "--tlsv1.2", "--tls-max", "1.2"]).await, "hello 2 200");
    assert_eq!(secure.curl(&["--http1.1"]).await, "hello 1.1 200");
}

#[tokio::test]
async fn an_idle_connection_ends_in_order() {
    let origin = Origin::answering("hello").await;
    let secure = Secure::proxying(&origin, "limits { keepalive \"300ms\"; }", "").await;
    let mut client = secure.http2().await;
    assert_eq!(client.get("/").await.status, StatusCode::OK);
    client.ended().await.unwrap();
}

#[tokio::test]
async fn a_client_that_never_reads_is_ended_and_named() {
    let body = "x".repeat(8 << 20);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let origin = Origin::responding(&response).await;
    let limits = "limits { keepalive \"700ms\"; }";
    let secure = Secure::proxying(&origin, limits, "timeouts client=\"700ms\"").await;
    let client = TlsClient::trusting(&secure.authority).offering(&["h2"]);
    let secured = client.connect(secure.vordr.address(), "a.test").await.unwrap();
    let mut wire = RawHttp2::over(secured.client.into_socket()).await;
    wire.open_windows().await;
    for stream in (1..100).step_by(2) {
        wire.get(stream, &[]).await;
    }
    secure.vordr.log_error("client_timeout").await;
    secure.vordr.log_error("untaken").await;
    within(wire.closed()).await;
}

/// A page that opens a WebSocket, and tells over HTTP what it heard, and over which protocol the page came.
const PAGE: &str = r#"<script>
const socket = new WebSocket("wss://" + location.host + "/ws");
socket.onopen = () => socket.send("hello");
socket.onmessage = (event) =>
    fetch("/heard?" + event.data + "&" + performance.getEntriesByType("navigation")[0].nextHopProtocol);
</script>"#;

#[tokio::test]
async fn a_browser_opens_its_websocket_over_http_2() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            if request.header("Upgrade").is_some() {
                return connection.upgrade(&request).await.echo().await;
            }
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}", PAGE.len());
            connection.send(format!("{head}\r\n\r\n{PAGE}")).await;
        }
    })
    .await;
    let secure = Secure::proxying(&origin, "", "").await;
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"]);
    chromium.args([
        "--no-proxy-server",
        "--host-resolver-rules=MAP a.test 127.0.0.1",
        "--remote-debugging-port=0",
    ]);
    chromium.arg(format!("--user-data-dir={}", profile.path().display()));
    chromium.arg(format!("https://a.test:{}/", secure.vordr.address().port()));
    let chromium = chromium.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _chromium = Killed(chromium.expect("chromium, which the tests need"));
    let heard = secure.vordr.log_line(|line| line["path"] == "/heard").await;
    assert_eq!(heard["query"], "hello&h2");
    let opened = secure.vordr.log_line(|line| line["path"] == "/ws").await;
    assert_eq!((&opened["status"], &opened["proto"]), (&101.into(), &"HTTP/2".into()));
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

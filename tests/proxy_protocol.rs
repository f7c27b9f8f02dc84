//! The PROXY protocol, in and out, by hand and with nginx and haproxy at the other end.

use crate::harness::{
    Authority, Client, Connection, Foreign, Http2, Origin, Vordr, free_port, http2_request, within,
};
use http::Method;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

const TRUSTING: &str = r#"trusted-proxies "127.0.0.0/8""#;
const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n";
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x12\xc0\0\x02\x01\xc6\x33\x64\x02\x12\x67\x01\xbb\x04\0\x03abc";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const GET: &str = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// A listener that expects a header, in front of an upstream.
fn listening(origin: &Origin, settings: &str) -> String {
    format!(
        r#"server a.test {{ listen 0 proxy-protocol=on; location "/" {{ {settings}
        proxy "{}"; }} }}"#,
        origin.url()
    )
}

/// An answer's status; `None` where the connection ends without one.
async fn status(client: &mut Client) -> Option<u16> {
    Some(within(client.head()).await?.status())
}

#[tokio::test]
async fn the_client_is_whom_the_header_names_everywhere() {
    for header in [V1, V2] {
        let origin = Origin::answering("ok").await;
        let settings = r#"allow "192.0.2.1"; deny all; request { set X-Client "{client_ip}"; };"#;
        let vordr = Vordr::running_with(TRUSTING, &listening(&origin, settings)).await;
        let mut client = vordr.connect().await;
        client.send([header, GET.as_bytes()].concat()).await;
        assert_eq!(client.response().await.text(), "ok");
        client.send(GET).await;
        assert_eq!(client.response().await.text(), "ok", "for the whole connection");
        for request in origin.requests() {
            for name in ["X-Forwarded-For", "X-Real-IP", "X-Client"] {
                assert_eq!(request.head.headers(name), ["192.0.2.1"], "{name}");
            }
        }
        assert_eq!(vordr.log_line(|_| true).await["client_ip"], "192.0.2.1");
    }
}

#[tokio::test]
async fn a_connection_for_nobody_else_is_its_makers() {
    for header in [LOCAL, b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\x03abc"] {
        let origin = Origin::answering("ok").await;
        let vordr = Vordr::running_with(TRUSTING, &listening(&origin, "")).await;
        let mut client = vordr.connect().await;
        client.send([header, GET.as_bytes()].concat()).await;
        assert_eq!(client.response().await.text(), "ok");
        assert_eq!(origin.only_request().header("X-Forwarded-For"), Some("127.0.0.1"));
    }
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte_and_the_request_with_it() {
    for header in [V1, V2] {
        let origin = Origin::answering("ok").await;
        let vordr = Vordr::running_with(TRUSTING, &listening(&origin, "")).await;
        let mut client = vordr.connect().await;
        for byte in [header, GET.as_bytes()].concat() {
            client.send([byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(client.response().await.text(), "ok");
        assert_eq!(origin.only_request().header("X-Forwarded-For"), Some("192.0.2.1"));
    }
}

#[tokio::test]
async fn nobody_but_a_trusted_proxy_may_say_who_the_client_is() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::running_with(r#"trusted-proxies "192.0.2.7""#, &listening(&origin, "")).await;
    for sent in [V1, V2, GET.as_bytes()] {
        let mut client = vordr.connect().await;
        client.send([sent, GET.as_bytes()].concat()).await;
        assert_eq!(status(&mut client).await, None);
    }
    let line = vordr.log_error("proxy_protocol").await;
    assert_eq!(line["client_ip"], "127.0.0.1");
    assert!(line["error_detail"].as_str().is_some_and(|detail| detail.contains("trusted-proxies")), "{line}");
    vordr
        .metric_becomes(
            r#"vordr_http_rejected_total{reason="proxy_protocol",route="_other",server="_other"}"#,
            3.0,
        )
        .await;
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn what_is_no_header_is_not_served() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::running_with(TRUSTING, &listening(&origin, "")).await;
    for sent in [
        GET.as_bytes(),
        b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 99999\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x01a",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
    ] {
        let mut client = vordr.connect().await;
        client.send([sent, GET.as_bytes()].concat()).await;
        assert_eq!(status(&mut client).await, None, "{}", sent.escape_ascii());
    }
    vordr
        .metric_becomes(
            r#"vordr_http_rejected_total{reason="proxy_protocol",route="_other",server="_other"}"#,
            5.0,
        )
        .await;
    drop(vordr.connect().await);
    let line = vordr.log_error("proxy_protocol").await;
    assert_eq!(
        (&line["status"], &line["bytes_out"]),
        (&400.into(), &0.into()),
        "nothing was answered: {line}"
    );
    let status: Value = serde_json::from_str(&vordr.admin("/status").await.text()).unwrap();
    let refusal = &status["refusals"][0];
    assert_eq!((&refusal["reason"], &refusal["last"]["status"]), (&"proxy_protocol".into(), &Value::Null));
}

#[tokio::test]
async fn a_header_that_does_not_come_is_waited_for_as_long_as_a_head() {
    let origin = Origin::answering("never").await;
    let process = format!("{TRUSTING}\n limits {{ header-timeout \"200ms\"; }}");
    let vordr = Vordr::running_with(&process, &listening(&origin, "")).await;
    let mut client = vordr.connect().await;
    client.send("PROXY TCP4 192.0.2.1").await;
    client.closed().await;
    assert_eq!(vordr.log_error("header_timeout").await["timeout"], "limits header-timeout");
}

#[tokio::test]
async fn connections_are_limited_for_whom_the_header_names() {
    let origin = Origin::answering("ok").await;
    let process = format!("{TRUSTING}\n limits {{ connections 20 per-client=1; }}");
    let vordr = Vordr::running_with(&process, &listening(&origin, "")).await;
    let mut first = vordr.connect().await;
    first.send([V1, GET.as_bytes()].concat()).await;
    assert_eq!(first.response().await.status, 200);
    let mut second = vordr.connect().await;
    second.send([V1, GET.as_bytes()].concat()).await;
    assert_eq!(status(&mut second).await, None);
    let mut other = vordr.connect().await;
    other.send(["PROXY TCP4 192.0.2.2 198.51.100.2 1 2\r\n", GET].concat()).await;
    assert_eq!(other.response().await.status, 200);
    let line = vordr.log_error("connection_limit").await;
    assert_eq!((&line["client_ip"], &line["status"]), (&"192.0.2.1".into(), &429.into()));
    assert_eq!(line["bytes_out"], 0, "nothing was answered: {line}");
}

#[tokio::test]
async fn http_2_may_follow_a_header() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running_with(TRUSTING, &listening(&origin, "")).await;
    let mut client = vordr.connect().await;
    client.send(V2).await;
    let mut client = Http2::over(client.into_socket()).await;
    let head = http2_request(Method::GET, "/").body(()).unwrap();
    assert_eq!(client.open(head, true).await.answer().await.status, 200);
    assert_eq!(origin.only_request().header("X-Forwarded-For"), Some("192.0.2.1"));
}

/// haproxy in front of vordr, with this on its `server` line.
fn haproxy_in_front(vordr: &Vordr, how: &str) -> (Foreign, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = format!(
        "frontend public\n bind {address}\n default_backend app\nbackend app\n server app {} {how}\n",
        vordr.address()
    );
    (Foreign::haproxy(&text, &[address]), address)
}

#[tokio::test]
async fn haproxy_in_front_is_understood() {
    for how in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"] {
        let origin = Origin::answering("ok").await;
        let vordr = Vordr::running_with(TRUSTING, &listening(&origin, "")).await;
        let (_haproxy, address) = haproxy_in_front(&vordr, how);
        let response = Client::connect(address).await.get("a.test", "/").await;
        assert_eq!((response.status, response.text().as_str()), (200, "ok"), "{how}");
        assert_eq!(origin.only_request().header("X-Forwarded-For"), Some("127.0.0.1"));
    }
}

#[tokio::test]
async fn haproxy_behind_understands() {
    for version in ["v1", "v2"] {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let text = format!(
            "frontend public\n bind {address} accept-proxy\n \
             http-request return status 200 content-type text/plain lf-string %[src]:%[src_port]\n"
        );
        // Its own probe for the port sends no header, and is let go.
        let _haproxy = Foreign::haproxy(&text, &[address]);
        told_to(address, version).await;
    }
}

#[tokio::test]
async fn nginx_behind_understands() {
    for version in ["v1", "v2"] {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let text = format!(
            "server {{ listen {address} proxy_protocol; \
             location / {{ return 200 $proxy_protocol_addr:$proxy_protocol_port; }} }}"
        );
        let _nginx = Foreign::nginx(&text, &[address]);
        told_to(address, version).await;
    }
}

/// What a server behind learns of a client that vordr itself has learnt of by a header, and by `X-Forwarded-For`.
async fn told_to(server: SocketAddr, version: &str) {
    let rules = format!(
        r#"server a.test {{ listen 0 proxy-protocol=on; location "/" {{
        proxy "http://{server}" {{ proxy-protocol {version}; }} }} }}"#
    );
    let vordr = Vordr::running_with(TRUSTING, &rules).await;
    for (header, expected) in
        [(V1, "192.0.2.1:4711"), (b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n", "2001:db8::1:4711")]
    {
        let mut client = vordr.connect().await;
        client.send([header, GET.as_bytes()].concat()).await;
        let response = client.response().await;
        assert_eq!((response.status, response.text().as_str()), (200, expected), "{version}");
    }
    let mut client = vordr.connect().await;
    client
        .send([LOCAL, b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n"].concat())
        .await;
    // Both write a port of 0 as nothing.
    assert_eq!(client.response().await.text(), "192.0.2.9:", "{version}");
}

/// An upstream that keeps what comes before the first request of each connection.
async fn keeping_lines() -> (Origin, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    let origin = Origin::scripted(move |mut connection: Connection| {
        let kept = kept.clone();
        async move {
            let Ok(line) = connection.line().await else { return };
            kept.lock().unwrap().push(line);
            while connection.request().await.is_some() {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            }
        }
    })
    .await;
    (origin, lines)
}

#[tokio::test]
async fn a_connection_that_was_made_for_one_client_is_used_for_no_other() {
    let (origin, lines) = keeping_lines().await;
    let rules = format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "{}" {{ proxy-protocol v1; }} }} }}"#,
        origin.url()
    );
    let vordr = Vordr::running(&rules).await;
    let mut first = vordr.connect().await;
    let mut second = vordr.connect().await;
    assert_eq!(first.get("a.test", "/").await.text(), "ok");
    assert_eq!(second.get("a.test", "/").await.text(), "ok");
    assert_eq!(first.get("a.test", "/").await.text(), "ok");
    let lines = lines.lock().unwrap().clone();
    assert_eq!((lines.len(), origin.requests().len()), (2, 3), "kept for its client, and for nobody else");
    assert_ne!(lines[0], lines[1]);
    let port = vordr.address().port().to_string();
    for line in lines {
        assert!(line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 ") && line.ends_with(&port), "{line}");
    }
}

#[tokio::test]
async fn a_health_check_says_that_it_is_nobodys() {
    let (origin, lines) = keeping_lines().await;
    let rules = format!(
        r#"upstream app {{ server "{}"; health "/" every="100ms"; }}
        server a.test {{ listen 0; location "/" {{ proxy app {{ proxy-protocol v1; }} }} }}"#,
        origin.url()
    );
    let vordr = Vordr::running(&rules).await;
    origin.first_request().await;
    assert_eq!(lines.lock().unwrap()[0], "PROXY UNKNOWN");
    assert_eq!(vordr.get("http://a.test/").await.status, 200);
}

#[tokio::test]
async fn tls_follows_a_header_from_haproxy() {
    let origin = Origin::answering("ok").await;
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let tls = authority.pair(&["a.test"]).write(folder.path(), "a.test");
    let rules = format!(
        r#"server a.test {{ listen 0 tls=on proxy-protocol=on; tls {{ {tls}; }}; location "/" {{ proxy "{}"; }} }}"#,
        origin.url()
    );
    let vordr = Vordr::running_with(TRUSTING, &rules).await;
    let (_haproxy, address) = haproxy_in_front(&vordr, "send-proxy-v2 ssl verify none sni str(a.test)");
    let response = Client::connect(address).await.get("a.test", "/").await;
    assert_eq!((response.status, response.text().as_str()), (200, "ok"));
    assert_eq!(origin.only_request().header("X-Forwarded-Proto"), Some("https"));
}

#[tokio::test]
async fn tls_follows_a_header_to_nginx() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.pair(&["a.test"]).write(folder.path(), "a.test");
    let at = folder.path().to_str().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = format!(
        "server {{ listen {address} ssl proxy_protocol; ssl_certificate {at}/a.test.pem; ssl_certificate_key {at}/a.test.key; \
         location / {{ return 200 $proxy_protocol_addr; }} }}"
    );
    let _nginx = Foreign::nginx(&text, &[address]);
    let rules = format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "https://{address}" {{ tls verify=off sni=a.test; proxy-protocol v2; }} }} }}"#
    );
    let vordr = Vordr::running(&rules).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "127.0.0.1");
}

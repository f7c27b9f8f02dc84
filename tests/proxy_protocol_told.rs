//! A PROXY header that is read and not believed: `listen … proxy-protocol=told`, and who is believed by it all the same.

use crate::harness::{
    Authority, Client, Foreign, Http2, Origin, Request, Vordr, free_port, http2_request, within,
};
use http::Method;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n";
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x12\xc0\0\x02\x01\xc6\x33\x64\x02\x12\x67\x01\xbb\x04\0\x03abc";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const BY: &str = r#"trusted-proxies "127.0.0.0/8" by=proxy-protocol"#;

/// A listener that is told, in front of an upstream that is told too.
fn told(origin: &Origin, listen: &str, settings: &str) -> String {
    format!(
        r#"server a.test {{ listen 0 proxy-protocol=told {listen}; location "/" {{ {settings}
            request {{
                set X-Told "{{introduced_ip}} {{introduced_port}} {{introduced_server_ip}} {{introduced_server_port}}"
                set X-Client "{{client_ip}} {{peer_ip}}"
                set X-Ports "{{client_port}} {{peer_port}}"
            }}
            proxy "{}"
        }} }}"#,
        origin.url()
    )
}

/// What the upstream sees of a request behind a header.
async fn seen(origin: &Origin, vordr: &Vordr, header: &[u8]) -> Request {
    let before = origin.requests().len();
    let mut client = vordr.connect().await;
    client.send([header, GET.as_bytes()].concat()).await;
    assert_eq!(client.response().await.status, 200);
    origin.requests().remove(before)
}

#[tokio::test]
async fn what_a_header_says_is_told_and_the_client_is_whoever_connected() {
    let origin = Origin::answering("ok").await;
    let settings = r#"allow "127.0.0.1"; deny all"#;
    let vordr = Vordr::running(&told(&origin, "", settings)).await;
    for header in [V1, V2] {
        let request = seen(&origin, &vordr, header).await;
        assert_eq!(request.header("X-Told"), Some("192.0.2.1 4711 198.51.100.2 443"));
        assert_eq!(request.header("X-Client"), Some("127.0.0.1 127.0.0.1"));
        for name in ["X-Forwarded-For", "X-Real-IP"] {
            assert_eq!(request.header(name), Some("127.0.0.1"), "{name}");
        }
    }
    assert_eq!(vordr.log_line(|_| true).await["client_ip"], "127.0.0.1");
}

#[tokio::test]
async fn a_header_for_nobody_else_tells_nothing() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running(&told(&origin, "", BY)).await;
    for header in [LOCAL, b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\x03abc"] {
        let request = seen(&origin, &vordr, header).await;
        assert_eq!(request.header("X-Told").map(str::trim), Some(""));
        assert_eq!(request.header("X-Client"), Some("127.0.0.1 127.0.0.1"));
    }
}

#[tokio::test]
async fn who_comes_without_a_header_is_not_served() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::running(&told(&origin, "", "")).await;
    let mut client = vordr.connect().await;
    client.send(GET).await;
    assert!(within(client.head()).await.is_none());
    assert_eq!(vordr.log_error("proxy_protocol").await["client_ip"], "127.0.0.1");
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn where_it_is_believed_of_whoever_connected_it_names_the_client() {
    let origin = Origin::answering("ok").await;
    let settings = format!(r#"{BY}; allow "192.0.2.1"; deny all"#);
    let vordr = Vordr::running(&told(&origin, "", &settings)).await;
    let request = seen(&origin, &vordr, V1).await;
    assert_eq!(request.header("X-Client"), Some("192.0.2.1 127.0.0.1"));
    for name in ["X-Forwarded-For", "X-Real-IP"] {
        assert_eq!(request.header(name), Some("192.0.2.1"), "{name}");
    }
    let ports = request.header("X-Ports").unwrap();
    assert!(ports.starts_with("4711 ") && ports.len() > "4711 ".len(), "{ports}");
    assert_eq!(vordr.log_line(|_| true).await["client_ip"], "192.0.2.1");
    let strangers = r#"trusted-proxies "192.0.2.0/24" unix by=proxy-protocol"#;
    let vordr = Vordr::running(&told(&origin, "", strangers)).await;
    let request = seen(&origin, &vordr, V1).await;
    assert_eq!(request.header("X-Client"), Some("127.0.0.1 127.0.0.1"));
}

#[tokio::test]
async fn it_is_believed_of_who_comes_through_a_socket() {
    let origin = Origin::answering("ok").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("told.sock");
    let rules = format!(
        r#"server a.test {{ listen "unix:{}" proxy-protocol=told; trusted-proxies unix by=proxy-protocol
            location "/" {{ deny unix; allow "192.0.2.1" "127.0.0.1"; deny all; proxy "{}"; }}
        }}"#,
        path.display(),
        origin.url()
    );
    let _vordr = Vordr::running(&rules).await;
    for (client, forwarded) in
        [("TCP4 192.0.2.1 198.51.100.2 4711 443", "192.0.2.1"), ("TCP4 127.0.0.1 127.0.0.1 1 2", "127.0.0.1")]
    {
        let mut stream = within(UnixStream::connect(&path)).await.unwrap();
        let text = format!("PROXY {client}\r\nGET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        within(stream.write_all(text.as_bytes())).await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(origin.requests().last().unwrap().header("X-Forwarded-For"), Some(forwarded));
    }
}

#[tokio::test]
async fn each_stream_of_http_2_is_told() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running(&told(&origin, "", BY)).await;
    let mut client = vordr.connect().await;
    client.send(V2).await;
    let mut client = Http2::over(client.into_socket()).await;
    for _ in 0..2 {
        let head = http2_request(Method::GET, "/").body(()).unwrap();
        assert_eq!(client.open(head, true).await.answer().await.status, 200);
    }
    for request in origin.requests() {
        assert_eq!(request.header("X-Client"), Some("192.0.2.1 127.0.0.1"));
    }
    assert_eq!(origin.requests().len(), 2);
}

#[tokio::test]
async fn tls_follows_a_header_that_is_told() {
    let origin = Origin::answering("ok").await;
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let tls = authority.pair(&["a.test"]).write(folder.path(), "a.test");
    let rules = told(&origin, &format!("tls=on; tls {{ {tls}; }}"), "");
    let vordr = Vordr::running(&rules).await;
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = format!(
        "frontend public\n bind {address}\n default_backend app\nbackend app\n \
         server app {} send-proxy-v2 ssl verify none sni str(a.test)\n",
        vordr.address()
    );
    let _haproxy = Foreign::haproxy(&text, &[address]);
    let response = Client::connect(address).await.get("a.test", "/").await;
    assert_eq!((response.status, response.text().as_str()), (200, "ok"));
    let request = origin.only_request();
    let said = request.header("X-Told").unwrap();
    assert!(said.starts_with("127.0.0.1 ") && said.ends_with(&address.port().to_string()), "{said}");
    assert_eq!(request.header("X-Forwarded-Proto"), Some("https"));
}

#[tokio::test]
async fn an_upstream_is_told_of_whom_vordr_was_told_where_that_is_believed() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = format!(
        "server {{ listen {address} proxy_protocol; \
         location / {{ return 200 $proxy_protocol_addr:$proxy_protocol_port; }} }}"
    );
    let _nginx = Foreign::nginx(&text, &[address]);
    for (settings, expected) in [(BY, "192.0.2.1:4711"), ("", "127.0.0.1:")] {
        let rules = format!(
            r#"server a.test {{ listen 0 proxy-protocol=told; location "/" {{ {settings}
                proxy "http://{address}" {{ proxy-protocol v2; }}; }} }}"#
        );
        let vordr = Vordr::running(&rules).await;
        let mut client = vordr.connect().await;
        client.send([V1, GET.as_bytes()].concat()).await;
        let said = client.response().await.text();
        assert!(said.starts_with(expected), "{said}");
    }
}

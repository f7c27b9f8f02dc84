//! TLS on listeners: who is shown which certificate, and what a connection over TLS can do.

use crate::harness::{Authority, Origin, TlsClient, Vordr, eventually, within};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use tokio_rustls::rustls::{HandshakeKind, NamedGroup, ProtocolVersion};

/// An authority, and a folder for what it makes out.
struct Office {
    authority: Authority,
    folder: TempDir,
}

impl Office {
    fn open() -> Self {
        Self { authority: Authority::new(), folder: tempfile::tempdir().unwrap() }
    }

    /// The words of `tls` for a certificate made out to `names`.
    fn tls(&self, names: &[&str]) -> String {
        self.authority.pair(names).write(self.folder.path(), &names[0].replace('*', "any"))
    }

    fn client(&self) -> TlsClient {
        TlsClient::trusting(&self.authority)
    }

    /// One server that answers `hello` over TLS, with more words in `tls`.
    async fn serving(&self, more: &str) -> Vordr {
        let tls = self.tls(&["a.test"]);
        let rules = format!(
            r#"server a.test {{ listen 0 tls=on; tls {{ {tls}; {more} }}; location "/" {{ respond 200 hello; }} }}"#
        );
        Vordr::running(&rules).await
    }
}

/// The answer to `GET /` of a host, over a new connection.
async fn get(client: &TlsClient, vordr: &Vordr, name: &str) -> String {
    let mut secured = client.connect(vordr.address(), name).await.unwrap();
    secured.client.get(name, "/").await.text()
}

#[tokio::test]
async fn the_name_that_is_asked_for_chooses_the_certificate_and_the_host_the_server() {
    let office = Office::open();
    let server = |hosts: &str, names: &[&str], text: &str| {
        let tls = office.tls(names);
        format!(
            r#"server {hosts} {{ listen "127.0.0.1:4"; tls {{ {tls}; }}; location "/" {{ respond 200 {text}; }} }}
            "#
        )
    };
    let rules = [
        server("a.test www.a.test", &["a.test", "www.a.test"], "exact"),
        server("\"*.b.test\"", &["*.b.test"], "wildcard"),
        server("c.test default=on", &["c.test"], "fallback"),
    ];
    let vordr = Vordr::running(&rules.concat().replace("\"127.0.0.1:4\"", "0 tls=on")).await;
    let client = office.client();
    assert_eq!(get(&client, &vordr, "a.test").await, "exact");
    assert_eq!(get(&client, &vordr, "www.a.test").await, "exact");
    assert_eq!(get(&client, &vordr, "x.b.test").await, "wildcard");
    assert_eq!(get(&client, &vordr, "c.test").await, "fallback");
    let mut nameless = client.without_sni().connect(vordr.address(), "c.test").await.unwrap();
    assert_eq!(nameless.client.get("a.test", "/").await.text(), "exact", "the host decides");
    let refused = client.connect(vordr.address(), "unknown.test").await.err().unwrap().to_string();
    assert!(refused.contains("c.test"), "it was shown the default server's certificate: {refused}");
}

#[tokio::test]
async fn both_versions_are_spoken_and_the_new_key_exchange_is_offered() {
    let office = Office::open();
    let vordr = office.serving("").await;
    let newest = office.client().connect(vordr.address(), "a.test").await.unwrap();
    assert_eq!(newest.version, ProtocolVersion::TLSv1_3);
    assert_eq!(newest.group, Some(NamedGroup::X25519MLKEM768));
    let older = TlsClient::of_tls12(&office.authority);
    let mut older = older.connect(vordr.address(), "a.test").await.unwrap();
    assert_eq!(older.version, ProtocolVersion::TLSv1_2);
    assert_eq!(older.client.get("a.test", "/").await.text(), "hello");
    let line = vordr.log_line(|line| line["tls_version"] == "TLSv1.2").await;
    assert_eq!(line["scheme"], "https");
}

#[tokio::test]
async fn a_version_that_is_not_offered_is_refused_and_counted() {
    let office = Office::open();
    let vordr = office.serving(r#"versions "1.3""#).await;
    let older = TlsClient::of_tls12(&office.authority);
    assert!(older.connect(vordr.address(), "a.test").await.is_err());
    vordr.metric_becomes(r#"vordr_tls_handshake_failures_total{listener=":0",reason="version"}"#, 1.0).await;
    eventually("a line in the log", || vordr.error_log().contains("TLS handshake failed").then_some(()))
        .await;
    assert_eq!(get(&office.client(), &vordr, "a.test").await, "hello");
}

#[tokio::test]
async fn a_session_is_resumed_in_either_version() {
    let office = Office::open();
    let vordr = office.serving("").await;
    for client in [office.client(), TlsClient::of_tls12(&office.authority)] {
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut secured = client.connect(vordr.address(), "a.test").await.unwrap();
            assert_eq!(secured.client.get("a.test", "/").await.text(), "hello");
            kinds.push(secured.kind);
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
    }
}

#[tokio::test]
async fn http_1_1_is_agreed_upon_with_whoever_offers_it() {
    let office = Office::open();
    let vordr = office.serving("").await;
    let browser = office.client().offering(&["http/1.1"]);
    let secured = browser.connect(vordr.address(), "a.test").await.unwrap();
    assert_eq!(secured.alpn.as_deref(), Some(&b"http/1.1"[..]));
    let stranger = office.client().offering(&["smtp"]);
    assert!(stranger.connect(vordr.address(), "a.test").await.is_err());
}

#[tokio::test]
async fn the_upstream_and_the_browser_are_told_of_https() {
    let office = Office::open();
    let origin = Origin::answering("hello").await;
    let tls = office.tls(&["a.test"]);
    let vordr = Vordr::running(&format!(
        r#"server a.test {{
            listen 0 tls=on
            tls {{ {tls}; hsts "1d" subdomains=on; }}
            location "/gone" {{ redirect "{{scheme}}://b.test/"; }}
            location "/" {{ proxy "{}"; }}
        }}"#,
        origin.url()
    ))
    .await;
    let mut client = office.client().connect(vordr.address(), "a.test").await.unwrap().client;
    let answer = client.get("a.test", "/").await;
    assert_eq!(answer.headers("Strict-Transport-Security"), ["max-age=86400; includeSubDomains"]);
    assert_eq!(origin.only_request().header("X-Forwarded-Proto"), Some("https"));
    let answer = client.get("a.test", "/gone").await;
    assert_eq!(answer.header("Location"), Some("https://b.test/"));
    assert_eq!(answer.headers("Strict-Transport-Security").len(), 1, "vordr's own answers have it too");
}

#[tokio::test]
async fn port_80_leads_to_https_and_says_nothing_of_hsts() {
    let office = Office::open();
    let tls = office.tls(&["a.test"]);
    let vordr = Vordr::running(&format!(
        r#"server a.test {{
            listen "127.0.0.1:0" redirect=https
            listen 0 tls=on
            tls {{ {tls}; hsts "1y"; }}
            location "/" {{ respond 200 hello; }}
        }}"#
    ))
    .await;
    let get = vordr.get("http://a.test/x?y=1").await;
    assert_eq!((get.status, get.header("Location")), (301, Some("https://a.test/x?y=1")));
    assert_eq!(get.header("Strict-Transport-Security"), None);
    let post = vordr.send("POST /x HTTP/1.1\r\nHost: a.test:80\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((post.status, post.header("Location")), (308, Some("https://a.test/x")));
    let challenge = vordr.get("http://a.test/.well-known/acme-challenge/token").await;
    assert_ne!(challenge.status, 301);
    let mut secured = office.client().connect(vordr.address_at(1), "a.test").await.unwrap();
    assert_eq!(secured.client.get("a.test", "/").await.text(), "hello");
}

#[tokio::test]
async fn what_an_upstream_says_of_hsts_does_not_go_out_in_the_clear() {
    let origin =
        Origin::responding("HTTP/1.1 204 No Content\r\nStrict-Transport-Security: max-age=9\r\n\r\n").await;
    let office = Office::open();
    let tls = office.tls(&["a.test"]);
    let rules = |hsts: &str| {
        format!(
            r#"server a.test {{
                listen "127.0.0.1:0"
                listen 0 tls=on
                tls {{ {tls}{hsts}; }}
                location "/" {{ proxy "{}"; }}
            }}"#,
            origin.url()
        )
    };
    for (hsts, clear, secured) in
        [("; hsts \"1d\"", None, "max-age=86400"), ("", Some("max-age=9"), "max-age=9")]
    {
        let vordr = Vordr::running(&rules(hsts)).await;
        let answer = vordr.get("http://a.test/").await;
        assert_eq!(answer.header("Strict-Transport-Security"), clear, "{hsts}");
        let mut client = office.client().connect(vordr.address_at(1), "a.test").await.unwrap();
        let answer = client.client.get("a.test", "/").await;
        assert_eq!(answer.header("Strict-Transport-Security"), Some(secured), "{hsts}");
    }
}

#[tokio::test]
async fn a_websocket_and_an_event_stream_pass_over_tls() {
    let office = Office::open();
    let sockets = Origin::echoing().await;
    let events = Origin::scripted(|mut connection| async move {
        connection.request().await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        connection.send(head).await;
        connection.send("7\r\ndata: 1\r\n").await;
        // It goes on only when the client goes away.
        connection.closed().await;
    })
    .await;
    let tls = office.tls(&["a.test"]);
    let vordr = Vordr::running(&format!(
        r#"server a.test {{
            listen 0 tls=on
            tls {{ {tls}; }}
            location "/events" {{ proxy "{}"; }}
            location "/" {{ proxy "{}"; }}
        }}"#,
        events.url(),
        sockets.url()
    ))
    .await;
    let client = office.client().connect(vordr.address(), "a.test").await.unwrap().client;
    let mut websocket = client.websocket("a.test", "/ws", "").await.expect("a WebSocket");
    assert!(websocket.echoes("hello").await);
    assert!(websocket.echoes(&"x".repeat(300_000)).await);
    let mut client = office.client().connect(vordr.address(), "a.test").await.unwrap().client;
    client.send("GET /events HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    assert_eq!(client.chunk().await.unwrap().unwrap(), b"data: 1");
}

#[tokio::test]
async fn large_bodies_pass_whole_in_both_directions_and_the_end_is_said() {
    let office = Office::open();
    let body = "y".repeat(3_000_000);
    let origin = Origin::answering(&body).await;
    let tls = office.tls(&["a.test"]);
    let rules = format!(
        r#"server a.test {{ listen 0 tls=on; tls {{ {tls}; }}; body-limit off; location "/" {{ proxy "{}"; }} }}"#,
        origin.url()
    );
    let vordr = Vordr::running(&rules).await;
    let mut client = office.client().connect(vordr.address(), "a.test").await.unwrap().client;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(head + &body).await;
    assert_eq!(client.response().await.text(), body);
    assert_eq!(origin.only_request().body.len(), body.len());
    // An error here would mean that TLS was cut and not ended.
    assert_eq!(client.until_end().await.unwrap(), b"");
}

#[tokio::test]
async fn a_client_that_never_finishes_its_handshake_is_let_go_at_the_header_timeout() {
    let office = Office::open();
    let tls = office.tls(&["a.test"]);
    let rules =
        format!(r#"server a.test {{ listen 0 tls=on; tls {{ {tls}; }}; location "/" {{ respond 204; }} }}"#);
    let vordr = Vordr::running_with(r#"limits { header-timeout "300ms"; }"#, &rules).await;
    let mut slow = vordr.connect().await;
    slow.send([22, 3, 1, 2, 0, 1]).await;
    slow.closed().await;
    vordr.metric_becomes(r#"vordr_tls_handshake_failures_total{listener=":0",reason="timeout"}"#, 1.0).await;
    // One that says nothing at all, and one that goes away at once, as probes do.
    let mut silent = vordr.connect().await;
    silent.closed().await;
    drop(vordr.connect().await);
}

#[tokio::test]
async fn http_in_the_clear_on_a_port_with_tls_is_told_so() {
    let office = Office::open();
    let vordr = office.serving("").await;
    let answer = vordr.get("http://a.test/").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{}", answer.text());
    let line = vordr.log_error("plain_http").await;
    assert!(line["error_detail"].as_str().unwrap().contains("TLS"), "{line}");
    let mut noise = vordr.connect().await;
    noise.send([1, 2, 3, 4]).await;
    noise.closed().await;
    vordr.metric_becomes(r#"vordr_tls_handshake_failures_total{listener=":0",reason="not_tls"}"#, 1.0).await;
    let status: serde_json::Value = serde_json::from_slice(&vordr.admin("/status").await.body).unwrap();
    let told = &status["refusals"][0];
    assert_eq!((&told["what"], &told["reason"]), (&"handshake".into(), &"not_tls".into()), "{status}");
    assert_eq!(told["last"]["detail"], "this is no TLS", "{status}");
}

#[tokio::test]
async fn whoever_came_in_the_clear_before_a_port_spoke_tls_is_told_so_at_the_next_request() {
    let office = Office::open();
    let plain = r#"server a.test { listen "127.0.0.1:0"; location "/" { respond 200 hello; } }"#;
    let vordr = Vordr::running(plain).await;
    let mut kept = vordr.connect().await;
    assert_eq!(kept.get("a.test", "/").await.text(), "hello");
    let tls = format!("{}; client-ca {:?}", office.tls(&["a.test"]), office.authority.file());
    let newer = plain.replace(":0\"", &format!(":0\" tls=on; tls {{ {tls}; }}"));
    let newer = vordr::Vordr::from_text("newer.kdl", &format!("{}\n{newer}", vordr.process())).unwrap();
    vordr.replace(newer).unwrap();
    let answer = kept.get("a.test", "/").await;
    assert_eq!((answer.status, answer.header("Connection")), (400, Some("close")), "{}", answer.text());
    vordr.log_error("plain_http").await;
}

#[tokio::test]
async fn a_stop_lets_a_request_over_tls_finish_and_a_handshake_go() {
    let office = Office::open();
    let vordr = office.serving("").await;
    let mut half = vordr.connect().await;
    half.send([22, 3, 1, 2, 0, 1]).await;
    let mut idle = office.client().connect(vordr.address(), "a.test").await.unwrap().client;
    assert_eq!(idle.get("a.test", "/").await.status, 200);
    vordr.stop();
    assert_eq!(within(idle.until_end()).await.unwrap(), b"", "TLS is ended, not cut");
    half.closed().await;
    vordr.stopped().await;
}

/// Runs a program to its end, with nothing to read.
async fn output(mut command: Command) -> (String, String) {
    command.stdin(Stdio::null());
    let Output { stdout, stderr, .. } =
        within(tokio::task::spawn_blocking(move || command.output())).await.unwrap().unwrap();
    (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

#[tokio::test]
async fn curl_and_openssl_get_through() {
    let office = Office::open();
    let vordr = office.serving("").await;
    let address = vordr.address();
    let ca = office.authority.file();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--connect-to", &format!("a.test:443:{address}"), "--cacert"])
        .arg(&ca)
        .arg("https://a.test/");
    let (answer, said) = output(curl).await;
    assert_eq!(answer, "hello", "{said}");
    for version in ["-tls1_2", "-tls1_3"] {
        for sni in [&["-servername", "a.test"][..], &["-noservername"]] {
            let mut openssl = Command::new("openssl");
            openssl
                .args(["s_client", version, "-brief", "-verify_return_error", "-verify_hostname", "a.test"])
                .args(["-connect", &address.to_string(), "-CAfile"])
                .arg(&ca)
                .args(sni);
            let (_, said) = output(openssl).await;
            assert!(said.contains("Verification: OK"), "{version} {sni:?}: {said}");
        }
    }
}

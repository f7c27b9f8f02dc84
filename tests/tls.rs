//! https upstreams: whom vordr believes, and which name it asks for.

use crate::harness::{Authority, Http2Origin, Identity, Origin, Vordr, eventually};
use rcgen::{BasicConstraints, IsCa};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use tempfile::{NamedTempFile, TempPath};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// A server in front of a TLS upstream that is reached as `localhost`.
async fn in_front_of(origin: &Origin, block: &str) -> Vordr {
    Vordr::running_resolved(&format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "{}" {{ {block}; }} }} }}"#,
        origin.url_as("localhost")
    ))
    .await
}

fn trusting(authority: &Authority) -> String {
    format!("tls ca={:?}", authority.file())
}

const AUTHORITY: IsCa = IsCa::Ca(BasicConstraints::Unconstrained);

/// A certificate for `localhost` that nobody else has signed, and its file.
fn of_its_own(is_ca: IsCa) -> (Identity, TempPath) {
    let (identity, pem) = Identity::of_its_own(is_ca);
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    (identity, file.into_temp_path())
}

#[tokio::test]
async fn a_certificate_that_the_ca_vouches_for_is_believed() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "secret").await;
    let vordr = in_front_of(&origin, &trusting(&authority)).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "secret");
    let seen = origin.only_request();
    assert_eq!(seen.sni.as_deref(), Some("localhost"));
    assert_eq!(seen.header("Host"), Some(format!("localhost:{}", origin.port()).as_str()));
}

#[tokio::test]
async fn a_certificate_of_nobody_known_is_a_502_that_says_so() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "never").await;
    let vordr = in_front_of(&origin, "host upstream").await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    let line = vordr.log_error("tls").await;
    let detail = line["error_detail"].as_str().unwrap().to_ascii_lowercase();
    assert!(detail.contains("certificate") || detail.contains("unknownissuer"), "{detail}");
    assert_eq!(origin.requests().len(), 0);
    vordr.metrics_show(r#"reason="tls""#).await;
}

#[tokio::test]
async fn an_apps_own_certificate_may_be_its_authority_be_it_one_for_others_or_not() {
    for is_ca in [IsCa::ExplicitNoCa, AUTHORITY] {
        let (identity, ca) = of_its_own(is_ca);
        let origin = Origin::answering_tls(&identity, "own").await;
        let vordr = in_front_of(&origin, &format!("tls ca={ca:?}")).await;
        for _ in 0..3 {
            assert_eq!(vordr.get("http://a.test/").await.text(), "own");
        }
        assert_eq!(origin.connections(), 1, "it is kept");
    }
}

#[tokio::test]
async fn an_apps_own_certificate_is_known_from_another_that_says_the_same() {
    let ((_, ca), (other, _)) = (of_its_own(AUTHORITY), of_its_own(AUTHORITY));
    let origin = Origin::answering_tls(&other, "never").await;
    let vordr = in_front_of(&origin, &format!("tls ca={ca:?}")).await;
    for _ in 0..3 {
        assert_eq!(vordr.get("http://a.test/").await.status, 502);
    }
    assert_eq!(origin.requests().len(), 0);
    assert_eq!(vordr.log_error("tls").await["status"], 502);
}

#[tokio::test]
async fn a_server_in_whose_place_another_was_for_a_while_is_believed_again() {
    let ((identity, ca), (other, _)) = (of_its_own(AUTHORITY), of_its_own(AUTHORITY));
    let own = Origin::answering_tls(&identity, "own").await;
    let stranger = Origin::answering_tls(&other, "never").await;
    let place = Arc::new(AtomicU16::new(own.port()));
    let port = relay(place.clone()).await;
    let vordr = Vordr::running_resolved(&format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "https://localhost:{port}" {{ tls ca={ca:?}; keepalive off; }} }} }}"#
    ))
    .await;
    let mut statuses = Vec::new();
    for port in [own.port(), stranger.port(), own.port()] {
        place.store(port, Relaxed);
        for _ in 0..2 {
            statuses.push(vordr.get("http://a.test/").await.status);
        }
    }
    assert_eq!(statuses, [200, 200, 502, 502, 200, 200]);
    assert_eq!(stranger.requests().len(), 0);
}

#[tokio::test]
async fn a_connection_of_http_2_that_was_not_believed_is_not_asked_again() {
    let ((identity, ca), (other, _)) = (of_its_own(AUTHORITY), of_its_own(AUTHORITY));
    let own = Http2Origin::answering(Some(&identity), b"own").await;
    let stranger = Http2Origin::answering(Some(&other), b"never").await;
    let place = Arc::new(AtomicU16::new(stranger.port()));
    let port = relay(place.clone()).await;
    let vordr = Vordr::running_resolved(&format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "https://localhost:{port}" {{ http 2; tls ca={ca:?}; }} }} }}"#
    ))
    .await;
    // The relay leaves the stranger's connections open.
    let mut statuses = Vec::new();
    for port in [stranger.port(), own.port()] {
        place.store(port, Relaxed);
        for _ in 0..4 {
            statuses.push(vordr.get("http://a.test/").await.status);
        }
    }
    assert_eq!(statuses, [502, 502, 502, 502, 200, 200, 200, 200]);
    assert_eq!((stranger.requests().len(), own.connections()), (0, 1));
}

/// Hands each connection on to the port that is given then.
async fn relay(place: Arc<AtomicU16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", place.load(Relaxed))).await;
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server.unwrap()).await });
        }
    });
    port
}

#[tokio::test]
async fn an_authority_that_bears_a_servers_name_vouches_for_that_server_too() {
    let authority = Authority::of_localhost();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "signed").await;
    let vordr = in_front_of(&origin, &trusting(&authority)).await;
    for _ in 0..3 {
        assert_eq!(vordr.get("http://a.test/").await.text(), "signed");
    }
    let line = &vordr.log_lines()[0];
    assert_eq!((&line["status"], &line["retries"]), (&200.into(), &0.into()), "{line}");
}

#[tokio::test]
async fn a_check_believes_an_apps_own_certificate() {
    let ((identity, ca), (other, _)) = (of_its_own(AUTHORITY), of_its_own(AUTHORITY));
    let (own, stranger) =
        (Origin::answering_tls(&identity, "own").await, Origin::answering_tls(&other, "never").await);
    let vordr = Vordr::running_resolved(&format!(
        r#"upstream app {{ server "{}"; server "{}"; health "/" every="100ms" fall=1; }}
        server a.test {{ listen 0; location "/" {{ proxy app {{ tls ca={ca:?} sni="localhost"; }} }} }}"#,
        own.url_as("localhost"),
        stranger.url_as("localhost"),
    ))
    .await;
    eventually("a line of the server that is out", || {
        vordr.error_log().contains("a server is out").then_some(())
    })
    .await;
    eventually("a check of the other", || (own.requests().len() > 2).then_some(())).await;
    assert_eq!(vordr.error_log().matches("a server is out").count(), 1);
    for _ in 0..4 {
        assert_eq!(vordr.get("http://a.test/").await.text(), "own");
    }
    assert_eq!(stranger.requests().len(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_502() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("other.test"), "never").await;
    let vordr = in_front_of(&origin, &trusting(&authority)).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    let line = vordr.log_error("tls").await;
    assert!(line["error_detail"].as_str().unwrap().contains("localhost"), "{line}");
}

#[tokio::test]
async fn verify_off_believes_anybody() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("other.test"), "anybody").await;
    let vordr = in_front_of(&origin, "tls verify=off").await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "anybody");
    assert_eq!(origin.only_request().sni.as_deref(), Some("localhost"));
}

#[tokio::test]
async fn sni_is_the_name_that_is_asked_for_and_checked() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("chat.test"), "chat").await;
    let block = format!("tls sni=\"chat.test\" ca={:?}", authority.file());
    let vordr = in_front_of(&origin, &block).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "chat");
    assert_eq!(origin.only_request().sni.as_deref(), Some("chat.test"));
}

#[tokio::test]
async fn an_upstream_may_be_known_by_an_ipv6_address() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("::1"), "six").await;
    let block = format!("tls sni=\"[::1]\" ca={:?}", authority.file());
    let vordr = in_front_of(&origin, &block).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "six");
    assert_eq!(origin.only_request().sni, None, "an address is no name");
}

#[tokio::test]
async fn sni_may_be_filled_in_and_a_port_is_no_part_of_it() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("chat.test"), "chat").await;
    let block = format!("tls sni=\"{{arg.name}}\" ca={:?}", authority.file());
    let vordr = in_front_of(&origin, &block).await;
    // By the connection of the first, none that asks for another name goes.
    let statuses = [
        ("chat.test", 200),
        ("chat.test:8443", 200),
        ("other.test", 502),
        ("", 502),
        ("no%20name", 400),
        ("chat.test", 200),
    ];
    for (name, status) in statuses {
        let answer = vordr.get(&format!("http://a.test/?name={name}")).await;
        assert_eq!(answer.status, status, "{name}");
    }
    assert!(origin.requests().iter().all(|request| request.sni.as_deref() == Some("chat.test")));
}

#[tokio::test]
async fn no_client_takes_a_server_out_by_the_name_that_it_has_asked_for() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("a.test"), "in").await;
    for named in ["host preserve; tls", "tls sni=\"{host}\""] {
        let pool = format!("passive fails=1 within=\"1m\" for=\"1m\"; {named} ca={:?}", authority.file());
        let vordr = Vordr::running_resolved(&format!(
            r#"server "*" {{ listen 0; location "/" {{ proxy "{}" {{ {pool}; }} }} }}"#,
            origin.url_as("localhost")
        ))
        .await;
        let mut client = vordr.connect().await;
        for (host, status) in [("~", 400), ("a.test", 200), ("b.test", 502), ("a.test", 200)] {
            let answer = client.get(host, "/").await;
            assert_eq!((answer.status, host), (status, host), "{named}");
            client = vordr.connect().await;
        }
        let line = vordr.log_error("bad_request").await;
        assert!(line["error_detail"].as_str().unwrap().contains("in TLS is none"), "{line}");
    }
}

#[tokio::test]
async fn proxy_ssl_name_may_be_a_variable() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("a.test"), "named").await;
    let vordr = Vordr::reading_nginx(&format!(
        "server {{
            listen 127.0.0.1:0;
            location / {{
                proxy_pass https://127.0.0.1:{};
                proxy_ssl_server_name on; proxy_ssl_name $host:8443;
                proxy_ssl_verify on; proxy_ssl_trusted_certificate {};
            }}
        }}",
        origin.port(),
        authority.file().display()
    ))
    .await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "named");
    assert_eq!(vordr.get("http://b.test/").await.status, 502);
    assert_eq!(origin.only_request().sni.as_deref(), Some("a.test"));
}

#[tokio::test]
async fn sni_follows_the_host_that_is_sent() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("named.test"), "named").await;
    let block = format!("host \"named.test\"; {}", trusting(&authority));
    let vordr = in_front_of(&origin, &block).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "named");
    let seen = origin.only_request();
    assert_eq!((seen.sni.as_deref(), seen.header("Host")), (Some("named.test"), Some("named.test")));
}

#[tokio::test]
async fn an_upstream_below_min_is_refused() {
    let authority = Authority::new();
    let identity: Identity = authority.identity_of_tls12("localhost");
    let origin = Origin::answering_tls(&identity, "old").await;
    let with_min = |min: &str| format!("tls min=\"{min}\" ca={:?}", authority.file());
    let strict = in_front_of(&origin, &with_min("1.3")).await;
    assert_eq!(strict.get("http://a.test/").await.status, 502);
    strict.log_error("tls").await;
    let lenient = in_front_of(&origin, &with_min("1.2")).await;
    assert_eq!(lenient.get("http://a.test/").await.text(), "old");
}

#[tokio::test]
async fn upstreams_that_differ_in_trust_share_no_connection() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "ok").await;
    let url = origin.url_as("localhost");
    let vordr = Vordr::running_resolved(&format!(
        r#"server a.test {{
            listen 0
            location "/careless" {{ proxy "{url}" {{ tls verify=off; }} }}
            location "/strict" {{ proxy "{url}"; }}
        }}"#
    ))
    .await;
    assert_eq!(vordr.get("http://a.test/careless").await.status, 200);
    assert_eq!(vordr.get("http://a.test/strict").await.status, 502);
}

#[tokio::test]
async fn a_connection_that_other_authorities_vouched_for_is_not_used_after_a_reload() {
    let (old, new, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let origin = Origin::answering_tls(&old.identity("localhost"), "ok").await;
    let ca = folder.path().join("ca.pem");
    std::fs::copy(old.file(), &ca).unwrap();
    let vordr = in_front_of(&origin, &format!("tls ca={ca:?}")).await;
    let reload = || {
        let rules = format!(
            r#"server a.test {{ listen 0; location "/" {{ proxy "{}" {{ tls ca={ca:?}; }} }} }}"#,
            origin.url_as("localhost")
        );
        let rules = format!("{}\n{rules}", vordr.process());
        vordr.replace(vordr::Vordr::from_text("test.kdl", &rules).unwrap()).unwrap();
    };
    assert_eq!(vordr.get("http://a.test/").await.status, 200);
    reload();
    assert_eq!(vordr.get("http://a.test/").await.status, 200);
    assert_eq!(origin.connections(), 1, "the same authorities");
    std::fs::copy(new.file(), &ca).unwrap();
    reload();
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
}

#[tokio::test]
async fn a_websocket_is_carried_over_tls() {
    let authority = Authority::new();
    let origin = Origin::scripted_tls(&authority.identity("localhost"), |mut connection| async move {
        let Some(request) = connection.request().await else { return };
        connection.upgrade(&request).await.echo().await;
    })
    .await;
    let vordr = in_front_of(&origin, &trusting(&authority)).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/_stcore/stream", "").await.unwrap();
    assert!(socket.echoes("through the tunnel").await);
}

#[tokio::test]
async fn speaking_tls_to_a_plain_port_is_a_502() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::running_resolved(&format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "https://localhost:{}" {{ tls verify=off; }} }} }}"#,
        origin.port()
    ))
    .await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    vordr.log_error("tls").await;
}

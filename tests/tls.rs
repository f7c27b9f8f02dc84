//! https upstreams: whom vordr believes, and which name it asks for.

use crate::harness::{Authority, Identity, Origin, Vordr};
use rcgen::{BasicConstraints, IsCa};

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
async fn an_apps_own_certificate_may_be_its_authority_unless_it_is_one_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("app.pem");
    let block = format!("tls ca={ca:?}");
    let (identity, own) = Identity::of_its_own(IsCa::ExplicitNoCa);
    std::fs::write(&ca, own).unwrap();
    let origin = Origin::answering_tls(&identity, "own").await;
    let vordr = in_front_of(&origin, &block).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "own");
    let (identity, own) = Identity::of_its_own(IsCa::Ca(BasicConstraints::Unconstrained));
    std::fs::write(&ca, own).unwrap();
    let origin = Origin::answering_tls(&identity, "never").await;
    let vordr = in_front_of(&origin, &block).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    let line = vordr.log_error("tls").await;
    assert!(line["error_detail"].as_str().unwrap().contains("made with CA:FALSE"), "{line}");
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

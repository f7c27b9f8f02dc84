//! Active checks: a server that fails them is out before a request finds that out.

use crate::harness::{Authority, Origin, Vordr, answers, eventually, pooled, servers};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const QUICK: &str = "every=\"100ms\" timeout=\"400ms\" fall=2 rise=2";

/// An upstream whose health is what `status` says, and that answers everything else with a name.
async fn with_health(status: &Arc<AtomicU16>, name: &'static str) -> Origin {
    let status = status.clone();
    Origin::scripted(move |mut connection| {
        let status = status.clone();
        async move {
            while let Some(request) = connection.request().await {
                let (code, body) = match request.target() {
                    "/healthz" => (status.load(Relaxed), "all is well"),
                    _ => (200, name),
                };
                connection
                    .send(format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
                    .await;
            }
        }
    })
    .await
}

/// The lines of the error log with a message, awaited.
async fn told(vordr: &Vordr, message: &str) -> Vec<Value> {
    eventually("a line in the error log", || {
        let log = vordr.error_log();
        let lines = log.lines().filter(|line| line.contains(message));
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        (!lines.is_empty()).then_some(lines)
    })
    .await
}

#[tokio::test]
async fn a_server_that_fails_its_checks_is_out_and_one_that_passes_them_again_is_in() {
    let status = Arc::new(AtomicU16::new(200));
    let origins = [with_health(&status, "moody").await, Origin::answering("steady").await];
    let pool = format!("{}\nhealth \"/healthz\" {QUICK}", servers(&origins, &[]));
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    let both = answers(&vordr, 2).await;
    assert!(both.contains("moody") && both.contains("steady"), "{both}");
    let (failing, peer) = (Instant::now(), origins[0].url().replace("http://", ""));
    status.store(500, Relaxed);
    let lines = told(&vordr, "a server is out").await;
    assert!(failing.elapsed() < Duration::from_secs(3));
    assert_eq!(
        (&lines[0]["server"], &lines[0]["reason"]),
        (&peer.as_str().into(), &"it answered 500".into())
    );
    assert_eq!(lines.len(), 1);
    assert_eq!(answers(&vordr, 4).await, "steadysteadysteadysteady");
    vordr.metric_becomes(&format!(r#"vordr_upstream_up{{peer="{peer}",upstream="app"}}"#), 0.0).await;
    let report: Value = serde_json::from_slice(&vordr.admin("/status").await.body).unwrap();
    assert_eq!(report["upstreams"][0]["peers"][0]["problem"], "it answered 500", "{report}");
    status.store(200, Relaxed);
    told(&vordr, "a server is back").await;
    let both = answers(&vordr, 2).await;
    assert!(both.contains("moody") && both.contains("steady"), "{both}");
    let asked = origins[0].requests().into_iter().find(|request| request.target() == "/healthz").unwrap();
    assert_eq!((asked.head.method(), asked.header("Host")), ("GET", Some(peer.as_str())));
}

#[tokio::test]
async fn a_check_may_want_a_method_a_host_a_status_and_a_text() {
    let status = Arc::new(AtomicU16::new(204));
    let origins = [with_health(&status, "x").await];
    let pool = format!(
        "{}\nhealth \"/healthz\" {QUICK} method=HEAD host=\"probe.test\" status=204",
        servers(&origins, &[])
    );
    let _vordr = Vordr::running(&pooled(&pool, "")).await;
    let asked = origins[0].first_request().await;
    assert_eq!((asked.head.method(), asked.header("Host")), ("HEAD", Some("probe.test")));
    let status = Arc::new(AtomicU16::new(200));
    let origins = [with_health(&status, "x").await];
    let with_text =
        |text: &str| format!("{}\nhealth \"/healthz\" {QUICK} contains=\"{text}\"", servers(&origins, &[]));
    let wrong = Vordr::running(&pooled(&with_text("maintenance"), "")).await;
    let lines = told(&wrong, "a server is out").await;
    assert_eq!(lines[0]["reason"], "its answer lacks what it must contain");
    let right = Vordr::running(&pooled(&with_text("is well"), "")).await;
    let before = origins[0].requests().len();
    eventually("some checks", || (origins[0].requests().len() > before + 8).then_some(())).await;
    assert!(!right.error_log().contains("a server is out"), "{}", right.error_log());
}

#[tokio::test]
async fn all_out_is_a_503_and_status_is_degraded() {
    let status = Arc::new(AtomicU16::new(500));
    let origins = [with_health(&status, "x").await];
    let pool = format!("{}\nhealth \"/healthz\" {QUICK}", servers(&origins, &[]));
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    told(&vordr, "a server is out").await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!((response.status, response.header("Retry-After")), (503, Some("1")), "twice 100 ms");
    vordr.log_error("none_up").await;
    let report: Value = serde_json::from_slice(&vordr.admin("/status").await.body).unwrap();
    assert_eq!(report["status"], "degraded", "{report}");
}

#[tokio::test]
async fn a_server_that_accepts_and_never_answers_fails_its_checks() {
    let silent = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let origins = [silent];
    let vordr =
        Vordr::running(&pooled(&format!("{}\nhealth \"/\" {QUICK}", servers(&origins, &[])), "")).await;
    let lines = told(&vordr, "a server is out").await;
    assert_eq!(lines[0]["reason"], "it did not answer within `health timeout`");
}

#[tokio::test]
async fn a_connection_may_be_all_that_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let vordr = Vordr::running(&pooled(&format!("server \"{address}\"\nhealth tcp {QUICK}"), "")).await;
    listener.accept().await.unwrap();
    listener.accept().await.unwrap();
    drop(listener);
    let lines = told(&vordr, "a server is out").await;
    assert_eq!(lines[0]["reason"], "refused");
}

#[tokio::test]
async fn checks_speak_tls_as_requests_do() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "ok").await;
    let rules = |tls: &str| {
        format!(
            "upstream app {{ server \"{}\"\n health \"/\" {QUICK}\n }}\n\
             server a.test {{ listen 0; location \"/\" {{ proxy app {{ {tls}; }} }} }}",
            origin.url_as("localhost")
        )
    };
    let distrusting = Vordr::running(&rules("host upstream")).await;
    let lines = told(&distrusting, "a server is out").await;
    assert!(lines[0]["reason"].as_str().unwrap().starts_with("tls: "), "{lines:?}");
    assert!(origin.requests().is_empty());
    let trusting = Vordr::running(&rules(&format!("tls ca={:?}", authority.file()))).await;
    assert_eq!(origin.first_request().await.sni.as_deref(), Some("localhost"));
    assert_eq!(trusting.get("http://a.test/").await.text(), "ok");
}

#[tokio::test]
async fn a_check_leaves_the_port_off_the_name_in_its_handshake_as_requests_do() {
    let authority = Authority::new();
    let origin = Origin::answering_tls(&authority.identity("localhost"), "ok").await;
    let vordr = Vordr::running(&format!(
        "upstream app {{ server \"{}\"\n health \"/\" {QUICK}\n }}\n\
         server a.test {{ listen 0; location \"/\" {{ proxy app {{ tls ca={:?} sni=\"localhost:123\"; }} }} }}",
        origin.url_as("localhost"),
        authority.file(),
    ))
    .await;
    assert_eq!(origin.first_request().await.sni.as_deref(), Some("localhost"));
    assert_eq!(vordr.get("http://a.test/").await.text(), "ok");
    let names = origin.requests().into_iter().map(|request| request.sni.unwrap_or_default());
    assert!(names.clone().all(|name| name == "localhost"), "{:?}", names.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_to_a_server_that_is_out_goes_on() {
    let status = Arc::new(AtomicU16::new(200));
    let answer = status.clone();
    let origin = Origin::scripted(move |mut connection| {
        let status = answer.clone();
        async move {
            while let Some(request) = connection.request().await {
                if request.header("Upgrade").is_some() {
                    return connection.upgrade(&request).await.echo().await;
                }
                let code = status.load(Relaxed);
                connection.send(format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n")).await;
            }
        }
    });
    let origins = [origin.await];
    let vordr =
        Vordr::running(&pooled(&format!("{}\nhealth \"/healthz\" {QUICK}", servers(&origins, &[])), ""))
            .await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    status.store(503, Relaxed);
    told(&vordr, "a server is out").await;
    assert!(socket.echoes("still here").await);
}

#[tokio::test]
async fn a_server_that_live_requests_took_out_is_told_of_once() {
    let status = Arc::new(AtomicU16::new(200));
    let answer = status.clone();
    let origin = Origin::scripted(move |mut connection| {
        let status = answer.clone();
        async move {
            // Whatever is no check is answered with the connection's end.
            while connection.request().await.is_some_and(|request| request.target() == "/healthz") {
                let code = status.load(Relaxed);
                connection.send(format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n")).await;
            }
        }
    })
    .await;
    let pool =
        format!("server \"{}\"\npassive fails=1 for=\"1m\"\nhealth \"/healthz\" {QUICK}", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    told(&vordr, "a server is out").await;
    // Checks find it unwell too, and well again, and it is out all the while.
    for code in [500, 200] {
        status.store(code, Relaxed);
        let before = origin.requests().len();
        eventually("some checks", || (origin.requests().len() > before + 4).then_some(())).await;
    }
    assert_eq!(told(&vordr, "a server is out").await.len(), 1, "{}", vordr.error_log());
    assert!(!vordr.error_log().contains("a server is back"), "{}", vordr.error_log());
}

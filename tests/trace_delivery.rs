//! How spans come to the collector, and that nothing else depends on it.

use crate::harness::{
    Authority, Binary, Client, Collector, Origin, Vordr, eventually, proxying, within, written,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const ANSWERING: &str = "server a.test { listen \"127.0.0.1:0\"; location \"/\" { respond 204; }; }";

/// A collector that takes what comes and never answers.
async fn silent() -> Origin {
    Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await
}

/// The same server under newer words for the process.
fn newer(vordr: &Vordr, before: &str, after: &str) -> vordr::Vordr {
    let process = vordr.process().replace(before, after);
    assert_ne!(process, vordr.process());
    vordr::Vordr::from_text("newer.kdl", &format!("{process}\n{ANSWERING}")).unwrap()
}

#[tokio::test]
async fn spans_are_delivered_over_grpc_as_over_http() {
    let (collector, origin) = (Collector::over_grpc().await, Origin::answering("hello").await);
    let rule = collector.rule("service=edge { header \"Authorization\" \"Bearer s3cret\"; }");
    let vordr = Vordr::running_with(&rule, &proxying(&origin.url(), "")).await;
    assert_eq!(vordr.get("http://a.test/x").await.text(), "hello");
    let line = vordr.log_line(|_| true).await;
    let spans = collector.trace(line["trace_id"].as_str().unwrap(), 2).await;
    assert!(spans[0].is_server() && spans[1].is_client());
    assert_eq!((spans[0].name(), spans[1].parent()), ("GET /", spans[0].id()));
    assert_eq!((spans[0].told("url.path"), spans[0].sender("service.name")), ("/x".into(), "edge".into()));
    let parent = origin.only_request().header("traceparent").unwrap().to_owned();
    assert_eq!(parent, format!("00-{}-{}-01", spans[0].trace(), spans[1].id()));
    let Collector::Grpc(collector) = collector else { panic!("gRPC") };
    let (head, _) = collector.requests().remove(0);
    assert_eq!(head.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    assert_eq!(head.headers()["content-type"], "application/grpc");
    assert_eq!(head.headers()["authorization"], "Bearer s3cret");
    vordr.metric_becomes("vordr_trace_spans_exported_total", 2.0).await;
}

#[tokio::test]
async fn the_collector_gets_its_headers_and_nobody_else_sees_them() {
    let collector = Collector::over_http().await;
    let rule = collector.rule("{ header \"Authorization\" \"Bearer s3cret\"; }");
    let vordr = Vordr::running_with(&rule, ANSWERING).await;
    vordr.get("http://a.test/").await;
    collector.all(1).await;
    let Collector::Http(collector) = collector else { panic!("HTTP") };
    let request = collector.first_request().await;
    assert_eq!((request.head.method(), request.target()), ("POST", "/v1/traces"));
    assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    let rules = vordr.admin("/config").await.text();
    assert!(rules.contains("header \"authorization\" \"***\"") && !rules.contains("s3cret"), "{rules}");
    assert!(!vordr.error_log().contains("s3cret"));
}

#[tokio::test]
async fn a_collector_that_fails_costs_spans_and_one_line() {
    let well = Arc::new(AtomicBool::new(false));
    let answer = well.clone();
    let collector = Origin::scripted(move |mut connection| {
        let well = answer.clone();
        async move {
            while connection.request().await.is_some() {
                let status = if well.load(Relaxed) { "200 OK" } else { "403 Forbidden" };
                connection.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).await;
            }
        }
    })
    .await;
    let vordr = Vordr::running_with(&format!("trace \"{}\"", collector.url()), ANSWERING).await;
    let dropped = r#"vordr_trace_spans_dropped_total{reason="export_failed"}"#;
    for round in 1..=3 {
        assert_eq!(vordr.get("http://a.test/").await.status, 204);
        vordr.metric_becomes(dropped, f64::from(round)).await;
    }
    well.store(true, Relaxed);
    vordr.get("http://a.test/").await;
    vordr.metric_becomes("vordr_trace_spans_exported_total", 1.0).await;
    let again =
        eventually("a line", || Some(vordr.error_log()).filter(|log| log.contains("delivered again"))).await;
    assert_eq!(again.matches("spans are lost").count(), 1, "{again}");
    assert!(again.contains("403") && again.contains("\"lost\":\"3\""), "{again}");
    assert_eq!(vordr.metric(dropped).await, 3.0);
}

#[tokio::test]
async fn a_collector_that_is_not_there_is_told_by_its_reason() {
    for protocol in ["http", "grpc"] {
        let rule = format!("trace \"http://127.0.0.1:1\" protocol={protocol}");
        let vordr = Vordr::running_with(&rule, ANSWERING).await;
        assert_eq!(vordr.get("http://a.test/").await.status, 204);
        vordr.metric_becomes(r#"vordr_trace_spans_dropped_total{reason="export_failed"}"#, 1.0).await;
        eventually("a line", || vordr.error_log().contains("Connection refused").then_some(protocol)).await;
    }
}

#[tokio::test]
async fn while_the_collector_hangs_spans_are_dropped_and_requests_do_not_wait() {
    let collector = silent().await;
    let vordr = Vordr::running_with(&format!("trace \"{}\"", collector.url()), ANSWERING).await;
    let full = r#"vordr_trace_spans_dropped_total{reason="queue_full"}"#;
    // However slow the machine: the collector is given up on every ten seconds, and takes few spans at a time.
    while vordr.metric(full).await == 0.0 {
        let mut client = vordr.connect().await;
        for _ in 0..500 {
            assert_eq!(client.get("a.test", "/").await.status, 204);
        }
    }
    let log =
        eventually("a line", || Some(vordr.error_log()).filter(|log| log.contains("spans are lost"))).await;
    assert!(log.contains("no answer within 10s"), "{log}");
    assert_eq!(log.matches("spans are lost").count(), 1, "{log}");
}

#[tokio::test]
async fn a_stop_sends_what_is_left() {
    let collector = Collector::over_http().await;
    let vordr = Vordr::running_with(&format!("drain \"5s\"\n{}", collector.rule("")), ANSWERING).await;
    vordr.get("http://a.test/").await;
    vordr.stop();
    vordr.stopped().await;
    assert_eq!(collector.spans().len(), 1, "all was sent by the end");
}

#[tokio::test]
async fn a_stop_waits_for_a_collector_that_hangs_no_longer_than_drain() {
    let collector = silent().await;
    let rule = format!("drain \"1s\"\ntrace \"{}\"", collector.url());
    let vordr = Vordr::running_with(&rule, ANSWERING).await;
    vordr.get("http://a.test/").await;
    collector.first_request().await;
    let began = Instant::now();
    vordr.stop();
    vordr.stopped().await;
    // Of the ten seconds that a delivery may take.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_reload_takes_another_collector_over_and_the_last_spans_go_to_the_first() {
    let (first, second) = (Collector::over_http().await, Collector::over_grpc().await);
    let vordr = Vordr::running_with(&first.rule("ratio=1"), ANSWERING).await;
    vordr.get("http://a.test/first").await;
    vordr.replace(newer(&vordr, &first.rule("ratio=1"), &second.rule("ratio=1"))).unwrap();
    vordr.get("http://a.test/second").await;
    assert_eq!(first.all(1).await[0].told("url.path"), "/first");
    assert_eq!(second.all(1).await[0].told("url.path"), "/second");
    assert_eq!((first.spans().len(), second.spans().len()), (1, 1));
}

#[tokio::test]
async fn a_websocket_that_outlives_a_reload_is_told_to_the_collector_that_it_began_with() {
    let (first, second) = (Collector::over_http().await, Collector::over_http().await);
    let origin = Origin::echoing().await;
    let vordr = Vordr::running_with(&first.rule(""), &proxying(&origin.url(), "")).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    vordr.replace(newer(&vordr, &first.rule(""), &second.rule(""))).unwrap();
    assert!(socket.echoes("hello").await);
    socket.close(1000, "").await;
    assert_eq!(first.all(2).await[0].told("vordr.websocket.close_code"), 1000);
    assert!(second.spans().is_empty());
}

#[tokio::test]
async fn a_websocket_that_a_stop_ended_has_its_spans_too() {
    let (collector, origin) = (Collector::over_grpc().await, Origin::echoing().await);
    let process = format!("drain \"2s\"\n{}", collector.rule(""));
    let vordr = Vordr::running_with(&process, &proxying(&origin.url(), "")).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("hello").await);
    vordr.stop();
    assert_eq!(socket.closed().await.map(|(code, _)| code), Some(1001));
    vordr.stopped().await;
    let spans = collector.spans();
    assert_eq!(spans.len(), 2, "all was sent by the end");
    assert_eq!(spans[0].told("vordr.websocket.close_initiator"), "proxy");
    assert_eq!(spans[0].told("vordr.websocket.close_reason"), "shutdown");
}

#[tokio::test]
async fn a_reload_takes_another_ratio_over() {
    let collector = Collector::over_http().await;
    let vordr = Vordr::running_with(&collector.rule("ratio=0"), ANSWERING).await;
    vordr.get("http://a.test/before").await;
    vordr.replace(newer(&vordr, "ratio=0", "ratio=1")).unwrap();
    vordr.get("http://a.test/after").await;
    assert_eq!(collector.all(1).await[0].told("url.path"), "/after");
    vordr.replace(newer(&vordr, &collector.rule("ratio=0"), "")).unwrap();
    vordr.get("http://a.test/without").await;
    assert!(vordr.log_line(|line| line["path"] == "/without").await["trace_id"].is_null());
    assert_eq!(collector.spans().len(), 1);
}

#[tokio::test]
async fn the_environment_names_the_service_where_the_rules_do_not() {
    let collector = Collector::over_http().await;
    let (_folder, path) = written(&format!("vordr {{ {}; }}\n{ANSWERING}", collector.rule("")));
    let variables = [
        ("OTEL_SERVICE_NAME", "edge"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=lab"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=lab"),
    ];
    let binary = Binary::running_file(path, &variables).await;
    Client::connect(binary.address()).await.get("a.test", "/").await;
    let span = within(collector.all(1)).await.remove(0);
    assert_eq!(
        (span.sender("service.name"), span.sender("deployment.environment.name")),
        ("edge".into(), "lab".into())
    );
    let (_folder, path) = written(&format!("vordr {{ {}; }}\n{ANSWERING}", collector.rule("service=rules")));
    let binary = Binary::running_file(path, &variables).await;
    Client::connect(binary.address()).await.get("a.test", "/").await;
    assert_eq!(within(collector.all(2)).await[1].sender("service.name"), "rules");
    let (_folder, path) = written(&format!("vordr {{ {}; }}\n{ANSWERING}", collector.rule("")));
    let binary = Binary::running_file(path, &[]).await;
    Client::connect(binary.address()).await.get("a.test", "/").await;
    assert_eq!(within(collector.all(3)).await[2].sender("service.name"), "vordr");
    let Collector::Http(collector) = collector else { panic!("HTTP") };
    assert_eq!(collector.first_request().await.header("x-tenant"), Some("lab"));
}

#[tokio::test]
async fn an_https_collector_is_held_against_the_authorities_of_the_system() {
    let authority = Authority::new();
    let (over_http, over_grpc) =
        (Collector::over_https(&authority).await, Collector::over_grpc_and_tls(&authority).await);
    for collector in [over_http, over_grpc] {
        let (_folder, path) = written(&format!("vordr {{ {}; }}\n{ANSWERING}", collector.rule("")));
        let ca = authority.file().display().to_string();
        let trusting = Binary::running_file(path.clone(), &[("SSL_CERT_FILE", &ca)]).await;
        Client::connect(trusting.address()).await.get("a.test", "/").await;
        assert_eq!(collector.all(1).await[0].told("url.path"), "/");
        let strange = Authority::new();
        let ca = strange.file().display().to_string();
        let doubting = Binary::running_file(path, &[("SSL_CERT_FILE", &ca)]).await;
        Client::connect(doubting.address()).await.get("a.test", "/").await;
        eventually("a line", || Some(doubting.said()).filter(|said| said.contains("spans are lost"))).await;
        assert!(doubting.said().contains("certificate"), "{}", doubting.said());
        assert_eq!(collector.spans().len(), 1);
    }
}

#[tokio::test]
async fn spans_go_packed_where_the_environment_says_so() {
    for collector in [Collector::over_http().await, Collector::over_grpc().await] {
        let (_folder, path) = written(&format!("vordr {{ {}; }}\n{ANSWERING}", collector.rule("")));
        let binary = Binary::running_file(path, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]).await;
        Client::connect(binary.address()).await.get("a.test", "/").await;
        assert_eq!(collector.all(1).await[0].told("url.path"), "/");
        if let Collector::Http(origin) = &collector {
            assert_eq!(origin.first_request().await.header("content-encoding"), Some("gzip"));
        }
    }
}

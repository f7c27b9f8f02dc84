//! Traces: which requests have spans, what those tell, and what the upstream is told.

use crate::harness::{
    Binary, Client, Collector, Http2, Origin, Request, Span, Vordr, pooled, proxying, within, written,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SENDER: &str = "b7ad6b7169203331";

/// A request that belongs to a trace, whose sender keeps its part or does not.
fn asking(path: &str, flags: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\ntraceparent: 00-{TRACE}-{SENDER}-{flags}\r\n{more}\r\n")
}

/// vordr in front of an upstream, with its spans sent to a collector.
async fn traced(collector: &Collector, trace: &str, origin: &Origin) -> Vordr {
    Vordr::running_with(&collector.rule(trace), &proxying(&origin.url(), "")).await
}

/// The trace and the span that an upstream was told of.
fn told(request: &Request) -> (String, String) {
    let parent = request.header("traceparent").expect("a traceparent");
    let fields: Vec<_> = parent.split('-').collect();
    assert_eq!((fields[0], fields[3]), ("00", "01"), "{parent}");
    (fields[1].to_owned(), fields[2].to_owned())
}

/// The id in the access log, and the spans of that trace.
async fn logged(vordr: &Vordr, collector: &Collector, count: usize) -> Vec<Span> {
    let line = vordr.log_line(|line| line["trace_id"].is_string()).await;
    collector.trace(line["trace_id"].as_str().unwrap(), count).await
}

#[tokio::test]
async fn an_exchange_has_a_span_and_so_has_its_attempt() {
    let (collector, origin) = (Collector::over_http().await, Origin::answering("hello").await);
    let vordr = traced(&collector, "service=edge", &origin).await;
    vordr
        .send("GET /x?y=1&sig=s3cret HTTP/1.1\r\nHost: a.test:81\r\nUser-Agent: test/1\r\nX-Request-Id: r-1\r\n\r\n")
        .await;
    let spans = logged(&vordr, &collector, 2).await;
    let [server, client] = &spans[..] else { panic!("{spans:#?}") };
    assert!(server.is_server() && client.is_client());
    assert_eq!((server.name(), client.name()), ("GET /", "GET"));
    assert_eq!((server.parent(), client.parent()), (String::new(), server.id()));
    assert_eq!(told(&origin.only_request()), (server.trace(), client.id()));
    assert_eq!((server.error(), client.error()), (None, None));
    for (key, expected) in [
        ("http.request.method", "GET".into()),
        ("url.scheme", "http".into()),
        ("url.path", "/x".into()),
        ("url.query", "y=1&sig=REDACTED".into()),
        ("http.route", "/".into()),
        ("server.address", "a.test".into()),
        ("server.port", 81.into()),
        ("client.address", "127.0.0.1".into()),
        ("network.peer.address", "127.0.0.1".into()),
        ("network.protocol.version", "1.1".into()),
        ("user_agent.original", "test/1".into()),
        ("http.response.status_code", 200.into()),
        ("http.response.header.x-request-id", serde_json::json!(["r-1"])),
        ("error.type", serde_json::Value::Null),
    ] {
        assert_eq!(server.told(key), expected, "{key}");
    }
    for (key, expected) in [
        ("http.request.method", "GET".into()),
        ("url.full", format!("{}/x?y=1&sig=REDACTED", origin.url()).into()),
        ("server.address", "127.0.0.1".into()),
        ("server.port", origin.port().into()),
        ("network.peer.address", "127.0.0.1".into()),
        ("network.peer.port", origin.port().into()),
        ("http.response.status_code", 200.into()),
        ("http.request.resend_count", serde_json::Value::Null),
    ] {
        assert_eq!(client.told(key), expected, "{key}");
    }
    for (key, expected) in [
        ("service.name", "edge"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(server.sender(key), expected, "{key}");
    }
    let ((begins, ends), (asks, answered)) = (server.times(), client.times());
    assert!(begins <= asks && asks < answered && answered <= ends, "{spans:#?}");
}

#[tokio::test]
async fn a_request_that_belongs_to_a_trace_goes_on_with_it_whatever_the_ratio() {
    let (collector, origin) = (Collector::over_http().await, Origin::answering("hello").await);
    let vordr = traced(&collector, "ratio=0", &origin).await;
    vordr.send(&asking("/", "01", "tracestate: a=1\r\ntracestate: b=2\r\n")).await;
    let spans = collector.trace(TRACE, 2).await;
    assert_eq!((spans[0].parent(), spans[0].state()), (SENDER.to_owned(), "a=1,b=2"));
    assert_eq!((spans[1].parent(), spans[1].state()), (spans[0].id(), "a=1,b=2"));
    let request = origin.only_request();
    assert_eq!(told(&request), (TRACE.to_owned(), spans[1].id()));
    assert_eq!(request.head.headers("tracestate"), ["a=1", "b=2"]);
    assert_eq!(vordr.log_line(|_| true).await["trace_id"], TRACE);
}

#[tokio::test]
async fn what_has_no_spans_passes_untouched() {
    let (collector, origin) = (Collector::over_http().await, Origin::answering("hello").await);
    let vordr = traced(&collector, "ratio=0", &origin).await;
    vordr.send(&asking("/unsampled", "00", "tracestate: a=1\r\n")).await;
    vordr.get("http://a.test/none").await;
    vordr.send("GET /broken HTTP/1.1\r\nHost: a.test\r\ntraceparent: x\r\ntracestate: a=1\r\n\r\n").await;
    vordr.send(&asking("/last", "01", "")).await;
    let spans = collector.trace(TRACE, 2).await;
    assert!(spans.iter().all(|span| !span.is_server() || span.told("url.path") == "/last"), "{spans:#?}");
    let requests = origin.requests();
    let unsampled = format!("00-{TRACE}-{SENDER}-00");
    for (request, parent, state) in [
        (&requests[0], Some(unsampled.as_str()), Some("a=1")),
        (&requests[1], None, None),
        (&requests[2], Some("x"), Some("a=1")),
    ] {
        assert_eq!((request.header("traceparent"), request.header("tracestate")), (parent, state));
    }
    let untraced = vordr.log_line(|line| line["path"] == "/unsampled").await;
    assert!(untraced["trace_id"].is_null(), "{untraced}");
}

#[tokio::test]
async fn without_trace_both_headers_pass_untouched() {
    let origin = Origin::answering("hello").await;
    let vordr = Vordr::proxying(&origin).await;
    vordr.send(&asking("/", "01", "tracestate: a=1\r\n")).await;
    let request = origin.only_request();
    assert_eq!(request.header("traceparent"), Some(format!("00-{TRACE}-{SENDER}-01").as_str()));
    assert_eq!(request.header("tracestate"), Some("a=1"));
    assert!(vordr.log_line(|_| true).await["trace_id"].is_null());
}

#[tokio::test]
async fn a_parent_that_cannot_be_read_is_none() {
    let (collector, origin) = (Collector::over_http().await, Origin::answering("hello").await);
    let vordr = traced(&collector, "", &origin).await;
    vordr
        .send(&format!(
            "GET / HTTP/1.1\r\nHost: a.test\r\ntraceparent: 00-{TRACE}-{SENDER}\r\ntracestate: a=1\r\n\r\n"
        ))
        .await;
    let spans = logged(&vordr, &collector, 2).await;
    assert_eq!(spans[0].parent(), "");
    assert_ne!(spans[0].trace(), TRACE);
    let request = origin.only_request();
    assert_eq!(told(&request), (spans[0].trace(), spans[1].id()));
    assert_eq!(request.header("tracestate"), None, "it belongs to another trace");
}

#[tokio::test]
async fn a_ratio_of_the_requests_begins_a_trace() {
    let collector = Collector::over_http().await;
    let rules = "server a.test { listen 0; location \"/\" { respond 204; }; }";
    let vordr = Vordr::running_with(&collector.rule("ratio=0.5"), rules).await;
    let mut client = vordr.connect().await;
    for _ in 0..400 {
        assert_eq!(client.get("a.test", "/").await.status, 204);
    }
    within(async {
        while vordr.log_lines().len() < 400 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let lines = vordr.log_lines();
    let ids: std::collections::BTreeSet<_> =
        lines.iter().filter_map(|line| line["trace_id"].as_str()).collect();
    // 200, and the odds against this are one in a hundred million.
    assert!((140..260).contains(&ids.len()), "{} of 400", ids.len());
    let spans = collector.all(ids.len()).await;
    assert_eq!(spans.len(), ids.len(), "a request that is answered here has one span");
    assert!(spans.iter().all(|span| ids.contains(span.trace().as_str())));
}

#[tokio::test]
async fn a_stranger_is_not_believed_where_only_trusted_proxies_are() {
    let (collector, origin) = (Collector::over_http().await, Origin::answering("hello").await);
    let vordr = traced(&collector, "ratio=0 parent=trusted", &origin).await;
    vordr.send(&asking("/", "01", "tracestate: a=1\r\n")).await;
    let request = origin.only_request();
    assert_eq!((request.header("traceparent"), request.header("tracestate")), (None, None));
    assert!(vordr.log_line(|_| true).await["trace_id"].is_null());

    let origin = Origin::answering("hello").await;
    let vordr = traced(&collector, "parent=trusted", &origin).await;
    vordr.send(&asking("/", "00", "tracestate: a=1\r\n")).await;
    let spans = logged(&vordr, &collector, 2).await;
    assert_eq!(spans[0].parent(), "");
    assert_eq!(told(&origin.only_request()), (spans[0].trace(), spans[1].id()));
    assert_eq!(origin.only_request().header("tracestate"), None);

    let process = format!("trusted-proxies \"127.0.0.1\"\n{}", collector.rule("ratio=0 parent=trusted"));
    let vordr = Vordr::running_with(&process, &proxying(&origin.url(), "")).await;
    vordr.send(&asking("/", "01", "X-Forwarded-For: 192.0.2.7\r\n")).await;
    let spans = collector.trace(TRACE, 2).await;
    assert_eq!((spans[0].parent(), spans[0].told("client.address")), (SENDER.to_owned(), "192.0.2.7".into()));
    assert_eq!(spans[0].told("network.peer.address"), "127.0.0.1");
}

#[tokio::test]
async fn a_failure_is_named_in_both_spans() {
    let collector = Collector::over_http().await;
    let vordr = Vordr::running_with(&collector.rule(""), &proxying("http://127.0.0.1:1", "")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    let spans = logged(&vordr, &collector, 2).await;
    let [server, client] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((server.told("error.type"), client.told("error.type")), ("refused".into(), "refused".into()));
    assert_eq!(server.told("http.response.status_code"), 502);
    assert!(client.told("http.response.status_code").is_null());
    assert!(server.error().unwrap().contains("connection refused"), "{server:#?}");
    assert!(client.error().is_some());
    assert_eq!(vordr.log_error("refused").await["trace_id"], server.trace());
}

#[tokio::test]
async fn an_error_of_the_client_is_none_of_the_servers() {
    let collector = Collector::over_http().await;
    let rules = "server a.test { listen 0; location \"/a\" { respond 204; }; }";
    let vordr = Vordr::running_with(&collector.rule(""), rules).await;
    assert_eq!(vordr.get("http://a.test/b").await.status, 404);
    let spans = logged(&vordr, &collector, 1).await;
    assert_eq!((spans[0].name(), spans[0].error()), ("GET", None));
    assert_eq!(spans[0].told("error.type"), "no_route");
    assert_eq!(spans[0].told("http.response.status_code"), 404);
    assert!(spans[0].told("http.route").is_null());
}

#[tokio::test]
async fn an_answer_that_is_an_error_has_its_status_for_a_name() {
    let collector = Collector::over_http().await;
    let origin = Origin::responding("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").await;
    let vordr = traced(&collector, "", &origin).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 500);
    let spans = logged(&vordr, &collector, 2).await;
    for span in &spans {
        assert_eq!((span.told("error.type"), span.error()), ("500".into(), Some("")));
    }
}

#[tokio::test]
async fn each_attempt_has_a_span() {
    let collector = Collector::over_http().await;
    let busy = Origin::responding("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
    let well = Origin::answering("well").await;
    let servers = format!(
        "server \"http://127.0.0.1:1\" weight=100; server \"{}\" weight=10; server \"{}\"
         retry 3 on=\"connect 503\"",
        busy.url(),
        well.url()
    );
    let vordr = Vordr::running_with(&collector.rule(""), &pooled(&servers, "")).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "well");
    let spans = logged(&vordr, &collector, 4).await;
    let [server, attempts @ ..] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((server.told("http.response.status_code"), server.error()), (200.into(), None));
    let of = |key: &str| attempts.iter().map(|attempt| attempt.told(key)).collect::<Vec<_>>();
    let null = serde_json::Value::Null;
    assert_eq!(of("http.request.resend_count"), [null.clone(), 1.into(), 2.into()]);
    assert_eq!(of("error.type"), ["refused".into(), "503".into(), null.clone()]);
    assert_eq!(of("http.response.status_code"), [null, 503.into(), 200.into()]);
    assert!(attempts.iter().all(|attempt| attempt.is_client() && attempt.parent() == server.id()));
    assert_eq!(told(&busy.only_request()).1, attempts[1].id());
    assert_eq!(told(&well.only_request()).1, attempts[2].id());
}

#[tokio::test]
async fn an_upstream_that_made_up_for_another_is_no_error_of_the_exchange() {
    let (collector, spare) = (Collector::over_http().await, Origin::answering("spare").await);
    let settings = format!("on-error 502 {{ proxy \"{}\"; }}", spare.url());
    let rules = proxying("http://127.0.0.1:1", &settings);
    let vordr = Vordr::running_with(&collector.rule(""), &rules).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "spare");
    let spans = logged(&vordr, &collector, 3).await;
    let [server, refused, answered] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((server.error(), server.told("error.type")), (None, serde_json::Value::Null));
    assert_eq!((refused.told("error.type"), refused.error()), ("refused".into(), Some("")));
    assert_eq!((answered.told("http.response.status_code"), answered.error()), (200.into(), None));
    assert_eq!(answered.told("url.full"), format!("{}/", spare.url()));
}

#[tokio::test]
async fn a_failure_is_one_whatever_the_client_was_told_of_it() {
    let collector = Collector::over_http().await;
    let rules = proxying("http://127.0.0.1:1", "on-error 502 { respond 200 later; }");
    let vordr = Vordr::running_with(&collector.rule(""), &rules).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "later");
    let spans = logged(&vordr, &collector, 2).await;
    assert_eq!(spans[0].told("http.response.status_code"), 200);
    assert_eq!(spans[0].told("error.type"), "refused");
    assert!(spans[0].error().is_some());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_in_both_spans() {
    let collector = Collector::over_http().await;
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal").await;
    })
    .await;
    let vordr = traced(&collector, "", &origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    client.closed().await;
    for span in logged(&vordr, &collector, 2).await {
        assert_eq!(
            (span.told("error.type"), span.told("http.response.status_code")),
            ("early_close".into(), 200.into())
        );
        assert!(span.error().is_some(), "{span:#?}");
    }
}

#[tokio::test]
async fn a_client_that_went_away_got_no_status() {
    let collector = Collector::over_http().await;
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let vordr = traced(&collector, "", &origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    drop(client);
    for span in logged(&vordr, &collector, 2).await {
        assert_eq!(span.told("error.type"), "client_gone");
        assert!(span.error().is_some() && span.told("http.response.status_code").is_null(), "{span:#?}");
    }
}

#[tokio::test]
async fn queries_stay_untold_where_the_log_leaves_them_out() {
    let (collector, origin) = (Collector::over_http().await, Origin::answering("hello").await);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (_file, path) = written(&format!(
        "vordr {{ access-log {log:?} query=off; {}; }}\nserver a.test {{ listen \"127.0.0.1:0\"; location \"/\" {{ proxy \"{}\"; }}; }}",
        collector.rule(""),
        origin.url()
    ));
    let binary = Binary::running_file(path, &[]).await;
    Client::connect(binary.address()).await.get("a.test", "/x?token=s3cret").await;
    let spans = collector.all(2).await;
    assert!(spans[0].told("url.query").is_null(), "{spans:#?}");
    assert_eq!(spans[1].told("url.full"), format!("{}/x", origin.url()));
    assert_eq!(origin.only_request().target(), "/x?token=s3cret");
}

#[tokio::test]
async fn a_websockets_span_lasts_as_long_as_the_stream() {
    let (collector, origin) = (Collector::over_http().await, Origin::echoing().await);
    let vordr = traced(&collector, "", &origin).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("hello").await);
    // Its first line in the log leads to the trace, though that has no spans yet.
    let opened = vordr.log_line(|line| line["status"] == 101).await;
    assert!(collector.spans().is_empty());
    socket.close(1000, "").await;
    let spans = collector.trace(opened["trace_id"].as_str().unwrap(), 2).await;
    let [server, client] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(server.told("http.response.status_code"), 101);
    assert_eq!(server.told("vordr.websocket.close_code"), 1000);
    assert_eq!(server.told("vordr.websocket.close_initiator"), "client");
    assert_eq!(server.told("vordr.websocket.close_reason"), "normal");
    assert_eq!((server.error(), client.told("http.response.status_code")), (None, 101.into()));
    let events = server.events();
    let [("vordr.websocket.opened", opened)] = events[..] else { panic!("{events:?}") };
    let (begins, ends) = server.times();
    assert!(begins < opened && opened < ends, "{server:#?}");
    assert_eq!(told(&origin.only_request()), (server.trace(), client.id()));
}

#[tokio::test]
async fn a_request_over_http2_is_told_as_one() {
    let (collector, origin) = (Collector::over_http().await, Origin::answering("hello").await);
    let vordr = traced(&collector, "", &origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    assert_eq!(client.get("/x").await.text().await, "hello");
    let spans = logged(&vordr, &collector, 2).await;
    assert_eq!(spans[0].told("network.protocol.version"), "2");
    assert_eq!(told(&origin.only_request()), (spans[0].trace(), spans[1].id()));
}

#[tokio::test]
async fn whoever_decides_on_a_request_belongs_to_its_trace() {
    let (collector, origin) = (Collector::over_http().await, Origin::answering("hello").await);
    let deciding = Origin::answering("").await;
    let settings = format!("auth forward=\"{}/verify\"", deciding.url());
    let vordr = Vordr::running_with(&collector.rule(""), &proxying(&origin.url(), &settings)).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "hello");
    let spans = logged(&vordr, &collector, 2).await;
    assert_eq!(told(&deciding.only_request()), (spans[0].trace(), spans[0].id()));
}

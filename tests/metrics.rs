//! `/metrics` counts what was served, by labels that come from the rules alone.

use crate::harness::{Origin, Vordr};

async fn rules(origin: &Origin) -> Vordr {
    Vordr::running(&format!(
        r#"
        upstream app {{ server "127.0.0.1:{}"; }}
        upstream gone {{ server "127.0.0.1:1"; }}
        server a.test {{
            listen 0
            location "/gone" {{ proxy gone; }}
            location "/" {{ proxy app; }}
        }}"#,
        origin.port()
    ))
    .await
}

#[tokio::test]
async fn requests_are_counted_by_server_route_method_and_status() {
    let origin = Origin::answering("ok").await;
    let vordr = rules(&origin).await;
    for _ in 0..3 {
        vordr.get("http://a.test/x").await;
    }
    vordr.get("http://a.test/gone").await;
    vordr.send("BREW / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    vordr
        .metric_becomes(
            r#"vordr_http_requests_total{code="200",method="GET",route="/",server="a.test"}"#,
            3.0,
        )
        .await;
    vordr
        .metric_becomes(
            r#"vordr_http_requests_total{code="502",method="GET",route="/gone",server="a.test"}"#,
            1.0,
        )
        .await;
    vordr
        .metric_becomes(
            r#"vordr_http_requests_total{code="200",method="OTHER",route="/",server="a.test"}"#,
            1.0,
        )
        .await;
}

#[tokio::test]
async fn upstreams_are_counted_with_their_errors_by_reason() {
    let origin = Origin::answering("ok").await;
    let vordr = rules(&origin).await;
    vordr.get("http://a.test/").await;
    vordr.get("http://a.test/gone").await;
    vordr.metric_becomes(r#"vordr_upstream_errors_total{reason="refused",upstream="gone"}"#, 1.0).await;
    let peer = format!("127.0.0.1:{}", origin.port());
    let series = format!(r#"vordr_upstream_requests_total{{code_class="2xx",peer="{peer}",upstream="app"}}"#);
    vordr.metric_becomes(&series, 1.0).await;
}

#[tokio::test]
async fn every_family_of_this_version_is_on_the_page() {
    let origin = Origin::answering("ok").await;
    let vordr = rules(&origin).await;
    vordr.get("http://a.test/").await;
    vordr.get("http://a.test/gone").await;
    vordr
        .metric_becomes(
            r#"vordr_http_requests_total{code="200",method="GET",route="/",server="a.test"}"#,
            1.0,
        )
        .await;
    let page = vordr.admin("/metrics").await.text();
    for family in [
        "vordr_http_requests_in_flight",
        "vordr_http_request_duration_seconds_bucket",
        "vordr_http_time_to_first_byte_seconds_bucket",
        "vordr_http_request_bytes_total",
        "vordr_http_response_bytes_total",
        "vordr_connections_active",
        "vordr_connections_total",
        "vordr_upstream_request_duration_seconds_bucket",
        "vordr_upstream_connect_duration_seconds_bucket",
        "vordr_config_last_reload_successful",
        "vordr_build_info",
        "process_",
    ] {
        assert!(page.lines().any(|line| line.starts_with(family)), "{family} in {page}");
    }
}

#[tokio::test]
async fn no_label_comes_from_a_client() {
    let origin = Origin::answering("ok").await;
    let vordr = rules(&origin).await;
    vordr.send("GET /made-up-path HTTP/1.1\r\nHost: made-up.test\r\nX: y\r\n\r\n").await;
    vordr.send("MADEUP / HTTP/1.1\r\nHost: made-up.test\r\n\r\n").await;
    vordr.log_line(|line| line["method"] == "MADEUP").await;
    let page = vordr.admin("/metrics").await.text().to_ascii_lowercase();
    assert!(!page.contains("made-up") && !page.contains("madeup"), "{page}");
}

#[tokio::test]
async fn a_request_is_in_flight_until_it_is_answered() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            if request.target() == "/held" {
                connection.closed().await;
            }
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET /held HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let series = r#"vordr_http_requests_in_flight{route="/",server="a.test"}"#;
    vordr.metric_becomes(series, 1.0).await;
    drop(client);
    vordr.metric_becomes(series, 0.0).await;
}

#[tokio::test]
async fn an_upstream_is_up_while_its_name_has_an_address_and_its_connections_are_counted_in_use() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::running(&format!(
        r#"
        upstream app {{ server "127.0.0.1:{}"; }}
        upstream lost {{ server "lost.invalid:80"; }}
        server a.test {{
            listen 0
            location "/lost" {{ proxy lost; }}
            location "/" {{ proxy app; }}
        }}"#,
        origin.port()
    ))
    .await;
    let peer = format!("127.0.0.1:{}", origin.port());
    vordr.metric_becomes(&format!(r#"vordr_upstream_up{{peer="{peer}",upstream="app"}}"#), 1.0).await;
    vordr.metrics_show(r#"vordr_upstream_up{peer="lost.invalid:80",upstream="lost"} 0"#).await;
    let connections = r#"vordr_upstream_connections{state="active",upstream="app"}"#;
    let socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    vordr.metric_becomes(connections, 1.0).await;
    drop(socket);
    vordr.metric_becomes(connections, 0.0).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_was_an_answer_and_is_an_error_too() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    })
    .await;
    let vordr = rules(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    client.closed().await;
    let peer = format!("127.0.0.1:{}", origin.port());
    let answered =
        format!(r#"vordr_upstream_requests_total{{code_class="2xx",peer="{peer}",upstream="app"}}"#);
    vordr.metric_becomes(&answered, 1.0).await;
    vordr.metric_becomes(r#"vordr_upstream_errors_total{reason="early_close",upstream="app"}"#, 1.0).await;
}

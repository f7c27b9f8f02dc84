//! What `/metrics` tells of the rules that hold now: by the names that the rules use, and nothing of what is gone.

use crate::harness::{Origin, Vordr, proxying};

fn newer(vordr: &Vordr, text: &str) -> vordr::Vordr {
    vordr::Vordr::from_text("newer.kdl", &format!("{}\n{text}", vordr.process())).unwrap()
}

#[tokio::test]
async fn the_age_of_names_is_told_by_upstream_and_nothing_of_an_upstream_that_is_gone() {
    let origin = Origin::answering("ok").await;
    let pool = |name: &str| format!("upstream {name} {{ server \"localhost:{}\"; }}", origin.port());
    let server = |name: &str| {
        format!("server a.test {{ listen \"127.0.0.1:0\"; location \"/\" {{ proxy {name}; }}; }}")
    };
    let vordr = Vordr::running(&format!("{}\n{}", pool("old"), server("old"))).await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "ok");
    vordr.metrics_show(r#"vordr_upstream_dns_last_success_timestamp_seconds{upstream="old"}"#).await;
    let up = format!(r#"vordr_upstream_up{{peer="localhost:{}",upstream="old"}}"#, origin.port());
    vordr.metric_becomes(&up, 1.0).await;
    vordr.replace(newer(&vordr, &format!("{}\n{}", pool("new"), server("new")))).unwrap();
    vordr.metrics_show(r#"vordr_upstream_dns_last_success_timestamp_seconds{upstream="new"}"#).await;
    let page = vordr.admin("/metrics").await.text();
    let stale = |family: &str| {
        page.lines().any(|line| line.starts_with(family) && line.contains(r#"upstream="old""#))
    };
    assert!(!stale("vordr_upstream_up") && !stale("vordr_upstream_dns"), "{page}");
}

/// The lines of a page that are about one thing: `route="/old"`.
fn about(page: &str, label: &str) -> Vec<String> {
    page.lines().filter(|line| line.contains(label)).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_a_reload_removed_is_told_once_more_and_then_no_longer() {
    let origin = Origin::answering("ok").await;
    let pool = format!(
        "upstream app {{ server \"127.0.0.1:{}\"; server \"127.0.0.1:1\" backup=on; }}",
        origin.port()
    );
    let location = |path: &str| format!("location {path:?} {{ proxy app; }};");
    let server = |host: &str, routes: &str| format!("server {host} {{ listen \"127.0.0.1:0\"; {routes} }}");
    let both = server("a.test", &(location("/old") + &location("/kept")));
    let vordr = Vordr::running(&format!("{pool}\n{both}\n{}", server("old.test", &location("/")))).await;
    for url in ["http://a.test/old", "http://a.test/kept", "http://old.test/", "http://a.test/nowhere"] {
        vordr.get(url).await;
    }
    let total = r#"vordr_http_requests_total{code="200",method="GET",route="/kept",server="a.test"}"#;
    vordr.metric_becomes(total, 1.0).await;
    let kept = server("a.test", &location("/kept"));
    vordr
        .replace(newer(
            &vordr,
            &format!("{}\n{kept}", pool.replace(" server \"127.0.0.1:1\" backup=on;", "")),
        ))
        .unwrap();
    for gone in [r#"route="/old""#, r#"server="old.test""#, r#"peer="127.0.0.1:1""#] {
        vordr.metrics_forget(gone).await;
    }
    vordr.get("http://a.test/kept").await;
    vordr.metric_becomes(total, 2.0).await;
    assert_eq!(
        vordr.metric(r#"vordr_http_rejected_total{reason="no_route",route="_other",server="a.test"}"#).await,
        1.0
    );
}

#[tokio::test]
async fn the_last_count_of_what_is_gone_is_not_lost_to_a_scrape() {
    let vordr = Vordr::running(
        r#"server a.test { listen "127.0.0.1:0"; location "/old" { respond 200 "old"; }; location "/" { respond 200 "root"; }; }"#,
    )
    .await;
    vordr.get("http://a.test/old").await;
    vordr.log_line(|line| line["route"] == "/old").await;
    vordr
        .replace(newer(
            &vordr,
            r#"server a.test { listen "127.0.0.1:0"; location "/" { respond 200 "root"; }; }"#,
        ))
        .unwrap();
    let first = vordr.admin("/metrics").await.text();
    let line = r#"vordr_http_requests_total{code="200",method="GET",route="/old",server="a.test"} 1"#;
    assert!(about(&first, r#"route="/old""#).iter().any(|told| told == line), "{first}");
    vordr.metrics_forget(r#"route="/old""#).await;
    vordr
        .replace(newer(
            &vordr,
            r#"server a.test { listen "127.0.0.1:0"; location "/old" { respond 200 "old"; }; }"#,
        ))
        .unwrap();
    vordr.get("http://a.test/old").await;
    vordr.metric_becomes(line.trim_end_matches(" 1"), 1.0).await;
}

#[tokio::test]
async fn a_stream_that_is_open_on_a_route_that_is_gone_is_told_until_it_ends() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("before").await);
    vordr
        .replace(newer(&vordr, r#"server b.test { listen "127.0.0.1:0"; location "/" { respond 204; }; }"#))
        .unwrap();
    let open = r#"vordr_websocket_connections_active{route="/",server="a.test"}"#;
    for _ in 0..3 {
        assert_eq!(vordr.metric(open).await, 1.0);
    }
    drop(socket);
    vordr.metrics_forget(r#"server="a.test""#).await;
}

#[tokio::test]
async fn a_handshake_where_websockets_are_off_is_one_that_failed() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::running(&proxying(&origin.url(), "websocket off")).await;
    assert!(vordr.connect().await.websocket("a.test", "/", "").await.is_err());
    let refused = r#"vordr_websocket_upgrade_failures_total{code="426",route="/",server="a.test"}"#;
    vordr.metric_becomes(refused, 1.0).await;
}

#[tokio::test]
async fn with_compat_nginx_the_names_of_its_exporter_are_there_too() {
    let vordr = Vordr::running_with(
        r#"metrics "127.0.0.1:0" compat=nginx"#,
        r#"server a.test { listen 0; location "/" { respond 204; }; }"#,
    )
    .await;
    vordr.metrics_show("nginx_up 1\n").await;
    let mut kept = vordr.connect().await;
    kept.get("a.test", "/").await;
    vordr.metric_becomes("nginx_connections_waiting", 1.0).await;
    let mut slow = vordr.connect().await;
    slow.send("GET / HT").await;
    vordr.metric_becomes("nginx_connections_reading", 1.0).await;
    vordr.metrics_show("nginx_connections_active 2\n").await;
    vordr.metrics_show("nginx_connections_accepted 2\n").await;
    drop(slow);
    vordr.metric_becomes("nginx_connections_reading", 0.0).await;
    vordr.metric_becomes("nginx_connections_accepted", 2.0).await;
    vordr.metrics_show("nginx_connections_handled 2\n").await;
    vordr.metrics_show("nginx_http_requests_total 1\n").await;
}

#[tokio::test]
async fn without_compat_there_is_nothing_of_nginx() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 204; }; }"#).await;
    assert!(!vordr.admin("/metrics").await.text().contains("nginx"));
}

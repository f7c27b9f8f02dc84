//! Metrics where there are more routes than a family has places for series.

use crate::harness::{Binary, Client, free_port, written};
use std::net::SocketAddr;
use std::time::Instant;

const SERVERS: usize = 10;
/// How many series a family has at most, besides the one for all others.
const PLACES: usize = 2_000;

/// How many locations a server has; a debug build takes a while to read many.
fn locations() -> usize {
    std::env::var("SOAK_ROUTES").map_or(300, |routes| routes.parse::<usize>().expect("a number") / SERVERS)
}

fn rules(admin: u16) -> String {
    let locations: String = (0..locations())
        .map(|number| format!("location \"/route-{number}\" {{ respond 200 \"{number}\"; }}\n"))
        .collect();
    let servers: String = (0..SERVERS)
        .map(|number| format!("server s{number}.test {{ listen \"127.0.0.1:0\"\n{locations} }}\n"))
        .collect();
    format!(
        "vordr {{ workers 2; admin \"127.0.0.1:{admin}\"; access-log off; limits {{ keepalive \"75s\" requests=off; }}; }}\n{servers}"
    )
}

/// Asks for each route once.
async fn ask_for_all(binary: &Binary) {
    let servers = (0..SERVERS).map(async |server| {
        let mut client = Client::connect(binary.address()).await;
        for route in 0..locations() {
            let answer = client.get(&format!("s{server}.test"), &format!("/route-{route}")).await;
            assert_eq!(answer.text(), route.to_string());
        }
    });
    futures_util::future::join_all(servers).await;
}

/// A family's series: how many there are, and their sum.
fn family(page: &str, name: &str) -> (usize, f64) {
    let values: Vec<f64> = page
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
        .collect();
    (values.len(), values.iter().sum())
}

#[tokio::test]
async fn of_more_routes_than_places_every_request_is_counted_and_the_page_stays_within_its_bounds() {
    let (admin, routes) = (free_port(), SERVERS * locations());
    let (_folder, path) = written(&rules(admin));
    let started = Instant::now();
    let binary = Binary::running_file(path, &[]).await;
    let (start, idle) = (started.elapsed(), binary.memory());
    ask_for_all(&binary).await;
    let admin = SocketAddr::from(([127, 0, 0, 1], admin));
    let asked = Instant::now();
    let page = Client::connect(admin).await.get("localhost", "/metrics").await.text();
    println!(
        "started in {start:?} with {} MiB; {} lines in {:?}; then {} MiB",
        idle >> 20,
        page.lines().count(),
        asked.elapsed(),
        binary.memory() >> 20
    );
    let bytes: usize = (0..locations()).map(|route| route.to_string().len()).sum();
    for (name, sum) in [
        ("vordr_http_requests_total", routes),
        ("vordr_http_request_duration_seconds_count", routes),
        ("vordr_http_response_bytes_total", SERVERS * bytes),
        ("vordr_http_requests_in_flight", 0),
    ] {
        let (series, all) = family(&page, name);
        assert_eq!(all, sum as f64, "{name}");
        assert!((PLACES..=PLACES + 1).contains(&series), "{name}: {series} series");
    }
    let rest = r#"vordr_http_requests_total{code="_overflow",method="_overflow",route="_overflow",server="_overflow"}"#;
    let rest = page.lines().find_map(|line| line.strip_prefix(rest)?.trim().parse::<usize>().ok());
    assert!(rest.is_some_and(|rest| rest >= routes - PLACES), "{rest:?}");
    for name in ["vordr_http_requests_total", "vordr_http_requests_in_flight"] {
        let told = format!(r#"vordr_metrics_overflow_total{{family="{name}"}}"#);
        assert!(page.contains(&told), "{name}");
    }
    // What a request left behind is bounded too, whatever was asked for.
    assert!(binary.memory() < idle + (64 << 20), "{} bytes, then {}", idle, binary.memory());
    let told = Client::connect(admin).await.get("localhost", "/routes").await.text();
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&told).unwrap().len(), routes);
}

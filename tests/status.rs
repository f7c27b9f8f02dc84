//! The admin address: `/health` for probes, `/status` for people.

use crate::harness::{Origin, Vordr};
use serde_json::Value;

#[tokio::test]
async fn health_is_200_whatever_the_upstreams_do() {
    let vordr =
        Vordr::running(r#"server a.test { listen 0; location "/" { proxy "http://127.0.0.1:1"; } }"#).await;
    assert_eq!(vordr.admin("/health").await.status, 200);
    assert_eq!(vordr.admin("/nothing").await.status, 404);
}

#[tokio::test]
async fn status_counts_requests_websockets_and_their_messages() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("one").await && socket.echoes("two").await);
    let status: Value = serde_json::from_slice(&vordr.admin("/status").await.body).unwrap();
    assert_eq!(status["status"], "healthy", "{status}");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["uptime_seconds"].is_number());
    assert_eq!(status["websockets"]["active"], 1, "{status}");
    assert_eq!(status["websockets"]["lifetime"], 1, "{status}");
    assert_eq!(status["websockets"]["messages"], 4, "{status}");
    assert_eq!(status["websockets"]["messages_per_connection"], 4.0, "{status}");
    assert!(status["connections"]["active"].as_u64().unwrap() >= 1, "{status}");
    let upstream = &status["upstreams"][0];
    let peer = origin.url().replace("http://", "");
    assert_eq!(upstream["up"], 1, "{status}");
    assert_eq!(
        upstream["peers"][0],
        serde_json::json!({ "address": peer, "up": true, "in_flight": 1 }),
        "{status}"
    );
}

#[tokio::test]
async fn fifty_clients_may_ask_for_health_at_once() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 200 "ok"; } }"#).await;
    let asking = (0..50).map(|_| vordr.admin("/health"));
    let answers = futures_util::future::join_all(asking).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
}

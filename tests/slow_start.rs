//! `slow-start`: a server that is back has few requests at first, and its whole share in the end.

use crate::harness::{Origin, Vordr, answers, eventually, pooled, servers, within};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Two servers, `a` and `b`, of which `b` was out and is back, under a `slow-start`.
async fn one_is_back(slow_start: &str) -> (Vordr, [Origin; 2]) {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = broken.clone();
    let returning = Origin::scripted(move |mut connection| {
        let broken = flag.clone();
        async move {
            while connection.request().await.is_some() && !broken.load(Relaxed) {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb").await;
            }
        }
    });
    let origins = [Origin::answering("a").await, returning.await];
    let pool = format!(
        "{}\nretry 1 on=\"502\"\npassive fails=1 within=\"1m\" for=\"300ms\"\nslow-start \"{slow_start}\"",
        servers(&origins, &[])
    );
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    broken.store(true, Relaxed);
    assert_eq!(answers(&vordr, 2).await, "aa");
    broken.store(false, Relaxed);
    eventually("the end of the pause", || vordr.error_log().contains("a server is back").then_some(())).await;
    (vordr, origins)
}

#[tokio::test]
async fn a_server_that_is_back_has_a_twentieth_of_its_share_at_first() {
    let (vordr, _origins) = one_is_back("1h").await;
    let seen = answers(&vordr, 400).await;
    // Ten of the two hundred that are its share.
    let share = seen.matches('b').count();
    assert!((1..=40).contains(&share), "{share}: {seen}");
}

#[tokio::test]
async fn it_has_its_whole_share_in_the_end() {
    let (vordr, _origins) = one_is_back("1s").await;
    // Taking turns so often is no luck of the start.
    let turns = ["ab".repeat(20), "ba".repeat(20)];
    within(async { while !turns.contains(&answers(&vordr, 40).await) {} }).await;
}

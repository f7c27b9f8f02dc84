//! What is learnt from live requests: a server that fails them is out for a while.

use crate::harness::{Origin, REFUSING, Vordr, answers, eventually, pooled, servers};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// An upstream that breaks connections while it is told to.
async fn moody(broken: &Arc<AtomicBool>) -> Origin {
    let broken = broken.clone();
    Origin::scripted(move |mut connection| {
        let broken = broken.clone();
        async move {
            while connection.request().await.is_some() && !broken.load(Relaxed) {
                connection
                    .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nmoody")
                    .await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_server_that_fails_so_often_is_out_and_one_line_says_why() {
    let origin = Origin::answering("up").await;
    let pool = format!("{REFUSING} server \"{}\"\npassive fails=2 within=\"1m\" for=\"1m\"", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(vordr.get("http://a.test/").await.status);
    }
    assert_eq!(statuses, [502, 200, 502, 200, 200, 200, 200, 200]);
    let told = eventually("a line in the error log", || {
        let log = vordr.error_log();
        let lines: Vec<Value> = log
            .lines()
            .filter(|line| line.contains("a server is out"))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["upstream"], &told[0]["server"]), (&"app".into(), &"127.0.0.1:1".into()));
    assert_eq!(told[0]["reason"], "refused");
    vordr.metric_becomes(r#"vordr_upstream_up{peer="127.0.0.1:1",upstream="app"}"#, 0.0).await;
    let status: Value = serde_json::from_slice(&vordr.admin("/status").await.body).unwrap();
    assert_eq!(status["status"], "healthy", "one is up: {status}");
    let peer = &status["upstreams"][0]["peers"][0];
    assert_eq!((&peer["up"], &peer["problem"]), (&false.into(), &"refused".into()), "{status}");
}

#[tokio::test]
async fn its_pause_over_it_is_asked_again() {
    let broken = Arc::new(AtomicBool::new(true));
    let moody = moody(&broken).await;
    let origins = [moody, Origin::answering("steady").await];
    let pool = format!(
        "{}\nretry 1 on=\"502\"\npassive fails=1 within=\"1m\" for=\"300ms\"",
        servers(&origins, &[])
    );
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    assert_eq!(answers(&vordr, 4).await, "steadysteadysteadysteady");
    assert_eq!(origins[0].requests().len(), 1, "out after one failure");
    broken.store(false, Relaxed);
    eventually("the end of the pause", || vordr.error_log().contains("its pause is over").then_some(()))
        .await;
    let seen = answers(&vordr, 2).await;
    assert!(seen.contains("moody") && seen.contains("steady"), "{seen}");
}

#[tokio::test]
async fn where_all_are_out_one_request_at_a_time_sees_whether_they_are_still() {
    let broken = Arc::new(AtomicBool::new(true));
    let origin = moody(&broken).await;
    let pool = format!("server \"{}\"\npassive fails=1 within=\"1m\" for=\"40s\"", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    // The next is the probe, which fails too.
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    assert_eq!(origin.requests().len(), 2);
    broken.store(false, Relaxed);
    assert_eq!(vordr.get("http://a.test/").await.text(), "moody");
    assert_eq!(vordr.get("http://a.test/").await.text(), "moody");
    eventually("the line", || vordr.error_log().contains("it answered a request").then_some(())).await;
}

#[tokio::test]
async fn the_others_are_told_when_to_come_back() {
    let silent = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let pool = format!("server \"{}\"\npassive fails=1 within=\"1m\" for=\"40s\"", silent.url());
    let vordr = Vordr::running(&pooled(&pool, "timeouts read=\"500ms\"")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 504);
    let mut probe = vordr.connect().await;
    probe.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    eventually("the probe", || (silent.requests().len() == 2).then_some(())).await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!(response.status, 503);
    let seconds: u64 = response.header("Retry-After").unwrap().parse().unwrap();
    assert!((35..=41).contains(&seconds), "{seconds}");
    let line = vordr.log_error("none_up").await;
    assert!(line["error_detail"].as_str().unwrap().contains("no server is up"), "{line}");
    vordr.metric_becomes(r#"vordr_upstream_errors_total{reason="none_up",upstream="app"}"#, 1.0).await;
    assert_eq!(probe.response().await.status, 504);
}

#[tokio::test]
async fn open_streams_to_a_server_that_is_out_are_left_alone() {
    let broken = Arc::new(AtomicBool::new(false));
    let flag = broken.clone();
    let origin = Origin::scripted(move |mut connection| {
        let broken = flag.clone();
        async move {
            let Some(request) = connection.request().await else { return };
            if !broken.load(Relaxed) {
                connection.upgrade(&request).await.echo().await;
            }
        }
    })
    .await;
    let pool = format!("server \"{}\"\npassive fails=1 within=\"1m\" for=\"1m\"", origin.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    broken.store(true, Relaxed);
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    eventually("the line", || vordr.error_log().contains("a server is out").then_some(())).await;
    assert!(socket.echoes("still here").await);
}

#[tokio::test]
async fn a_client_that_leaves_is_no_failure_of_the_server() {
    let silent = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let pool = format!("server \"{}\"\npassive fails=1 within=\"1m\" for=\"1m\"", silent.url());
    let vordr = Vordr::running(&pooled(&pool, "")).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    silent.first_request().await;
    drop(client);
    vordr.log_error("client_gone").await;
    let peer = silent.url().replace("http://", "");
    assert_eq!(vordr.metric(&format!(r#"vordr_upstream_up{{peer="{peer}",upstream="app"}}"#)).await, 1.0);
}

#[tokio::test]
async fn explain_tells_how_each_server_stands_when_it_may_ask() {
    let origin = Origin::answering("up").await;
    let pool = format!("{REFUSING} server \"{}\"\npassive fails=1 within=\"1m\" for=\"1m\"", origin.url());
    let rules = pooled(&pool, "");
    let vordr = Vordr::running(&rules).await;
    answers(&vordr, 2).await;
    let (_folder, path) = crate::harness::written(&rules.replace("listen 0", "listen 8080"));
    let admin = vordr.admin_address().to_string();
    let path = path.to_str().unwrap().to_owned();
    let arguments = ["explain", "GET", "http://a.test:8080/", "--rules", &path, "--admin", &admin];
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    let asking = tokio::task::spawn_blocking(move || {
        crate::harness::ends(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let output = asking.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("127.0.0.1:1  out: refused, 0 in flight"), "{said}");
    let peer = origin.url().replace("http://", "");
    assert!(said.contains(&format!("{peer}  up, 0 in flight")), "{said}");
}

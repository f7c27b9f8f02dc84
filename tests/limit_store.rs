//! `limit-store`: several vordr count as one, and what becomes of requests while the store is down.

use crate::harness::{
    Authority, Binary, Client, Origin, Redis, Vordr, eventually, free_port, within, written,
};
use std::time::{Duration, Instant};

/// Two an hour of `a.test`, and as much as anybody likes of `/free`.
const RULES: &str = r#"server a.test { listen 0; limit rate="2/h"; location "/" { respond 200 in; }
    location "/free" { limit off; respond 200 in; } }"#;

const UP: &str = "vordr_limit_store_up";
const MISSED: &str = "vordr_limit_store_missed_total";

async fn statuses(vordr: &Vordr, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(vordr.get("http://a.test/").await.status);
    }
    statuses
}

/// Waits until the error log has these words.
async fn said(vordr: &Vordr, words: &str) {
    eventually(words, || vordr.error_log().contains(words).then_some(())).await;
}

/// Whether the error log has said so often that the store is up, and that it is down.
fn changes(vordr: &Vordr, ups: usize, downs: usize) -> bool {
    let (log, said) =
        (vordr.error_log(), |state: &str| format!("\"message\":\"the limit store is {state}\""));
    (log.matches(&said("up")).count(), log.matches(&said("down")).count()) == (ups, downs)
}

/// What one client got in a while: how often it was let through, and between what times it asked.
struct Asked {
    passed: usize,
    first_sent: Instant,
    first_answered: Instant,
    last_sent: Instant,
    last_answered: Instant,
}

/// Asks on one connection for two seconds, and until it has been refused once more: then nothing is left.
async fn ask_for_a_while(vordr: &Vordr) -> Asked {
    let mut client = vordr.connect().await;
    let (began, mut passed, mut first_answered) = (Instant::now(), 0, None);
    loop {
        let last_sent = Instant::now();
        let status = client.get("a.test", "/").await.status;
        let last_answered = Instant::now();
        let first_answered = *first_answered.get_or_insert(last_answered);
        match status {
            200 => passed += 1,
            429 if began.elapsed() > Duration::from_secs(2) => {
                return Asked { passed, first_sent: began, first_answered, last_sent, last_answered };
            }
            429 => {}
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn two_vordr_let_through_what_one_would() {
    let redis = Redis::running().await;
    let rules = r#"server a.test { listen 0; limit rate="50/s" burst=20; location "/" { respond 200 in; } }"#;
    let process =
        redis.store("on-failure=closed timeout=\"10s\"") + "\n limits { keepalive \"75s\" requests=off; }";
    let (one, two) = (Vordr::running_with(&process, rules).await, Vordr::running_with(&process, rules).await);
    // Until then nothing is asked, and so no time passes that brings tokens to nobody.
    one.metric_becomes(UP, 1.0).await;
    two.metric_becomes(UP, 1.0).await;
    let asked: [Asked; 4] = within(async {
        tokio::join!(
            ask_for_a_while(&one),
            ask_for_a_while(&two),
            ask_for_a_while(&one),
            ask_for_a_while(&two)
        )
    })
    .await
    .into();
    let passed: usize = asked.iter().map(|asked| asked.passed).sum();
    // Full at the first of all requests, and empty at the last: what came in between is what the rate brought.
    let longest = asked.iter().map(|asked| asked.last_answered).max().unwrap()
        - asked.iter().map(|asked| asked.first_sent).min().unwrap();
    let shortest = asked.iter().map(|asked| asked.last_sent).max().unwrap()
        - asked.iter().map(|asked| asked.first_answered).min().unwrap();
    let one_alone = |time: Duration| 70.0 + 50.0 * time.as_secs_f64();
    let (least, most) = (one_alone(shortest) * 0.95, one_alone(longest) * 1.05);
    println!(
        "{passed} passed in {longest:?}; one alone: {:.1} to {:.1}",
        one_alone(shortest),
        one_alone(longest)
    );
    assert!((least..=most).contains(&(passed as f64)), "{passed} are not between {least} and {most}");
}

#[tokio::test]
async fn while_an_open_store_is_down_each_counts_for_itself() {
    let mut redis = Redis::running().await;
    let vordr = Vordr::running_with(&redis.store("timeout=\"10s\""), RULES).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    vordr.metric_becomes(UP, 1.0).await;
    redis.stop();
    vordr.metric_becomes(UP, 0.0).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    vordr.metric_becomes(MISSED, 3.0).await;
    let status = vordr.admin("/status").await.text();
    assert!(status.contains(r#""status":"degraded""#) && status.contains(r#""up":false"#), "{status}");
    redis.start().await;
    vordr.metric_becomes(UP, 1.0).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429], "it began anew");
    eventually("each change in the log", || changes(&vordr, 2, 1).then_some(())).await;
    said(&vordr, "each vordr counts for itself").await;
    assert_eq!(vordr.metric(MISSED).await, 3.0);
}

#[tokio::test]
async fn while_a_closed_store_is_down_what_has_a_limit_is_answered_503() {
    let mut redis = Redis::running().await;
    let vordr = Vordr::running_with(&redis.store("on-failure=closed timeout=\"10s\""), RULES).await;
    assert_eq!(statuses(&vordr, 1).await, [200]);
    redis.stop();
    vordr.metric_becomes(UP, 0.0).await;
    let refused = vordr.get("http://a.test/").await;
    assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("1")));
    assert_eq!(vordr.get("http://a.test/free").await.status, 200);
    let line = vordr.log_error("limit_store").await;
    assert_eq!(
        (&line["status"], &line["error_detail"]),
        (&503.into(), &"requests cannot be counted now".into())
    );
    let series = r#"vordr_http_rejected_total{reason="limit_store",route="/",server="a.test"}"#;
    vordr.metric_becomes(series, 1.0).await;
    redis.start().await;
    vordr.metric_becomes(UP, 1.0).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
}

#[tokio::test]
async fn of_a_store_that_hangs_nobody_waits_for_long() {
    let redis = Redis::running().await;
    let vordr = Vordr::running_with(&redis.store("on-failure=closed timeout=\"1s\""), RULES).await;
    vordr.metric_becomes(UP, 1.0).await;
    redis.freeze();
    let began = Instant::now();
    assert_eq!(statuses(&vordr, 30).await, [503; 30]);
    // Each for itself, they would have waited for 30 s.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    vordr.metric_becomes(UP, 0.0).await;
    said(&vordr, "no answer within `limit-store … timeout`").await;
    assert_eq!(vordr.metric(MISSED).await, 30.0);
    redis.thaw();
    vordr.metric_becomes(UP, 1.0).await;
    within(async { while vordr.get("http://a.test/").await.status == 503 {} }).await;
}

#[tokio::test]
async fn a_store_that_is_not_there_yet_does_not_keep_vordr_from_starting() {
    let mut redis = Redis::away();
    let vordr = Vordr::running_with(&redis.store("on-failure=closed timeout=\"10s\""), RULES).await;
    assert_eq!(statuses(&vordr, 1).await, [503]);
    redis.start().await;
    vordr.metric_becomes(UP, 1.0).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
}

#[tokio::test]
async fn a_wrong_password_is_said_and_no_password_is_shown() {
    let redis = Redis::running_with(&["--requirepass", "the-right-one"]).await;
    let store = |password: &str| {
        format!("limit-store \"redis://:{password}@{}\" on-failure=closed timeout=\"10s\"", redis.address())
    };
    let vordr = Vordr::running_with(&store("a-wrong-one"), RULES).await;
    assert_eq!(statuses(&vordr, 1).await, [503]);
    said(&vordr, "Password authentication failed").await;
    let shown =
        vordr.error_log() + &vordr.admin("/config").await.text() + &vordr.admin("/status").await.text();
    assert!(shown.contains("redis://:***@127.0.0.1") && !shown.contains("a-wrong-one"), "{shown}");
    let right = vordr.process().replace("a-wrong-one", "the-right-one");
    vordr.replace(vordr::Vordr::from_text("newer.kdl", &format!("{right}\n{RULES}")).unwrap()).unwrap();
    vordr.metric_becomes(UP, 1.0).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    let shown =
        vordr.error_log() + &vordr.admin("/config").await.text() + &vordr.admin("/status").await.text();
    assert!(!shown.contains("the-right-one"), "{shown}");
}

#[tokio::test]
async fn what_is_no_redis_is_a_store_that_is_down() {
    let web = Origin::answering("hello").await;
    let store = format!("limit-store \"redis://127.0.0.1:{}\" timeout=\"10s\"", web.port());
    let vordr = Vordr::running_with(&store, RULES).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    assert_eq!(vordr.metric(MISSED).await, 3.0);
    eventually("each change in the log", || changes(&vordr, 0, 1).then_some(())).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!("limit-store \"redis://{}\" timeout=\"500ms\"", silent.local_addr().unwrap());
    let vordr = Vordr::running_with(&store, RULES).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    eventually("each change in the log", || changes(&vordr, 0, 1).then_some(())).await;
}

#[tokio::test]
async fn a_store_that_does_not_write_is_down_and_said_to_be_once() {
    let redis = Redis::running().await;
    let vordr = Vordr::running_with(&redis.store("on-failure=closed timeout=\"10s\""), RULES).await;
    vordr.metric_becomes(UP, 1.0).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(statuses(&vordr, 1).await, [503]);
    vordr.metric_becomes(UP, 0.0).await;
    said(&vordr, "OOM").await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    vordr.metric_becomes(UP, 1.0).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    eventually("each change in the log", || changes(&vordr, 2, 1).then_some(())).await;
}

#[tokio::test]
async fn a_store_that_forgot_the_script_is_told_it_again() {
    let redis = Redis::running().await;
    let vordr = Vordr::running_with(&redis.store("on-failure=closed timeout=\"10s\""), RULES).await;
    assert_eq!(statuses(&vordr, 1).await, [200]);
    redis.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(statuses(&vordr, 2).await, [200, 429]);
    assert_eq!(vordr.metric(MISSED).await, 0.0);
}

#[tokio::test]
async fn the_store_holds_no_key_in_clear_and_none_for_longer_than_it_counts() {
    let redis = Redis::running().await;
    let rules = |rate: &str| {
        format!(
            "server a.test {{ listen 0; limit rate=\"{rate}\" key=\"{{header.X-API-Key}}\"
             location \"/\" {{ respond 200 in; }} }}"
        )
    };
    let process = redis.store("on-failure=closed timeout=\"10s\"");
    let vordr = Vordr::running_with(&process, &rules("10/h")).await;
    let ask = |key: String| format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-API-Key: {key}\r\n\r\n");
    assert_eq!(vordr.send(&ask("very-secret".to_owned())).await.status, 200);
    let keys = redis.keys();
    let [key] = &*keys else { panic!("{keys:?}") };
    assert!(!key.contains("very-secret") && !redis.ask(&["GET", key]).contains("very-secret"), "{key}");
    let left: i64 = redis.ask(&["PTTL", key]).parse().unwrap();
    assert!((1..=360_000).contains(&left), "{left} ms for a token that comes back in 6 minutes");
    redis.ask(&["FLUSHALL"]);
    let vordr = Vordr::running_with(&process, &rules("20/s")).await;
    let mut client = vordr.connect().await;
    for number in 0..500 {
        client.send(&ask(format!("key-{number}"))).await;
        assert_eq!(client.response().await.status, 200);
    }
    eventually("the end of every key", || redis.keys().is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_reload_keeps_the_connection_to_the_same_store_and_leaves_another() {
    let redis = Redis::running().await;
    let vordr = Vordr::running_with(&redis.store("on-failure=closed timeout=\"10s\""), RULES).await;
    let newer = |process: &str| {
        vordr.replace(vordr::Vordr::from_text("newer.kdl", &format!("{process}\n{RULES}")).unwrap()).unwrap();
    };
    let connection = || {
        let clients = redis.ask(&["CLIENT", "LIST"]);
        let ours = clients.lines().find(|line| line.contains("cmd=evalsha")).map(str::to_owned);
        ours.and_then(|line| line.split(' ').next().map(str::to_owned))
    };
    assert_eq!(statuses(&vordr, 1).await, [200]);
    let first = connection().unwrap();
    newer(&vordr.process().replace("on-failure=closed", "on-failure=open"));
    assert_eq!(statuses(&vordr, 2).await, [200, 429]);
    assert_eq!(connection(), Some(first.clone()));
    newer(&vordr.process().replace(&redis.address(), &format!("{}/1", redis.address())));
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    assert_ne!(connection(), Some(first.clone()));
    eventually("the end of the first connection", || {
        (!redis.ask(&["CLIENT", "LIST"]).contains(&first)).then_some(())
    })
    .await;
    newer(&vordr.process().replace(&redis.store("on-failure=closed timeout=\"10s\""), ""));
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    eventually("the end of the second connection", || connection().is_none().then_some(())).await;
    assert!(!vordr.admin("/metrics").await.text().contains("\nvordr_limit_store_up"));
}

#[tokio::test]
async fn a_user_with_the_rights_that_are_documented_may_count_in_a_database_of_its_own() {
    let redis = Redis::running().await;
    let page = include_str!("../docs/rules/limit-store.md").replace('\n', " ");
    let rights = page.split("a user needs `").nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    let mut user = vec!["ACL", "SETUSER", "vordr", "on", ">s@cret:1", "+select"];
    user.extend(rights.split(' '));
    assert_eq!(redis.ask(&user), "OK");
    let store = format!(
        "limit-store \"redis://vordr:s%40cret:1@{}/3\" on-failure=closed timeout=\"10s\"",
        redis.address()
    );
    let vordr = Vordr::running_with(&store, RULES).await;
    assert_eq!(statuses(&vordr, 3).await, [200, 200, 429]);
    assert!(redis.ask(&["-n", "3", "--scan"]).contains("vordr:limit:"));
    assert!(redis.keys().is_empty());
}

#[tokio::test]
async fn a_store_may_speak_tls() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    authority.pair(&["localhost"]).write(folder.path(), "redis");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (port, chain, key) = (free_port().to_string(), path("redis.pem"), path("redis.key"));
    let tls = ["--tls-port", &port, "--tls-cert-file", &chain, "--tls-key-file", &key];
    let nobody = ["--tls-ca-cert-file", &chain, "--tls-auth-clients", "no"];
    let _redis = Redis::running_with(&[&tls[..], &nobody].concat()).await;
    for (name, expected) in [("localhost", [200, 200, 429]), ("127.0.0.1", [503; 3])] {
        let store = format!("limit-store \"rediss://{name}:{port}\" on-failure=closed timeout=\"10s\"");
        let (_folder, path) = written(&format!("vordr {{ workers 1; {store}; }}\n{RULES}"));
        let binary =
            Binary::running_file(path, &[("SSL_CERT_FILE", authority.file().to_str().unwrap())]).await;
        for status in expected {
            let mut client = Client::connect(binary.address()).await;
            assert_eq!(client.get("a.test", "/").await.status, status, "{name}: {}", binary.said());
        }
        let said = if expected == [503; 3] { "not valid for name" } else { "the limit store is up" };
        eventually(said, || binary.said().contains(said).then_some(())).await;
    }
}

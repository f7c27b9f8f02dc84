//! The admin address: the page and what feeds it, and who is not answered.

use crate::harness::{Client, Origin, Vordr, within};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TWO: &str = r#"server a.test {
    listen 0
    location "/" { respond 200 "root"; }
    location "/x" { respond 200 "x"; }
}"#;

/// Events as they come.
struct Watching(Client);

impl Watching {
    async fn begin(vordr: &Vordr) -> Self {
        let mut client = Client::connect(vordr.admin_address()).await;
        client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let head = client.response_head().await;
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));
        Self(client)
    }

    async fn next(&mut self) -> Value {
        let event = within(self.0.chunk()).await.expect("a chunk").expect("an event");
        let text = String::from_utf8(event).expect("text");
        let data = text.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n")).expect("one event");
        serde_json::from_str(data).expect("JSON")
    }

    async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        within(async {
            loop {
                let event = self.next().await;
                if fits(&event) {
                    return event;
                }
            }
        })
        .await
    }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

#[tokio::test]
async fn the_page_is_served_under_a_policy_that_lets_nothing_else_run() {
    let vordr = Vordr::running(TWO).await;
    let page = vordr.admin("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    for part in ["default-src 'none'", "script-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.text().starts_with("<!doctype html>"));
}

#[tokio::test]
async fn events_tell_what_happens_as_it_happens() {
    let vordr = Vordr::running(TWO).await;
    let mut events = Watching::begin(&vordr).await;
    let first = events.next().await;
    assert_eq!((&first["requests"]["total"], &first["rates"]), (&0.into(), &Value::Null), "{first}");
    for _ in 0..5 {
        vordr.get("http://a.test/x/y").await;
    }
    let event = events.until(|event| event["routes"][1]["requests"] == 5).await;
    assert_eq!(event["routes"][1]["route"], "/x", "{event}");
    let live = &event["routes"][1]["live"];
    assert!(live["requests"].as_f64().is_some_and(|rate| rate > 0.0), "{event}");
    assert!(live["mean"].as_f64().is_some_and(|mean| mean < 1.0), "{event}");
    assert!(event["rates"]["requests"].is_number(), "{event}");
    assert_eq!(event["routes"][0]["live"]["mean"], Value::Null, "nobody asked for it: {event}");
}

#[tokio::test]
async fn the_last_error_of_a_route_is_told_in_words() {
    let rules = r#"server a.test { listen 0; location "/" { proxy "http://127.0.0.1:1"; } }"#;
    let vordr = Vordr::running(rules).await;
    vordr.get("http://a.test/some/path?secret=1").await;
    vordr.log_error("refused").await;
    let routes = json(&vordr.admin("/routes").await.body);
    let error = &routes[0]["last_error"];
    assert_eq!((&error["status"], &error["reason"]), (&502.into(), &"refused".into()), "{routes}");
    assert_eq!(error["request"], "GET /some/path", "without the query: {routes}");
    assert!(error["detail"].as_str().is_some_and(|text| text.contains("connection refused")), "{routes}");
    assert_eq!(routes[0]["errors"], 1, "{routes}");
}

#[tokio::test]
async fn whoever_is_turned_away_before_a_route_is_told_by_the_reason() {
    let limits = r#"limits { header-size "1k"; header-timeout "300ms"; connections 20; }"#;
    let vordr = Vordr::running_with(limits, &TWO.replace("\"/\"", "\"/y\"")).await;
    let mut events = Watching::begin(&vordr).await;
    assert_eq!(events.next().await["refusals"], serde_json::json!([]));
    vordr.get("http://a.test/nowhere?secret=1").await;
    for _ in 0..2 {
        vordr.send("GET / HTTP/1.1\r\n\r\n").await;
    }
    vordr.send(&format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "x".repeat(2_000))).await;
    let mut slow = vordr.connect().await;
    slow.send("GET / HT").await;
    assert_eq!(slow.response().await.status, 408);
    let reasons = ["no_route", "bad_request", "header_size", "header_timeout"];
    let told = |event: &Value, reason: &str| {
        let refusals = event["refusals"].as_array().unwrap();
        refusals.iter().find(|refusal| refusal["reason"] == reason).cloned()
    };
    let event = events.until(|event| reasons.iter().all(|reason| told(event, reason).is_some())).await;
    let of = |reason| told(&event, reason).unwrap();
    for (reason, status) in reasons.into_iter().zip([404, 400, 431, 408]) {
        let refusal = of(reason);
        assert_eq!(
            (&refusal["what"], &refusal["last"]["status"]),
            (&"request".into(), &status.into()),
            "{event}"
        );
        assert_eq!(refusal["client_ip"], "127.0.0.1", "{event}");
        assert_ne!(refusal["last"]["detail"], "", "{event}");
    }
    assert_eq!((&of("bad_request")["count"], &of("no_route")["count"]), (&2.into(), &1.into()), "{event}");
    assert_eq!(of("no_route")["last"]["request"], "GET /nowhere", "without the query: {event}");
    // As many as there may be, and one more.
    let mut open = Vec::new();
    for _ in 0..=20 {
        open.push(vordr.connect().await);
    }
    events.until(|event| told(event, "connection_limit").is_some()).await;
}

#[tokio::test]
async fn websockets_are_told_with_their_route() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("one").await);
    let mut events = Watching::begin(&vordr).await;
    let event = events.next().await;
    assert_eq!(event["routes"][0]["websockets"], 1, "{event}");
}

#[tokio::test]
async fn a_refused_reload_shows_with_its_reason() {
    let vordr = Vordr::running(TWO).await;
    let mut events = Watching::begin(&vordr).await;
    assert_eq!(events.next().await["config"]["last_error"], Value::Null);
    // It did not come from a file, so there is nothing to load again.
    assert_eq!(vordr.ask_admin("POST /reload HTTP/1.1\r\nHost: localhost\r\n\r\n").await.status, 422);
    let event = events.until(|event| event["config"]["last_error"].is_string()).await;
    assert_eq!(event["config"]["generation"], 1, "{event}");
}

#[tokio::test]
async fn sixteen_may_watch_and_health_is_still_answered() {
    let vordr = Vordr::running(TWO).await;
    let mut watching = Vec::new();
    for _ in 0..16 {
        watching.push(Watching::begin(&vordr).await);
    }
    assert_eq!(vordr.admin("/events").await.status, 503);
    assert_eq!(vordr.admin("/health").await.status, 200);
    watching.pop();
    within(async {
        let ask = "HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
        loop {
            let mut client = Client::connect(vordr.admin_address()).await;
            client.send(ask).await;
            if client.response_head().await.status() == 200 {
                return;
            }
        }
    })
    .await;
}

/// Asks for health every second, on a connection that it keeps for as long as it may.
async fn stays(mut connection: TcpStream) {
    let mut answer = [0; 4096];
    while connection.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok()
        && connection.read(&mut answer).await.is_ok_and(|count| count > 0)
    {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn who_takes_all_places_has_to_leave_them() {
    let vordr = Vordr::running(TWO).await;
    let mut staying = tokio::task::JoinSet::new();
    for _ in 0..64 {
        staying.spawn(stays(TcpStream::connect(vordr.admin_address()).await.unwrap()));
    }
    assert_eq!(within(vordr.admin("/health")).await.status, 200);
}

#[tokio::test]
async fn who_reads_nothing_has_to_leave_too() {
    let vordr = Vordr::running(TWO).await;
    let mut staying = Vec::new();
    for _ in 0..64 {
        let mut connection = TcpStream::connect(vordr.admin_address()).await.unwrap();
        let asked = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(2_000);
        // As much as is taken; what is answered is more than the system holds for who does not read.
        let _ = tokio::time::timeout(Duration::from_millis(50), connection.write_all(&asked)).await;
        staying.push(connection);
    }
    assert_eq!(within(vordr.admin("/health")).await.status, 200);
}

#[tokio::test]
async fn explain_tells_of_the_rules_that_run() {
    let vordr = Vordr::running(TWO).await;
    let port = vordr.address().port();
    let path = format!("/explain?method=POST&url=http%3A%2F%2Fa.test%3A{port}%2Fx%2Fy");
    let told = json(&vordr.admin(&path).await.body);
    let fact = |what: &str| {
        told["facts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|fact| fact["what"] == what)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(fact("location")["text"], "/x", "{told}");
    assert_eq!(told["not_chosen"][0]["why"], "a longer prefix wins over it", "{told}");
    assert!(told["text"].as_str().is_some_and(|text| text.contains("not chosen:")), "{told}");
    let refused = vordr.admin("/explain?url=").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("which URL"), "{}", refused.text());
}

#[tokio::test]
async fn on_loopback_a_name_that_anybody_may_own_is_not_served() {
    let vordr = Vordr::running(TWO).await;
    let asked =
        async |host: &str| vordr.ask_admin(&format!("GET /config HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    let refused = asked("evil.example").await;
    assert_eq!(refused.status, 421);
    assert!(!refused.text().contains("a.test"), "{}", refused.text());
    for host in ["localhost", "127.0.0.1:9180", "[::1]:9180"] {
        assert_eq!(asked(host).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn no_web_page_reloads_the_rules() {
    let vordr = Vordr::running(TWO).await;
    let origin = "POST /reload HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n";
    assert_eq!(vordr.ask_admin(origin).await.status, 403);
}

#[tokio::test]
async fn open_to_others_it_asks_for_its_token() {
    let process = r#"admin "0.0.0.0:0" token="0123456789abcdef""#;
    let vordr = Vordr::running_with(process, TWO).await;
    let asked = async |path: &str, more: &str| {
        vordr.ask_admin(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{more}\r\n")).await
    };
    for path in ["/status", "/config", "/events", "/metrics", "/routes", "/explain?url=a.test"] {
        let refused = asked(path, "").await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")), "{path}");
    }
    assert_eq!(asked("/status", "Authorization: Bearer 0123456789abcdeX\r\n").await.status, 401);
    let config = asked("/config", "Authorization: Bearer 0123456789abcdef\r\n").await;
    assert_eq!(config.status, 200);
    assert!(config.text().contains(r#"token="***""#), "{}", config.text());
    assert!(!config.text().contains("0123456789abcdef"), "{}", config.text());
    for open in ["/health", "/"] {
        assert_eq!(asked(open, "").await.status, 200, "{open}");
    }
    assert_eq!(vordr.ask_admin("POST /reload HTTP/1.1\r\nHost: a.test\r\n\r\n").await.status, 401);
}

//! `limit`: who asks too often is told so, and when to come back; in memory and in a store.

use crate::harness::{Counting, Origin, Vordr, eventually, proxying};

async fn ask(vordr: &Vordr, more: &str) -> u16 {
    vordr.send(&format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{more}\r\n")).await.status
}

#[tokio::test]
async fn more_than_the_rate_and_the_burst_is_answered_429() {
    for counting in Counting::everywhere().await {
        let origin = Origin::answering("ok").await;
        let vordr = counting.proxying_with(&origin, r#"limit rate="2/h" burst=1"#).await;
        for status in [200, 200, 200] {
            assert_eq!(vordr.get("http://a.test/").await.status, status);
        }
        let refused = vordr.get("http://a.test/").await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("RateLimit-Policy"), Some("\"default\";q=2;w=3600"));
        let wait: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
        assert!((1790..=1800).contains(&wait), "{wait}");
        assert_eq!(refused.header("RateLimit"), Some(&*format!("\"default\";r=0;t={wait}")));
        assert_eq!(origin.requests().len(), 3);
        assert_eq!(vordr.log_error("rate_limit").await["status"], 429);
        let series = r#"vordr_http_rejected_total{reason="rate_limit",route="/",server="a.test"}"#;
        vordr.metric_becomes(series, 1.0).await;
    }
}

#[tokio::test]
async fn requests_are_counted_by_the_key() {
    for counting in Counting::everywhere().await {
        let origin = Origin::answering("ok").await;
        let vordr = counting.proxying_with(&origin, r#"limit rate="1/h" key="{header.X-API-Key}""#).await;
        for (key, status) in [("one", 200), ("one", 429), ("two", 200), ("two", 429), ("one", 429)] {
            assert_eq!(ask(&vordr, &format!("X-API-Key: {key}\r\n")).await, status, "{key}");
        }
    }
}

#[tokio::test]
async fn a_token_comes_back_when_it_was_said_to() {
    for counting in Counting::everywhere().await {
        let origin = Origin::answering("ok").await;
        let vordr = counting.proxying_with(&origin, r#"limit rate="1/s""#).await;
        assert_eq!(ask(&vordr, "").await, 200);
        assert_eq!(ask(&vordr, "").await, 429);
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        assert_eq!(ask(&vordr, "").await, 200);
    }
}

#[tokio::test]
async fn a_preflight_and_a_denied_address_cost_nothing() {
    for counting in Counting::everywhere().await {
        let origin = Origin::answering("ok").await;
        let cors = r#"limit rate="1/h"; cors { origins "https://a.example"; methods PUT; }"#;
        let vordr = counting.proxying_with(&origin, cors).await;
        let preflight = "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://a.example\r\n\
                         Access-Control-Request-Method: PUT\r\n\r\n";
        for _ in 0..3 {
            assert_eq!(vordr.send(preflight).await.status, 204);
        }
        assert_eq!(ask(&vordr, "").await, 200);
        let refused = vordr.send("GET / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://a.example\r\n\r\n").await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("Access-Control-Allow-Origin"), Some("https://a.example"));
        let denied = counting.proxying_with(&origin, r#"limit rate="1/h"; deny all"#).await;
        for _ in 0..3 {
            assert_eq!(ask(&denied, "").await, 403);
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_open_is_counted_once() {
    for counting in Counting::everywhere().await {
        let origin = Origin::echoing().await;
        let vordr = counting.proxying_with(&origin, r#"limit rate="1/h""#).await;
        let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
        for _ in 0..5 {
            assert!(socket.echoes("hello").await);
        }
        assert_eq!(ask(&vordr, "").await, 429);
    }
}

#[tokio::test]
async fn counts_outlive_a_reload() {
    for counting in Counting::everywhere().await {
        let origin = Origin::answering("ok").await;
        let vordr = counting.proxying_with(&origin, r#"limit rate="2/h""#).await;
        assert_eq!(ask(&vordr, "").await, 200);
        let newer =
            format!("{}\n{}", vordr.process(), proxying(&origin.url(), r#"limit rate="2/h"; buffering on"#));
        vordr.replace(vordr::Vordr::from_text("newer.kdl", &newer).unwrap()).unwrap();
        assert_eq!(ask(&vordr, "").await, 200);
        assert_eq!(ask(&vordr, "").await, 429);
    }
}

#[tokio::test]
async fn what_vordr_answers_itself_is_limited_too() {
    for counting in Counting::everywhere().await {
        let rules = r#"server a.test { listen 0; limit rate="2/h"
            location "/" { respond 200 in; }
            location "/x" { redirect "/"; }
            location "/free" { limit off; respond 200 in; } }"#;
        let vordr = counting.running(rules).await;
        assert_eq!(vordr.get("http://a.test/").await.status, 200);
        assert_eq!(vordr.get("http://a.test/x").await.status, 302);
        assert_eq!(vordr.get("http://a.test/").await.status, 429);
        for _ in 0..3 {
            assert_eq!(vordr.get("http://a.test/free").await.status, 200);
        }
    }
}

#[tokio::test]
async fn who_is_not_let_through_at_once_waits_for_its_turn() {
    for counting in Counting::everywhere().await {
        let origin = Origin::answering("ok").await;
        let rules = r#"limit rate="10/s" burst=2 at-once=0 spaced=on"#;
        let vordr = counting.proxying_with(&origin, rules).await;
        let began = std::time::Instant::now();
        let three = tokio::join!(ask(&vordr, ""), ask(&vordr, ""), ask(&vordr, ""));
        assert_eq!(three, (200, 200, 200));
        assert!(began.elapsed().as_millis() >= 190, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_zone_counts_wherever_it_stands_and_whoever_has_no_key_not_at_all() {
    for counting in Counting::everywhere().await {
        let rules = r#"server a.test { listen "127.0.0.1:0"
            limit rate="1/h" spaced=on zone=keys key="{header.X-Key}" status=503
            location "/" { respond 200; }
            location "/two" {
                limit rate="1/h" spaced=on zone=keys key="{header.X-Key}" status=418
                limit rate="1/h" spaced=on zone=other key="{header.X-Other}"
                respond 200
            } }"#;
        let vordr = counting.running(rules).await;
        let at = async |path: &str, fields: &str| {
            vordr.send(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await
        };
        for (path, fields, status) in [
            ("/", "", 200),
            ("/", "", 200),
            ("/", "X-Key: a\r\n", 200),
            ("/", "X-Key: a\r\n", 503),
            ("/two", "X-Key: a\r\n", 418),
            ("/two", "X-Key: b\r\nX-Other: c\r\n", 200),
            ("/two", "X-Key: d\r\nX-Other: c\r\n", 429),
        ] {
            let response = at(path, fields).await;
            assert_eq!(response.status, status, "{path} {fields}");
            assert_eq!(response.header("RateLimit").is_some(), status == 429, "{path} {fields}");
        }
        assert_eq!(vordr.log_error("rate_limit").await["status"], 503);
    }
}

#[tokio::test]
async fn each_of_several_limits_has_buckets_of_its_own() {
    for counting in Counting::everywhere().await {
        for (rules, statuses) in [
            (r#"limit rate="5/h"; limit rate="2/d""#, [200, 200, 429, 429]),
            (r#"limit rate="2/d"; limit rate="5/h""#, [200, 200, 429, 429]),
            (r#"limit rate="1/h" dry=on; limit rate="3/h""#, [200, 200, 200, 429]),
        ] {
            let rules = format!("server a.test {{ listen 0; location \"/\" {{ {rules}; respond 200; }}; }}");
            let vordr = counting.running(&rules).await;
            for status in statuses {
                assert_eq!(ask(&vordr, "").await, status, "{rules}");
            }
        }
    }
}

#[tokio::test]
async fn whoever_takes_another_address_of_the_same_network_is_the_same_client() {
    let rules = r#"server a.test { listen 0; location "/" { limit rate="1/h"; respond 200; }; }"#;
    let vordr = Vordr::running_with(r#"trusted-proxies "127.0.0.0/8""#, rules).await;
    for (address, status) in [
        ("2001:db8:1:2::1", 200),
        ("2001:db8:1:2:3:4:5:6", 429),
        ("2001:db8:1:3::1", 200),
        ("192.0.2.1", 200),
        ("192.0.2.2", 200),
        ("192.0.2.1", 429),
    ] {
        assert_eq!(ask(&vordr, &format!("X-Forwarded-For: {address}\r\n")).await, status, "{address}");
    }
}

#[tokio::test]
async fn who_is_refused_is_told_of_the_limit_that_refuses() {
    let rules = r#"server a.test { listen 0
        location "/" { limit rate="5/h"; limit rate="1/d"; respond 200; } }"#;
    let vordr = Vordr::running(rules).await;
    assert_eq!(ask(&vordr, "").await, 200);
    let refused = vordr.get("http://a.test/").await;
    assert_eq!(refused.header("RateLimit-Policy"), Some(r#""default";q=1;w=86400"#));
}

#[tokio::test]
async fn a_key_that_says_what_another_limits_key_is_spends_nobody_elses_tokens() {
    let rules = r#"server a.test { listen 0
        location "/" {
            limit rate="1/h" key="{header.X-A}"
            limit rate="1/h" key="{header.X-B}"
            respond 200
        } }"#;
    let vordr = Vordr::running(rules).await;
    for (a, b) in [("one", "two"), ("two", "one"), ("three", "four")] {
        assert_eq!(ask(&vordr, &format!("X-A: {a}\r\nX-B: {b}\r\n")).await, 200, "{a} {b}");
    }
}

#[tokio::test]
async fn what_one_limit_refuses_another_does_not_count() {
    let rules = r#"server a.test { listen "127.0.0.1:0"
        location "/" {
            limit rate="2/h" key="{header.X-A}" zone=one
            limit rate="1/h" key="{header.X-B}" zone=two
            respond 200
        } }"#;
    let vordr = Vordr::running(rules).await;
    for (b, status) in [("x", 200), ("x", 429), ("x", 429), ("y", 200), ("z", 429)] {
        assert_eq!(ask(&vordr, &format!("X-A: a\r\nX-B: {b}\r\n")).await, status, "{b}");
    }
}

#[tokio::test]
async fn a_dry_limit_refuses_nobody_and_says_whom_it_would_have_refused() {
    let origin = Origin::answering("ok").await;
    let settings = r#"limit rate="1/h" at-once=0 burst=1 dry=on level="warn"; concurrent 5 dry=on"#;
    let vordr = Vordr::running(&proxying(&origin.url(), settings)).await;
    for _ in 0..3 {
        assert_eq!(vordr.get("http://a.test/").await.status, 200, "and nobody waits");
    }
    let line = eventually("a line", || {
        let log = vordr.error_log();
        log.lines().find(|line| line.contains("would have refused")).map(str::to_owned)
    })
    .await;
    for part in [r#""level":"warn""#, r#""reason":"rate_limit""#, r#""client":"127.0.0.1""#] {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn a_dry_limit_leaves_the_one_behind_it_in_force() {
    let rules = r#"server a.test { listen "127.0.0.1:0"
        location "/" {
            limit rate="1/h" zone=told dry=on
            limit rate="2/h" zone=real
            respond 200
        } }"#;
    let vordr = Vordr::running(rules).await;
    for status in [200, 200, 429, 429] {
        assert_eq!(ask(&vordr, "").await, status);
    }
}

#[tokio::test]
async fn the_error_log_has_nginxs_words_and_level_for_what_is_limited() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::reading_nginx(&format!(
        "limit_req_zone $binary_remote_addr zone=few:1m rate=1r/m;
         server {{
             listen 127.0.0.1:0; server_name a.test; limit_req zone=few;
             location /dry {{ limit_req_dry_run on; proxy_pass {0}; }}
             location / {{ limit_req_log_level notice; proxy_pass {0}; }}
         }}",
        origin.url()
    ))
    .await;
    for (path, status) in [("/", 200), ("/dry", 200), ("/", 503)] {
        assert_eq!(vordr.get(&format!("http://a.test{path}")).await.status, status, "{path}");
    }
    for (level, words) in
        [("[error]", " limiting requests, dry run, excess: "), ("[notice]", " limiting requests, excess: ")]
    {
        // As fail2ban looks for it.
        let who = " by zone \"few\", client: 127.0.0.1, server: a.test, request: ";
        let is_it = |line: &str| line.contains(level) && line.contains(words) && line.contains(who);
        eventually(words, || vordr.error_log().lines().any(is_it).then_some(())).await;
    }
}

//! The access log: one JSON object for each exchange, its names for good.

use crate::harness::{Authority, Binary, Client, Origin, Vordr, eventually, free_port, proxying};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_proxied_request_has_every_field() {
    let origin = Origin::answering("hello").await;
    let vordr = Vordr::proxying(&origin).await;
    vordr
        .send(
            "POST /x?y=1 HTTP/1.1\r\nHost: a.test\r\nUser-Agent: test/1\r\nReferer: http://r.test/\r\n\
             Content-Length: 3\r\n\r\nabc",
        )
        .await;
    let line = vordr.log_line(|_| true).await;
    for (name, expected) in [
        ("client_ip", "127.0.0.1"),
        ("method", "POST"),
        ("scheme", "http"),
        ("host", "a.test"),
        ("path", "/x"),
        ("query", "y=1"),
        ("proto", "HTTP/1.1"),
        ("server", "a.test"),
        ("route", "/"),
        ("user_agent", "test/1"),
        ("referer", "http://r.test/"),
        ("peer", origin.url().trim_start_matches("http://")),
    ] {
        assert_eq!(line[name], expected, "{name} in {line}");
    }
    for (name, expected) in
        [("status", 200), ("bytes_in", 3), ("bytes_out", 5), ("upstream_status", 200), ("retries", 0)]
    {
        assert_eq!(line[name], expected, "{name} in {line}");
    }
    for name in ["duration", "ttfb", "upstream_duration"] {
        assert!(line[name].is_number(), "{name} in {line}");
    }
    assert!(line["error"].is_null() && line["timeout"].is_null(), "{line}");
    assert!(line["ts"].as_str().unwrap().ends_with('Z'), "{line}");
}

#[tokio::test]
async fn a_refused_head_has_the_length_of_its_answer_in_the_log() {
    let vordr = Vordr::running("server a.test { listen 0; location \"/\" { respond 204; }; }").await;
    let answer = vordr.send("GET / HTTP/1.1\r\n\r\n").await;
    let line = vordr.log_error("bad_request").await;
    assert_eq!(line["bytes_out"], answer.body.len(), "{line}");
    assert!(!answer.body.is_empty());
}

#[tokio::test]
async fn credentials_are_never_written() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    vordr
        .send("GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer s3cret\r\nCookie: sid=s3cret\r\n\r\n")
        .await;
    let line = vordr.log_line(|_| true).await.to_string();
    assert!(!line.contains("s3cret"), "{line}");
}

#[tokio::test]
async fn a_value_that_a_client_made_up_cannot_break_a_line() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    vordr.send("GET /\"x\" HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \"quoted\\\" \t\u{e9}\r\n\r\n").await;
    assert_eq!(vordr.log_line(|_| true).await["status"], 200);
}

#[tokio::test]
async fn a_refused_connection_is_named_with_its_upstream() {
    let vordr = Vordr::running(
        r#"
        upstream chatbot { server "127.0.0.1:1"; }
        server a.test { listen 0; location "/" { proxy chatbot; } }"#,
    )
    .await;
    vordr.get("http://a.test/").await;
    let line = vordr.log_error("refused").await;
    assert_eq!((&line["upstream"], &line["peer"]), (&"chatbot".into(), &"127.0.0.1:1".into()));
    assert!(line["error_detail"].as_str().unwrap().contains("refused"), "{line}");
    assert!(line["upstream_status"].is_null());
}

#[tokio::test]
async fn every_address_that_was_tried_is_named_with_its_reason() {
    // `localhost` may have an IPv6 address too: whatever it has is named.
    let vordr = Vordr::running(&proxying("http://localhost:1", "")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    let line = vordr.log_error("refused").await;
    let detail = line["error_detail"].as_str().unwrap();
    assert!(detail.contains("127.0.0.1:1 refused"), "{line}");
    let tried = detail.matches(":1 refused").count() as u64;
    assert_eq!(line["retries"], tried - 1, "{line}");
}

#[tokio::test]
async fn a_client_that_goes_away_is_noted_as_499() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::running(&proxying(&origin.url(), "")).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    drop(client);
    assert_eq!(vordr.log_error("client_gone").await["status"], 499);
}

/// As a platform's probe does that wants to know whether anybody is there.
#[tokio::test]
async fn a_connection_that_is_opened_and_closed_is_no_line_of_the_log() {
    let (folder, tls) = (tempfile::tempdir().unwrap(), free_port());
    let certificate = Authority::new().pair(&["a.test"]).write(folder.path(), "a");
    let mut binary = Binary::running(&format!(
        r#"server a.test {{ listen "127.0.0.1:0"; location "/" {{ respond 204; }} }}
        server a.test {{ listen "127.0.0.1:{tls}" tls=on; tls {{ {certificate}; }}; location "/" {{ respond 204; }} }}"#
    ))
    .await;
    for address in [binary.address(), ([127, 0, 0, 1], tls).into()] {
        drop(TcpStream::connect(address).await.unwrap());
        let reset = TcpStream::connect(address).await.unwrap();
        reset.set_zero_linger().unwrap();
    }
    assert_eq!(Client::connect(binary.address()).await.get("a.test", "/").await.status, 204);
    binary.signal("TERM");
    assert!(binary.ended().await.success());
    assert_eq!(binary.printed().lines().count(), 1, "{}", binary.printed());
    assert!(binary.said().lines().all(|line| line.contains(r#""level":"info""#)), "{}", binary.said());
}

/// The lines that a vordr prints in the combined format, the requests sent one after another on one connection.
async fn combined(more: &str, requests: &[&str]) -> Vec<String> {
    let binary = Binary::running(&format!(
        r#"vordr {{ workers 1; access-log stdout format=combined {more}; }}
        server a.test {{ listen "127.0.0.1:0"; location "/" {{ respond 200 "hello"; }} }}"#
    ))
    .await;
    let mut client = Client::connect(binary.address()).await;
    for request in requests {
        client.send(request).await;
        client.response().await;
    }
    eventually("every line", || {
        let lines: Vec<String> = binary.printed().lines().map(str::to_owned).collect();
        (lines.len() == requests.len()).then_some(lines)
    })
    .await
}

/// Without the time, which is checked here: `[21/Nov/2026:10:00:00 +0000]`.
fn without_time(line: &str) -> String {
    let (before, rest) = line.split_once('[').unwrap();
    let (time, after) = rest.split_once(']').unwrap();
    let shape: String = time
        .chars()
        .map(|c| {
            if c.is_ascii_digit() {
                '0'
            } else if c.is_alphabetic() {
                'a'
            } else {
                c
            }
        })
        .collect();
    assert_eq!(shape, "00/aaa/0000:00:00:00 +0000", "{line}");
    format!("{before}[]{after}")
}

#[tokio::test]
async fn the_combined_format_is_that_of_nginx_and_apache() {
    let lines = combined(
        "",
        &[
            "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\nUser-Agent: test/1\r\nReferer: http://r.test/\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: a \"b\" \\c\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
        ],
    )
    .await;
    assert_eq!(
        lines.iter().map(|line| without_time(line)).collect::<Vec<_>>(),
        [
            r#"127.0.0.1 - - [] "GET /x?y=1 HTTP/1.1" 200 5 "http://r.test/" "test/1""#,
            r#"127.0.0.1 - - [] "GET / HTTP/1.1" 200 5 "-" "-""#,
            r#"127.0.0.1 - - [] "GET / HTTP/1.1" 200 5 "-" "a \x22b\x22 \x5Cc""#,
            r#"127.0.0.1 - - [] "GET / HTTP/1.1" 400 88 "-" "-""#,
        ]
    );
}

#[tokio::test]
async fn the_combined_format_leaves_the_query_out_where_the_rules_say_so() {
    let request = "GET /x?token=s3cret HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let lines = combined("query=off", &[request]).await;
    assert!(lines[0].contains("\"GET /x HTTP/1.1\""), "{lines:?}");
}

#[tokio::test]
async fn a_header_beyond_ascii_is_told_all_the_same() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 204; }; }"#).await;
    vordr.send("GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: Bücher/1\r\n\r\n").await;
    assert_eq!(vordr.log_line(|_| true).await["user_agent"], "Bücher/1");
}

//! WebSockets are forwarded by themselves, and nothing touches what they carry.

use crate::harness::{Origin, Vordr, accepted, handshake, proxying};

#[tokio::test]
async fn a_websocket_is_upgraded_and_carries_messages_both_ways() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut socket = vordr
        .connect()
        .await
        .websocket("a.test", "/ws?x=1", "Sec-WebSocket-Protocol: chat\r\n")
        .await
        .unwrap();
    assert!(socket.echoes("hello").await);
    assert!(socket.echoes(&"large ".repeat(50_000)).await);
    let seen = origin.only_request();
    assert_eq!(seen.target(), "/ws?x=1");
    assert_eq!(seen.header("Upgrade"), Some("websocket"));
    assert!(seen.header("Connection").unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!(seen.header("Sec-WebSocket-Protocol"), Some("chat"));
    assert_eq!(seen.header("Sec-WebSocket-Key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
}

#[tokio::test]
async fn an_upstream_may_speak_first_and_at_once() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        let mut socket = connection.upgrade(&request).await;
        socket.say("welcome").await;
        socket.echo().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert_eq!(socket.hear().await.as_deref(), Some("welcome"));
    assert!(socket.echoes("thanks").await);
}

#[tokio::test]
async fn a_close_frame_passes_through_in_either_direction() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        let mut socket = connection.upgrade(&request).await;
        if request.target() == "/theirs" {
            socket.close(4001, "enough").await;
        } else {
            let said = socket.closed().await;
            assert_eq!(said, Some((4002, "bye".to_owned())));
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut theirs = vordr.connect().await.websocket("a.test", "/theirs", "").await.unwrap();
    assert_eq!(theirs.closed().await, Some((4001, "enough".to_owned())));
    let mut ours = vordr.connect().await.websocket("a.test", "/ours", "").await.unwrap();
    ours.close(4002, "bye").await;
    assert_eq!(ours.closed().await.map(|(code, _)| code), Some(4002));
}

#[tokio::test]
async fn a_client_is_told_that_the_upstream_went_away_without_a_close_frame() {
    for resets in [false, true] {
        let origin = Origin::scripted(move |mut connection| async move {
            let request = connection.request().await.unwrap();
            connection.send(accepted(&request.head)).await;
            connection.send(b"\x81\x02hi").await;
            // A masked text of one letter.
            connection.exactly(7).await.unwrap();
            if resets {
                connection.reset();
            }
        })
        .await;
        let vordr = Vordr::proxying(&origin).await;
        let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
        assert_eq!(socket.hear().await.as_deref(), Some("hi"));
        socket.say("x").await;
        assert_eq!(socket.closed().await, Some((1011, String::new())), "reset: {resets}");
        let line = vordr.log_line(|line| line["websocket"].is_object()).await;
        let (initiator, reason) = (&line["websocket"]["close_initiator"], &line["websocket"]["close_reason"]);
        assert_eq!((initiator, reason), (&"upstream".into(), &"abnormal".into()), "{line}");
        assert_eq!(line["websocket"]["close_code"], 1011, "{line}");
    }
}

#[tokio::test]
async fn nothing_is_put_into_a_frame_that_the_upstream_did_not_end() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        connection.send(accepted(&request.head)).await;
        connection.send(b"\x81\x02h").await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send(handshake("a.test", "/", "")).await;
    assert_eq!(client.response_head().await.status(), 101);
    assert_eq!(client.until_end().await.unwrap(), b"\x81\x02h");
}

#[tokio::test]
async fn filters_and_limits_never_touch_an_upgraded_stream() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(
        &origin,
        r#"body-limit 10; buffering on; timeouts send="5s"; response { set X-Own yes; remove Sec-WebSocket-Extensions; }"#,
    )
    .await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert_eq!(socket.head.header("X-Own"), Some("yes"));
    assert!(socket.echoes(&"much more than the limit".repeat(1000)).await);
}

#[tokio::test]
async fn websocket_off_is_answered_426_and_reaches_no_upstream() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(&origin, "websocket off").await;
    let refused = vordr.connect().await.websocket("a.test", "/", "").await.err().unwrap();
    assert_eq!(refused.status, 426);
    assert_eq!(origin.requests().len(), 0);
    assert_eq!(vordr.log_error("websocket_off").await["status"], 426);
}

#[tokio::test]
async fn an_upstream_may_refuse_and_its_answer_passes() {
    let origin = Origin::responding("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let vordr = Vordr::proxying(&origin).await;
    let refused = vordr.connect().await.websocket("a.test", "/", "").await.err().unwrap();
    assert_eq!((refused.status, refused.text().as_str()), (403, "no"));
}

#[tokio::test]
async fn other_upgrades_are_stripped() {
    let origin = Origin::answering("plain").await;
    let vordr = Vordr::proxying(&origin).await;
    for fields in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.3\r\n",
        "Upgrade: websocket\r\n",
    ] {
        let response = vordr.send(&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await;
        assert_eq!((response.status, response.text().as_str()), (200, "plain"), "{fields}");
    }
    for request in origin.requests() {
        assert_eq!(request.header("Upgrade"), None);
        assert_eq!(request.header("HTTP2-Settings"), None);
        assert!(!request.header("Connection").unwrap_or_default().to_ascii_lowercase().contains("upgrade"));
    }
}

#[tokio::test]
async fn an_upstream_that_switches_protocols_unasked_is_a_502() {
    let origin =
        Origin::responding("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
            .await;
    let vordr = Vordr::proxying(&origin).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
}

#[tokio::test]
async fn messages_sent_together_with_the_handshake_are_not_lost() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        connection
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            .await;
        let early = connection.exactly(5).await.unwrap();
        assert_eq!((early.as_slice(), request.target()), (b"early".as_slice(), "/"));
        connection.send("late").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send(format!("{}early", handshake("a.test", "/", ""))).await;
    assert_eq!(client.response_head().await.status(), 101);
    assert_eq!(client.exactly(4).await.unwrap(), b"late");
}

#[tokio::test]
async fn a_websocket_has_a_line_when_it_opens_and_one_when_it_ends_and_is_counted() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/ws", "").await.unwrap();
    let opened = vordr.log_line(|line| line["status"] == 101).await;
    assert_eq!(opened["path"], "/ws");
    let series = r#"vordr_websocket_connections_active{route="/",server="a.test"}"#;
    vordr.metric_becomes(series, 1.0).await;
    assert!(socket.echoes("hello").await);
    socket.close(1000, "").await;
    socket.closed().await;
    vordr.metric_becomes(series, 0.0).await;
    let ended =
        vordr.log_line(|line| line["status"] == 101 && line["websocket"]["duration"].is_number()).await;
    assert!(ended["websocket"]["bytes_in"].as_u64().unwrap() > 0, "{ended}");
    assert!(ended["websocket"]["bytes_out"].as_u64().unwrap() > 0, "{ended}");
    for (name, expected) in [("frames_in", 2), ("frames_out", 2), ("close_code", 1000)] {
        assert_eq!(ended["websocket"][name], expected, "{name} in {ended}");
    }
    assert_eq!(ended["websocket"]["close_initiator"], "client", "{ended}");
    assert_eq!(ended["websocket"]["close_reason"], "normal", "{ended}");
    assert!(ended["error"].is_null(), "{ended}");
    vordr.metric_becomes(r#"vordr_websocket_connections_total{route="/",server="a.test"}"#, 1.0).await;
}

#[tokio::test]
async fn a_second_browser_and_ten_quick_reconnects_disturb_nobody() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::running(&proxying(&origin.url(), "")).await;
    let mut first = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    let mut second = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    for round in 0..10 {
        let mut quick = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
        assert!(quick.echoes(&format!("quick {round}")).await);
        drop(quick);
        assert!(first.echoes("first").await && second.echoes("second").await);
    }
}

#[tokio::test]
async fn frames_are_counted_as_they_pass_by_direction_and_kind() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    for _ in 0..3 {
        assert!(socket.echoes(&"x".repeat(70_000)).await);
    }
    for direction in ["in", "out"] {
        let series = |opcode: &str| {
            format!(
                r#"vordr_websocket_frames_total{{direction="{direction}",opcode="{opcode}",route="/",server="a.test"}}"#
            )
        };
        vordr.metric_becomes(&series("text"), 3.0).await;
        assert_eq!(vordr.metric(&series("close")).await, 0.0);
    }
    let bytes = r#"vordr_websocket_bytes_total{direction="in",route="/",server="a.test"}"#;
    assert!(vordr.metric(bytes).await > 210_000.0);
}

#[tokio::test]
async fn who_ended_a_stream_and_why_is_counted_and_logged() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        let mut socket = connection.upgrade(&request).await;
        match request.target() {
            "/going-away" => socket.close(1001, "").await,
            "/cut" => drop(socket),
            _ => socket.echo().await,
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    for (path, initiator, reason) in [
        ("/going-away", "upstream", "going_away"),
        ("/cut", "upstream", "abnormal"),
        ("/left", "client", "abnormal"),
    ] {
        let mut socket = vordr.connect().await.websocket("a.test", path, "").await.unwrap();
        if path == "/left" {
            assert!(socket.echoes("bye").await);
        } else {
            socket.closed().await;
        }
        drop(socket);
        let ended = vordr.log_line(|line| line["path"] == path && line["websocket"].is_object()).await;
        assert_eq!(ended["websocket"]["close_initiator"], initiator, "{ended}");
        assert_eq!(ended["websocket"]["close_reason"], reason, "{ended}");
        let series = format!(
            r#"vordr_websocket_closes_total{{initiator="{initiator}",reason="{reason}",route="/",server="a.test"}}"#
        );
        vordr.metric_becomes(&series, 1.0).await;
    }
}

#[tokio::test]
async fn a_stream_that_was_silent_for_too_long_was_ended_by_the_proxy() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying_with(&origin, r#"websocket idle="200ms""#).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    socket.closed().await;
    let ended = vordr.log_error("idle").await;
    assert_eq!(ended["websocket"]["close_initiator"], "proxy", "{ended}");
    assert_eq!(ended["websocket"]["close_reason"], "idle", "{ended}");
}

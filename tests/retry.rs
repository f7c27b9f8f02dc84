//! When a request is tried again, and when it must not be.

use crate::harness::{Connection, Origin, REFUSING, Response, Vordr, answers, pooled, servers};

const POST: &str = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody";
const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// Reads a request and breaks the connection.
async fn breaking() -> Origin {
    Origin::scripted(|mut connection| async move {
        connection.request().await;
    })
    .await
}

/// Answers each connection once, and closes the next time it is used.
async fn forgetful(mut connection: Connection) {
    if connection.request().await.is_some() {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    }
    connection.request().await;
}

async fn with_retry(origins: &[Origin], retry: &str) -> Vordr {
    Vordr::running(&pooled(&format!("{}\n{retry}", servers(origins, &[])), "")).await
}

/// Of one client's requests, so that one worker has them.
async fn statuses(vordr: &Vordr, requests: [&str; 2]) -> [u16; 2] {
    let mut client = vordr.connect().await;
    let mut statuses = [0; 2];
    for (request, status) in requests.iter().zip(&mut statuses) {
        client.send(request).await;
        *status = client.response().await.status;
    }
    statuses
}

async fn post(vordr: &Vordr) -> Response {
    vordr.send(POST).await
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_no_failure_whatever_the_method() {
    let origins = [Origin::scripted(forgetful).await];
    let vordr = with_retry(&origins, "").await;
    let mut client = vordr.connect().await;
    for _ in 0..3 {
        client.send(POST).await;
        assert_eq!(client.response().await.text(), "ok");
    }
    let line = vordr.log_line(|line| line["retries"] == 1).await;
    assert_eq!(line["status"], 200, "{line}");
    assert_eq!(line["error"], serde_json::Value::Null);
    vordr.metric_becomes(r#"vordr_upstream_retries_total{reason="early_close",upstream="app"}"#, 2.0).await;
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_asked_for_elsewhere_where_that_is_said() {
    let origins = [Origin::responding("this is not HTTP\r\n\r\n").await, Origin::answering("ok").await];
    for (retry, statuses) in
        [(r#"retry 1 on="protocol""#, [200, 200]), (r#"retry 1 on="closed""#, [502, 200])]
    {
        let vordr = with_retry(&origins, retry).await;
        let mut answered = [vordr.send(GET).await.status, vordr.send(GET).await.status];
        answered.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(answered, statuses, "{retry}");
    }
}

#[tokio::test]
async fn a_server_that_closes_long_after_it_was_asked_may_have_acted_on_it() {
    let slow = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        if connection.request().await.is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
        }
    });
    let origins = [slow.await];
    let vordr = with_retry(&origins, "").await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "ok");
    assert_eq!(post(&vordr).await.status, 502);
    assert_eq!(origins[0].requests().len(), 2, "sent once");
    assert_eq!(vordr.log_error("early_close").await["retries"], 0);
    // What may be sent twice is.
    assert_eq!(vordr.get("http://a.test/").await.text(), "ok");
    assert_eq!(vordr.get("http://a.test/").await.text(), "ok");
    assert_eq!(vordr.log_line(|line| line["retries"] == 1).await["status"], 200);
}

#[tokio::test]
async fn retry_off_tries_nothing_again() {
    let origins = [Origin::scripted(forgetful).await];
    let vordr = with_retry(&origins, "retry off").await;
    let mut client = vordr.connect().await;
    client.send(POST).await;
    assert_eq!(client.response().await.status, 200);
    client.send(POST).await;
    assert_eq!(client.response().await.status, 502);
    vordr.log_error("early_close").await;
}

#[tokio::test]
async fn a_refused_connection_is_tried_at_another_server_where_the_rules_say_so() {
    let origin = Origin::answering("up").await;
    let rules = |retry: &str| pooled(&format!("{REFUSING} server \"{}\"\n{retry}", origin.url()), "");
    let vordr = Vordr::running(&rules("retry 1 on=\"connect\"")).await;
    assert_eq!(answers(&vordr, 4).await, "upupupup");
    assert_eq!(post(&vordr).await.text(), "up");
    let line = vordr.log_line(|line| line["retries"] == 1).await;
    assert_eq!((&line["status"], &line["error"]), (&200.into(), &serde_json::Value::Null), "{line}");
    vordr.metrics_show(r#"vordr_upstream_retries_total{reason="refused",upstream="app"}"#).await;
    let plain = Vordr::running(&rules("")).await;
    let statuses = [plain.get("http://a.test/").await.status, plain.get("http://a.test/").await.status];
    assert_eq!(statuses, [502, 200]);
    plain.log_error("refused").await;
}

#[tokio::test]
async fn a_request_that_a_server_may_have_acted_on_is_not_sent_again() {
    let (origins, retry) =
        ([breaking().await, breaking().await], "retry 3 on=\"connect reused timeout 502\"");
    let vordr = with_retry(&origins, retry).await;
    assert_eq!(post(&vordr).await.status, 502);
    assert_eq!(origins[0].requests().len() + origins[1].requests().len(), 1);
    vordr.log_error("early_close").await;
}

#[tokio::test]
async fn an_idempotent_one_is_tried_once_at_each_server() {
    let origins = [breaking().await, breaking().await];
    let vordr = with_retry(&origins, "retry 5 on=\"502\"").await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    assert_eq!((origins[0].requests().len(), origins[1].requests().len()), (1, 1));
    let line = vordr.log_error("early_close").await;
    assert_eq!(line["retries"], 1);
}

#[tokio::test]
async fn the_operator_may_say_that_anything_is_sent_again() {
    let origins = [breaking().await, Origin::answering("second").await];
    let vordr = with_retry(&origins, "retry 1 on=\"502 non-idempotent\"").await;
    assert_eq!(post(&vordr).await.text(), "second");
    assert_eq!(origins[1].only_request().text(), "body");
}

#[tokio::test]
async fn an_answer_that_retry_names_gives_way_to_another_servers() {
    let busy = || Origin::responding("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
    let origins = [busy().await, Origin::answering("free").await];
    let vordr = with_retry(&origins, "retry 1 on=\"503\"").await;
    assert_eq!(answers(&vordr, 4).await, "freefreefreefree");
    vordr.metrics_show(r#"vordr_upstream_retries_total{reason="status",upstream="app"}"#).await;
    let both = [busy().await, busy().await];
    let vordr = with_retry(&both, "retry 3 on=\"503\"").await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!((response.status, response.text().as_str()), (503, "busy"), "the last answer is the client's");
}

#[tokio::test]
async fn a_server_that_closes_without_a_word_is_left_for_another_where_the_rules_say_so() {
    let origins = [breaking().await, Origin::answering("second").await];
    let vordr = with_retry(&origins, "retry 1 on=\"closed\"").await;
    assert_eq!(answers(&vordr, 4).await, "secondsecondsecondsecond");
    let plain = with_retry(&origins, "").await;
    let statuses = [plain.get("http://a.test/").await.status, plain.get("http://a.test/").await.status];
    assert_eq!(statuses, [502, 200], "nothing is said of it");
    plain.log_error("early_close").await;
}

#[tokio::test]
async fn a_post_on_a_connection_that_nginx_keeps_too_is_sent_once() {
    let origins = [Origin::scripted(forgetful).await];
    let rules = |kept: &str| {
        format!(
            "upstream app {{ server 127.0.0.1:{}; {kept} }}
             server {{ listen 127.0.0.1:0; server_name a.test; location / {{ proxy_pass http://app; }} }}",
            origins[0].port()
        )
    };
    let vordr = Vordr::reading_nginx(&rules("keepalive 4;")).await;
    assert_eq!(statuses(&vordr, [GET, POST]).await, [200, 502]);
    assert_eq!(vordr.log_error("early_close").await["retries"], 0);
    assert_eq!(origins[0].requests().len(), 2);
    assert_eq!(statuses(&vordr, [GET, GET]).await, [200, 200], "what may be asked twice is");
    let vordr = Vordr::reading_nginx(&rules("")).await;
    assert_eq!(statuses(&vordr, [POST, POST]).await, [200, 200], "nginx would keep none");
}

#[tokio::test]
async fn what_is_not_there_is_no_fault_of_the_server() {
    let none = Origin::responding("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone").await;
    let origins = [none, Origin::answering("there").await];
    let vordr = with_retry(&origins, "retry 1 on=\"404\"; passive fails=1 within=\"30s\" for=\"30s\"").await;
    assert_eq!(answers(&vordr, 4).await, "theretheretherethere");
    assert_eq!(origins[0].requests().len(), 4, "it is asked first, again and again");
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_left_for_another() {
    let silent = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let origins = [silent, Origin::answering("quick").await];
    let pool = format!("{}\nretry 1 on=\"timeout\"", servers(&origins, &[]));
    let vordr = Vordr::running(&pooled(&pool, "timeouts read=\"200ms\"")).await;
    assert_eq!(answers(&vordr, 2).await, "quickquick");
    assert_eq!(post(&vordr).await.status, 504, "a server may have acted on it");
    assert_eq!(vordr.log_error("read_timeout").await["timeout"], "timeouts read");
    vordr.metrics_show(r#"vordr_upstream_retries_total{reason="read_timeout",upstream="app"}"#).await;
}

#[tokio::test]
async fn no_attempt_begins_after_within() {
    let silent = || {
        Origin::scripted(|mut connection| async move {
            connection.request().await;
            connection.closed().await;
        })
    };
    let origins = [silent().await, silent().await, silent().await];
    let pool = format!("{}\nretry 5 on=\"timeout\" within=\"300ms\"", servers(&origins, &[]));
    let vordr = Vordr::running(&pooled(&pool, "timeouts read=\"200ms\"")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 504);
    let line = vordr.log_error("read_timeout").await;
    assert_eq!(line["retries"], 1, "{line}");
}

#[tokio::test]
async fn half_a_head_and_a_reset_after_the_head_are_told_apart() {
    let half = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Le").await;
    });
    let half = [half.await];
    let vordr = with_retry(&half, "").await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    let line = vordr.log_error("early_close").await;
    assert_eq!(
        (&line["status"], &line["upstream_status"]),
        (&502.into(), &serde_json::Value::Null),
        "{line}"
    );
    let resets = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        connection.reset();
    });
    let resets = [resets.await];
    let vordr = with_retry(&resets, "retry 3 on=\"connect reused timeout 502\"").await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let head = client.response_head().await;
    assert!(client.is_cut(head.framing(true)).await);
    let line = vordr.log_error("reset").await;
    assert_eq!((&line["upstream_status"], &line["retries"]), (&200.into(), &0.into()), "{line}");
    vordr.metric_becomes(r#"vordr_upstream_errors_total{reason="reset",upstream="app"}"#, 1.0).await;
}

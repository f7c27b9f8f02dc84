//! `afterwards`: a request goes on in another location once it has been answered.

use crate::harness::{Framing, Http2, Origin, Vordr, eventually, http2_request, within};
use http::Method;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn rules(first: &str, then: &str) -> String {
    format!(
        r#"server a.test {{
            listen 0
            location "/" {{ {first}; afterwards enter=done; }}
            location name=done {{ {then}; }}
        }}"#
    )
}

fn proxying(origin: &Origin) -> String {
    format!(
        "request {{ set X-Told \"{{status}} {{bytes_out}} {{completion}}\"; }}; proxy \"{}\"",
        origin.url()
    )
}

#[tokio::test]
async fn the_client_has_its_answer_before_and_its_next_one_behind() {
    let word = Arc::new(Semaphore::new(0));
    let origin = Origin::held(word.clone()).await;
    let vordr = Vordr::running(&rules("respond 202 accepted", &proxying(&origin))).await;
    let mut client = vordr.connect().await;
    let answer = client.get("a.test", "/x?y").await;
    assert_eq!((answer.status, answer.text().as_str()), (202, "accepted"));
    let seen = origin.first_request().await;
    assert_eq!((seen.target(), seen.header("X-Told")), ("/x?y", Some("202 8 OK")));
    word.add_permits(2);
    assert_eq!(client.get("a.test", "/next").await.status, 202);
    eventually("the second", || origin.requests().get(1).map(|seen| assert_eq!(seen.target(), "/next")))
        .await;
}

#[tokio::test]
async fn metrics_and_the_line_of_the_request_tell_of_its_answer() {
    let vordr = Vordr::running(&rules("respond 202 accepted", "proxy \"http://127.0.0.1:1\"")).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 202);
    let line = vordr.log_line(|line| line["path"] == "/").await;
    assert_eq!((&line["status"], line["error"].is_null()), (&202.into(), true), "{line}");
    let counted = r#"vordr_http_requests_total{code="202",method="GET",route="/",server="a.test"}"#;
    vordr.metric_becomes(counted, 1.0).await;
}

#[tokio::test]
async fn a_method_goes_on_and_the_body_does_not() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running(&rules("respond 200", &proxying(&origin))).await;
    let request = "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(vordr.send(request).await.status, 200);
    let seen = origin.first_request().await;
    assert_eq!((seen.head.method(), seen.text().as_str()), ("POST", ""));
}

#[tokio::test]
async fn a_client_that_is_gone_is_no_reason_to_leave_it_undone() {
    let first = Origin::held(Arc::new(Semaphore::new(0))).await;
    let then = Origin::answering("ok").await;
    let rules = rules(&format!("proxy \"{}\"", first.url()), &proxying(&then));
    let vordr = Vordr::running(&rules).await;
    let mut client = vordr.connect().await;
    client.send("GET /gone HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    first.first_request().await;
    drop(client);
    assert_eq!(then.first_request().await.target(), "/gone");
}

#[tokio::test]
async fn an_answer_that_broke_off_does_not_look_whole() {
    let broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let first = Origin::scripted(move |mut connection| async move {
        connection.request().await;
        connection.send(broken).await;
    })
    .await;
    let then = Origin::answering("ok").await;
    let vordr = Vordr::running(&rules(&format!("proxy \"{}\"", first.url()), &proxying(&then))).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.framing(true), Framing::Chunked);
    assert!(client.is_cut(Framing::Chunked).await);
    then.first_request().await;
    let mut client = Http2::connect(vordr.address()).await;
    let request = http2_request(Method::GET, "/");
    let mut answer = client.open(request.body(()).unwrap(), true).await.answer().await;
    let mut ended = Ok(());
    while let (Ok(()), Some(part)) = (&ended, within(answer.body.data()).await) {
        ended = part.map(drop);
    }
    assert!(ended.is_err(), "a stream that is reset");
}

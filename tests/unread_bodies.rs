//! A request's body that nobody reads is read away, so that the connection can go on; it is never taken for a request.

use crate::harness::{Client, Origin, Vordr};

/// A server that answers without a body's being read.
async fn answering() -> (Vordr, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("page.html"), "a page").expect("a file");
    let files = folder.path().display();
    let vordr = Vordr::running(&format!(
        r#"server a.test {{ listen 0
            location "/text" {{ respond 200 "ok"; }}
            location "/moved" {{ redirect "/text"; }}
            location exact="/page.html" {{ on-error 405 from=rules {{ respond 200 "instead"; }}; files "{files}"; }}
            location "/none" {{ files "{files}"; }}
        }}"#
    ))
    .await;
    (vordr, folder)
}

fn post(path: &str, fields: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n\r\n{body}")
}

/// Whether the connection carries a further request.
async fn goes_on(client: &mut Client) -> bool {
    client.get("a.test", "/text?next").await.text() == "ok"
}

#[tokio::test]
async fn what_is_answered_at_once_keeps_the_connection_and_what_was_sent_behind_it() {
    let (vordr, _folder) = answering().await;
    let mut client = vordr.connect().await;
    for (path, status) in [("/text", 200), ("/moved", 302), ("/page.html", 200), ("/none", 405), ("/x", 404)]
    {
        for (fields, body) in [
            ("Content-Length: 4", "body".to_owned()),
            ("Content-Length: 60000", "b".repeat(60_000)),
            ("Transfer-Encoding: chunked", "4\r\nbody\r\n0\r\n\r\n".to_owned()),
            ("Content-Length: 45", "GET /smuggled HTTP/1.1\r\nHost: smuggled.test\r\n".to_owned()),
        ] {
            let next = "GET /text?behind HTTP/1.1\r\nHost: a.test\r\n\r\n";
            client.send(post(path, fields, &body) + next).await;
            let response = client.response().await;
            assert_eq!(response.status, status, "{path} {fields}");
            assert_eq!(response.header("Connection"), Some("keep-alive"), "{path} {fields}");
            assert_eq!(client.response().await.text(), "ok", "{path} {fields}");
        }
    }
    assert!(vordr.log_lines().iter().all(|line| !line["path"].to_string().contains("smuggled")));
}

#[tokio::test]
async fn a_body_that_comes_behind_its_answer_is_none_the_less_a_body() {
    let (vordr, _folder) = answering().await;
    let mut client = vordr.connect().await;
    for (fields, body) in
        [("Content-Length: 4", "body"), ("Transfer-Encoding: chunked", "4\r\nbody\r\n0\r\n\r\n")]
    {
        client.send(post("/text", fields, "")).await;
        assert_eq!(client.response().await.text(), "ok", "it is not waited for");
        client.send(body).await;
        assert!(goes_on(&mut client).await, "{fields}");
    }
}

#[tokio::test]
async fn what_is_large_or_waits_to_be_asked_for_ends_the_connection() {
    let (vordr, _folder) = answering().await;
    for fields in ["Content-Length: 70000", "Content-Length: 4\r\nExpect: 100-continue"] {
        let mut client = vordr.connect().await;
        client.send(post("/text", fields, "")).await;
        let response = client.response().await;
        assert_eq!((response.status, response.header("Connection")), (200, Some("close")), "{fields}");
        client.closed().await;
    }
}

#[tokio::test]
async fn chunks_without_end_or_that_are_none_end_the_connection() {
    let (vordr, _folder) = answering().await;
    let large = format!("8000\r\n{}\r\n", "b".repeat(0x8000)).repeat(4);
    let next = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for body in [large + "0\r\n\r\n" + next, "x\r\n".to_owned() + next, "4\r\nbodyGET".to_owned() + next] {
        let mut client = vordr.connect().await;
        client.send(post("/text", "Transfer-Encoding: chunked", &body)).await;
        let _ = client.any_response().await;
        client.closed().await;
    }
    assert!(vordr.log_lines().iter().all(|line| !line["path"].to_string().contains("smuggled")));
}

/// Answers 401 as soon as it has the head, and keeps its connection.
async fn denying(body: &'static str) -> Origin {
    Origin::scripted(move |mut connection| async move {
        connection.request_head().await;
        let length = body.len();
        connection.send(format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {length}\r\n\r\n{body}")).await;
        connection.closed().await;
    })
    .await
}

/// Asks for what is denied with this text, and keeps its body.
async fn keeps_its_body(denied: &'static str) {
    let origin = denying(denied).await;
    let vordr = Vordr::proxying(&origin).await;
    for leaves in [true, false] {
        let mut client = vordr.connect().await;
        let waits = "Expect: 100-continue\r\nContent-Length: 4";
        client.send(format!("POST /{leaves} HTTP/1.1\r\nHost: a.test\r\n{waits}\r\n\r\n")).await;
        let answer = client.any_response().await;
        assert_eq!((answer.status, answer.header("Connection")), (401, Some("close")));
        assert_eq!(answer.text(), denied);
        if !leaves {
            client.closed().await;
        }
        drop(client);
        let line = vordr.log_line(|line| line["path"] == format!("/{leaves}")).await;
        assert_eq!((&line["status"], line["error"].is_null()), (&401.into(), true), "{line}");
    }
}

#[tokio::test]
async fn a_client_that_keeps_its_body_behind_the_answer_has_not_failed() {
    tokio::join!(keeps_its_body(""), keeps_its_body("denied"));
}

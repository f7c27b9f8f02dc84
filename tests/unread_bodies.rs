//! A request's body that nobody reads is read away, so that the connection can go on; it is never taken for a request.

use crate::harness::{Client, Vordr};

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

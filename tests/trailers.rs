//! Headers behind the body of an answer: over HTTP/1.1, HTTP/2, and beside those of an upstream.

use crate::harness::{Answer, Client, Framing, Http2, Http2Origin, Origin, Vordr, http2_request, within};
use http::{HeaderMap, Method};

const TRAILERS: &str =
    r#"response { trailer X-Took "{duration}"; trailer X-Size "{bytes_out}" errors=off; }"#;

/// The body of the next answer, and the names of its trailers with what can be compared of them.
async fn told(client: &mut Client) -> (u16, String, String) {
    let response = client.response().await;
    assert_eq!(
        (response.header("Content-Length"), response.header("Transfer-Encoding")),
        (None, Some("chunked"))
    );
    let lines = client.trailers.iter().map(|line| match line.split_once(": ") {
        Some(("X-Took", took)) => {
            assert!(took.parse::<f64>().is_ok(), "{took}");
            "X-Took"
        }
        _ => line,
    });
    (response.status, response.text(), lines.collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn they_follow_an_answer_and_the_next_one_follows_them() {
    let origin = Origin::answering("hello").await;
    let vordr = Vordr::running(&format!(
        r#"server a.test {{
            listen 0
            {TRAILERS}
            location "/" {{ proxy "{}"; }}
            location "/own" {{ respond 200 "own"; }}
            location "/empty" {{ respond 200; }}
            location "/failed" {{ respond 404 "none"; }}
            location "/packed" {{ compress gzip min-size=1; proxy "{}"; }}
        }}"#,
        origin.url(),
        origin.url()
    ))
    .await;
    let mut client = vordr.connect().await;
    for (path, status, body, trailers) in [
        ("/", 200, "hello", "X-Took, X-Size: 5"),
        ("/own", 200, "own", "X-Took, X-Size: 3"),
        ("/empty", 200, "", "X-Took, X-Size: 0"),
        ("/failed", 404, "none", "X-Took"),
        ("/packed", 200, "hello", "X-Took, X-Size: 5"),
        ("/", 200, "hello", "X-Took, X-Size: 5"),
    ] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        assert_eq!(told(&mut client).await, (status, body.to_owned(), trailers.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_larger_than_any_buffer_is_whole_ahead_of_them() {
    let body: String = (0..60_000).map(|number| format!("{number}\r\n0\r\n\r\n")).collect();
    let origin = Origin::answering(&body).await;
    let vordr = Vordr::proxying_with(&origin, TRAILERS).await;
    let mut client = vordr.connect().await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let (_, sent, trailers) = told(&mut client).await;
        assert!(sent == body, "{} bytes of {}", sent.len(), body.len());
        assert_eq!(trailers, format!("X-Took, X-Size: {}", body.len()));
    }
}

#[tokio::test]
async fn who_has_no_place_for_them_gets_none() {
    let origin = Origin::answering("hello").await;
    let vordr = Vordr::proxying_with(&origin, TRAILERS).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.header("Content-Length"), response.text().as_str()), (Some("5"), "hello"));
    let mut client = vordr.connect().await;
    client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let head = client.response_head().await;
    assert_eq!((head.header("Content-Length"), head.framing(true)), (Some("5"), Framing::Length(5)));
}

/// The body, and what follows it.
async fn whole(mut answer: Answer) -> (String, HeaderMap) {
    let body = answer.text().await;
    (body, within(answer.body.trailers()).await.expect("no reset").unwrap_or_default())
}

#[tokio::test]
async fn over_http_2_the_length_stays() {
    let origin = Origin::answering("hello").await;
    let vordr = Vordr::running(&format!(
        "server a.test {{ listen 0; {TRAILERS}; location \"/\" {{ proxy \"{}\"; }}\n\
         location \"/own\" {{ respond 200 own; }}; location \"/empty\" {{ respond 200; }} }}",
        origin.url()
    ))
    .await;
    let mut client = Http2::connect(vordr.address()).await;
    for (path, body) in [("/", "hello"), ("/own", "own"), ("/empty", "")] {
        let answer = client.get(path).await;
        let length = body.len().to_string();
        assert_eq!(answer.header("content-length"), Some(length.as_str()), "{path}");
        let (sent, trailers) = whole(answer).await;
        assert_eq!(
            (sent.as_str(), trailers.get("x-size").map(|size| size.to_str().unwrap())),
            (body, Some(&*length))
        );
        assert!(trailers.contains_key("x-took"), "{path}");
    }
    let head = client.open(http2_request(Method::HEAD, "/").body(()).unwrap(), true).await.answer().await;
    assert_eq!(head.header("content-length"), Some("5"));
    assert!(whole(head).await.1.is_empty());
}

#[tokio::test]
async fn those_of_an_upstream_come_ahead_of_them() {
    let origin = Http2Origin::answering(None, b"framed").await;
    let rules = format!(
        "server a.test {{ listen 0; {TRAILERS}; location \"/\" {{ proxy \"http://127.0.0.1:{}\" {{ http \"2\"; }} }} }}",
        origin.port()
    );
    let vordr = Vordr::running(&rules).await;
    let (body, trailers) = whole(Http2::connect(vordr.address()).await.get("/").await).await;
    assert_eq!(
        (body.as_str(), &trailers["grpc-status"], &trailers["x-size"]),
        ("framed", &"0".parse().unwrap(), &"6".parse().unwrap())
    );
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(told(&mut client).await, (200, "framed".to_owned(), "X-Took, X-Size: 6".to_owned()));
}

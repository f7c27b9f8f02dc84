//! What the rules say holds over HTTP/2 as it does over HTTP/1.1.

use crate::harness::{Http2, Http2Origin, Origin, Vordr, http2_request as request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// A location with these words, what is asked of it, and what has to come of it.
struct Case {
    words: &'static str,
    method: Method,
    headers: &'static [(&'static str, &'static str)],
    body: &'static [u8],
    status: u16,
    shows: fn(&HeaderMap, &str) -> bool,
    error: Option<&'static str>,
}

const CASES: &[Case] = &[
    Case {
        words: "",
        method: Method::POST,
        headers: &[],
        body: b"upload",
        status: 200,
        shows: |_, text| text == "hello",
        error: None,
    },
    Case {
        words: r#"cors { origins "https://b.test"; }"#,
        method: Method::OPTIONS,
        headers: &[("origin", "https://b.test"), ("access-control-request-method", "GET")],
        body: b"",
        status: 204,
        shows: |headers, _| headers["access-control-allow-origin"] == "https://b.test",
        error: None,
    },
    Case {
        words: "body-limit 4",
        method: Method::POST,
        headers: &[("content-length", "5")],
        body: b"12345",
        status: 413,
        shows: |_, text| text.contains("413"),
        error: Some("body_limit"),
    },
    Case {
        words: "body-limit 4",
        method: Method::POST,
        headers: &[],
        body: b"12345",
        status: 413,
        shows: |_, text| text.contains("413"),
        error: Some("body_limit"),
    },
    Case {
        words: "buffering on",
        method: Method::POST,
        headers: &[],
        body: b"gathered",
        status: 200,
        shows: |_, text| text == "hello",
        error: None,
    },
    Case {
        words: "buffering on; body-limit 4",
        method: Method::POST,
        headers: &[],
        body: b"12345",
        status: 413,
        shows: |_, text| text.contains("413"),
        error: Some("body_limit"),
    },
    Case {
        words: r#"deny "127.0.0.0/8""#,
        method: Method::GET,
        headers: &[],
        body: b"",
        status: 403,
        shows: |_, _| true,
        error: Some("address"),
    },
    Case {
        words: r#"response { set X-Seen "{method} {path}"; }"#,
        method: Method::GET,
        headers: &[],
        body: b"",
        status: 200,
        shows: |headers, _| headers["x-seen"] == "GET /",
        error: None,
    },
];

#[tokio::test]
async fn what_a_location_says_holds() {
    let origin = Origin::answering("hello").await;
    for case in CASES {
        let vordr = Vordr::proxying_with(&origin, case.words).await;
        let mut client = Http2::connect(vordr.address()).await;
        let mut head = request(case.method.clone(), "/");
        for (name, value) in case.headers {
            head = head.header(*name, *value);
        }
        let mut stream = client.open(head.body(()).unwrap(), case.body.is_empty()).await;
        // What is refused may be reset before all of it was taken.
        let _ = stream.send(Bytes::from_static(case.body), true).await;
        let mut answer = stream.answer().await;
        let text = answer.text().await;
        assert_eq!(answer.status.as_u16(), case.status, "{}: {text}", case.words);
        assert!((case.shows)(&answer.headers, &text), "{}: {:?} {text}", case.words, answer.headers);
        let line = vordr.log_line(|line| line["proto"] == "HTTP/2").await;
        assert_eq!(line["error"].as_str(), case.error, "{}", case.words);
    }
}

#[tokio::test]
async fn an_upstream_that_fails_is_told_in_the_same_words() {
    let silent = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let gone = Origin::scripted(|mut connection| async move {
        connection.request().await;
    })
    .await;
    for (origin, words, status, error) in [
        (&silent, "timeouts read=\"300ms\"", 504, "read_timeout"),
        (&gone, "", 502, "early_close"),
        (&gone, "on-error 502 { respond 418 \"tea\"; }", 418, "early_close"),
    ] {
        let vordr = Vordr::proxying_with(origin, words).await;
        let answer = Http2::connect(vordr.address()).await.get("/").await;
        assert_eq!(answer.status.as_u16(), status, "{words}");
        vordr.log_error(error).await;
    }
}

#[tokio::test]
async fn redirects_and_answers_of_vordrs_own_need_no_upstream() {
    let vordr = Vordr::running(
        r#"server a.test { listen 0; location "/" { respond 200 "hello"; }; location "/old" { redirect 308 "/new"; } }"#,
    )
    .await;
    let mut client = Http2::connect(vordr.address()).await;
    assert_eq!(client.get("/").await.text().await, "hello");
    let answer = client.get("/old").await;
    assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
    assert!(answer.header("location").unwrap().ends_with("/new"));
}

#[tokio::test]
async fn a_large_upload_that_is_refused_is_answered_and_the_connection_goes_on() {
    let origin = Origin::answering("hello").await;
    let vordr = Vordr::proxying_with(&origin, "body-limit \"10k\"").await;
    let mut client = Http2::connect(vordr.address()).await;
    for length in [Some("10000000"), None] {
        let mut head = request(Method::POST, "/");
        if let Some(length) = length {
            head = head.header("content-length", length);
        }
        let mut stream = client.open(head.body(()).unwrap(), false).await;
        // It stops when it is told that nobody listens any more.
        let sent = stream.send(Bytes::from(vec![b'x'; 10_000_000]), true).await;
        assert!(sent.is_err(), "ten megabytes were taken, of which ten kilobytes are allowed");
        assert_eq!(stream.answer().await.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(client.get("/").await.text().await, "hello");
}

#[tokio::test]
async fn http_2_on_both_sides_is_no_different() {
    let origin = Http2Origin::answering(None, b"over h2").await;
    let url = format!("http://127.0.0.1:{}", origin.port());
    let rules =
        format!("server a.test {{ listen 0; location \"/\" {{ proxy \"{url}\" {{ http \"2\"; }} }} }}");
    let vordr = Vordr::running(&rules).await;
    let mut client = Http2::connect(vordr.address()).await;
    assert_eq!(client.get("/").await.text().await, "over h2");
    for length in [Some("6"), None] {
        let mut head = request(Method::POST, "/upload");
        if let Some(length) = length {
            head = head.header("content-length", length);
        }
        let mut stream = client.open(head.body(()).unwrap(), false).await;
        stream.send(Bytes::from_static(b"upload"), true).await.unwrap();
        assert_eq!(stream.answer().await.text().await, "over h2");
        assert_eq!(origin.requests().pop().unwrap().1, b"upload");
    }
}

#[tokio::test]
async fn curl_is_served_by_prior_knowledge() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len());
            connection.send([head.into_bytes(), request.body].concat()).await;
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let url = format!("http://{}/echo", vordr.address());
    let body = "0123456789".repeat(50_000);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &body).unwrap();
    let data = format!("@{}", file.path().display());
    let shown = curl(&["--http2-prior-knowledge", "--data-binary", &data, &url]).await;
    assert_eq!(shown, format!("{body}\n2 200"));
}

/// What curl shows, with the version and the status that it saw.
async fn curl(args: &[&str]) -> String {
    let mut curl = std::process::Command::new("curl");
    curl.args(["-sS", "--max-time", "20", "-H", "Host: a.test", "-H", "Expect:"]);
    curl.args(["-w", "\n%{http_version} %{http_code}"]).args(args);
    let output = tokio::task::spawn_blocking(move || curl.output()).await.unwrap();
    let output = output.expect("curl, which the tests need");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_requests_trailers_stay_behind_and_its_body_is_whole() {
    let origin = Origin::answering("fine").await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut stream = client.open(request(Method::POST, "/").body(()).unwrap(), false).await;
    stream.send(Bytes::from_static(b"body"), false).await.unwrap();
    let checksum = (HeaderName::from_static("x-checksum"), HeaderValue::from_static("1"));
    stream.body.send_trailers([checksum].into_iter().collect()).unwrap();
    assert_eq!(stream.answer().await.status, StatusCode::OK);
    assert_eq!(origin.only_request().text(), "body");
}

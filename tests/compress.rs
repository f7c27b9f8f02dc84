//! `compress`: answers packed on their way, without holding any of them up.

use crate::harness::{Binary, Client, Origin, Response, Vordr, eventually, proxying};
use std::io::Read;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Something that shrinks, and is larger than what is sent at once.
fn text() -> String {
    (0..6000).map(|number| format!("{{\"id\":{number},\"name\":\"item {}\"}}\n", number % 89)).collect()
}

fn unpacked(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let read = match coding {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text),
        "zstd" => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut text),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text),
        other => panic!("{other} is no coding"),
    };
    read.unwrap_or_else(|error| panic!("{coding}: {error} after {} bytes", text.len()));
    text
}

/// What can be read of a body so far.
fn so_far(bytes: &[u8]) -> String {
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    let (mut text, mut buffer) = (Vec::new(), [0; 512]);
    while let Ok(count @ 1..) = decoder.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(text).unwrap()
}

async fn ask(vordr: &Vordr, method: &str, path: &str, lines: &str) -> Response {
    let mut client = vordr.connect().await;
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n")).await;
    let head = client.response_head().await;
    match method {
        "HEAD" => Response { status: head.status(), head, body: Vec::new() },
        _ => client.rest_of(head).await,
    }
}

/// An upstream whose answer to everything is this text.
async fn app(lines: &str) -> Origin {
    let text = text();
    Origin::responding(&format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n{text}", text.len()))
        .await
}

const JSON: &str = "Content-Type: application/json\r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\n";

#[tokio::test]
async fn an_apps_answer_comes_in_the_coding_that_is_wanted_and_whole() {
    let app = app(JSON).await;
    let vordr = Vordr::proxying_with(&app, "compress zstd br gzip").await;
    for (accept, coding) in [("gzip, br, zstd", "zstd"), ("gzip, br", "br"), ("gzip;q=0.1", "gzip")] {
        let answer = ask(&vordr, "GET", "/", &format!("Accept-Encoding: {accept}\r\n")).await;
        assert_eq!((answer.status, answer.header("Content-Encoding")), (200, Some(coding)));
        assert_eq!(unpacked(coding, &answer.body), text().into_bytes(), "{coding}");
        assert!(answer.body.len() * 5 < text().len(), "{coding}: {} of {}", answer.body.len(), text().len());
        assert_eq!(
            (answer.header("ETag"), answer.header("Vary")),
            (Some("W/\"v1\""), Some("Accept-Encoding"))
        );
        assert_eq!((answer.header("Content-Length"), answer.header("Accept-Ranges")), (None, None));
        println!("{coding}: {} of {} bytes", answer.body.len(), text().len());
    }
    let plain = ask(&vordr, "GET", "/", "").await;
    assert_eq!((plain.header("Content-Encoding"), plain.text()), (None, text()));
    assert_eq!((plain.header("ETag"), plain.header("Vary")), (Some("\"v1\""), Some("Accept-Encoding")));
    // What is counted is what has left.
    let line = vordr.log_line(|line| line["bytes_out"].as_u64() < Some(60_000)).await;
    assert_eq!(line["status"], 200);
}

#[tokio::test]
async fn a_connection_carries_one_packed_answer_after_the_other() {
    let app = app(JSON).await;
    let vordr = Vordr::proxying_with(&app, "compress gzip").await;
    let mut client = vordr.connect().await;
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n").await;
        assert_eq!(unpacked("gzip", &client.response().await.body), text().into_bytes());
        client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n").await;
        assert_eq!(client.response_head().await.header("Content-Encoding"), Some("gzip"));
    }
}

#[tokio::test]
async fn a_part_is_at_the_client_before_the_next_one_is_written() {
    let word = Arc::new(Semaphore::new(0));
    let given = word.clone();
    let origin = Origin::scripted(move |mut connection| {
        let word = given.clone();
        async move {
            connection.request().await;
            connection
                .send("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            for part in ["3\r\none\r\n", "3\r\ntwo\r\n", "5\r\nthree\r\n", "0\r\n\r\n"] {
                word.acquire().await.unwrap().forget();
                connection.send(part).await;
            }
        }
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, "compress gzip").await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n").await;
    assert_eq!(client.response_head().await.header("Content-Encoding"), Some("gzip"));
    let mut packed = Vec::new();
    for expected in ["one", "onetwo", "onetwothree"] {
        word.add_permits(1);
        while so_far(&packed) != expected {
            packed.extend(client.chunk().await.unwrap().expect("a part"));
        }
    }
    word.add_permits(1);
    while let Some(chunk) = client.chunk().await.unwrap() {
        packed.extend(chunk);
    }
    assert_eq!(unpacked("gzip", &packed), b"onetwothree");
}

#[tokio::test]
async fn events_pass_as_they_are() {
    let origin = Origin::responding(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: 1\n\n",
    )
    .await;
    let vordr = Vordr::proxying_with(&origin, "compress gzip zstd br").await;
    let events = ask(&vordr, "GET", "/", "Accept-Encoding: gzip, br, zstd\r\n").await;
    assert_eq!((events.header("Content-Encoding"), events.text().as_str()), (None, "data: 1\n\n"));
    assert_eq!(events.header("Vary"), None);
}

#[tokio::test]
async fn what_is_packed_already_or_must_not_be_changed_passes_as_it_is() {
    for lines in [
        "Content-Type: text/css\r\nContent-Encoding: br\r\n",
        "Content-Type: text/css\r\nCache-Control: no-transform\r\n",
        "Content-Type: image/png\r\n",
    ] {
        let app = app(lines).await;
        let vordr = Vordr::proxying_with(&app, "compress gzip").await;
        let answer = ask(&vordr, "GET", "/", "Accept-Encoding: gzip, br\r\n").await;
        assert_eq!(answer.text(), text(), "{lines}");
        assert_eq!(answer.header("Content-Length"), Some(&*text().len().to_string()));
    }
    let part = Origin::responding(&format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Type: text/css\r\nContent-Range: bytes 0-1999/9999\r\n\
         Content-Length: 2000\r\n\r\n{}",
        "x".repeat(2000)
    ))
    .await;
    let vordr = Vordr::proxying_with(&part, "compress gzip").await;
    let answer = ask(&vordr, "GET", "/", "Accept-Encoding: gzip\r\nRange: bytes=0-1999\r\n").await;
    assert_eq!((answer.status, answer.header("Content-Encoding"), answer.body.len()), (206, None, 2000));
}

#[tokio::test]
async fn an_upstream_that_breaks_off_leaves_a_cut_that_the_client_can_tell() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 9000\r\n\r\nbegun")
            .await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, "compress gzip").await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n").await;
    let head = client.response_head().await;
    assert!(client.is_cut(head.framing(true)).await);
    vordr.log_error("early_close").await;
}

#[tokio::test]
async fn files_are_packed_unless_a_range_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.json"), text()).unwrap();
    std::fs::write(folder.path().join("small.txt"), "small").unwrap();
    let vordr = Vordr::running(&format!(
        "server a.test {{ listen 0; compress br gzip; location \"/\" {{ files {:?}; }} }}",
        folder.path()
    ))
    .await;
    for coding in ["gzip", "br"] {
        let answer = ask(&vordr, "GET", "/list.json", &format!("Accept-Encoding: {coding}\r\n")).await;
        assert_eq!(answer.header("Content-Encoding"), Some(coding));
        assert_eq!(unpacked(coding, &answer.body), text().into_bytes());
        let tag = answer.header("ETag").unwrap().to_owned();
        assert!(tag.starts_with("W/"));
        let lines = format!("Accept-Encoding: {coding}\r\nIf-None-Match: {tag}\r\n");
        let same = ask(&vordr, "GET", "/list.json", &lines).await;
        assert_eq!((same.status, same.header("ETag")), (304, Some(&*tag)));
        // Nobody can put a part of the plain file behind the beginning of a packed one.
        let lines = format!("Accept-Encoding: {coding}\r\nRange: bytes=5-9\r\nIf-Range: {tag}\r\n");
        assert_eq!(ask(&vordr, "GET", "/list.json", &lines).await.status, 200);
    }
    let part = ask(&vordr, "GET", "/list.json", "Accept-Encoding: gzip\r\nRange: bytes=0-4\r\n").await;
    assert_eq!((part.status, part.header("Content-Encoding"), part.text().as_str()), (206, None, "{\"id\""));
    let small = ask(&vordr, "GET", "/small.txt", "Accept-Encoding: gzip\r\n").await;
    assert_eq!((small.text().as_str(), small.header("Vary")), ("small", None));
    let mut old = vordr.connect().await;
    old.send("GET /list.json HTTP/1.0\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n").await;
    let old = old.response().await;
    assert_eq!((old.header("Content-Encoding"), old.text()), (None, text()));
}

#[tokio::test]
async fn vordrs_own_answers_are_packed_where_they_are_large_enough() {
    let page = text();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.json");
    std::fs::write(&file, &page).unwrap();
    let vordr = Vordr::running(&format!(
        "server a.test {{ listen 0; compress zstd; location \"/\" {{ respond 503 file={file:?}; }} }}"
    ))
    .await;
    let answer = ask(&vordr, "GET", "/", "Accept-Encoding: zstd\r\n").await;
    assert_eq!((answer.status, answer.header("Content-Encoding")), (503, Some("zstd")));
    assert_eq!(unpacked("zstd", &answer.body), page.into_bytes());
    assert_eq!(answer.header("Content-Length"), Some(&*answer.body.len().to_string()));
}

#[tokio::test]
async fn curl_unpacks_what_it_is_sent() {
    let app = app(JSON).await;
    for coding in ["gzip", "zstd", "br"] {
        let vordr = Vordr::running(&proxying(&app.url(), &format!("compress {coding}"))).await;
        let url = format!("http://{}/", vordr.address());
        let asking = tokio::task::spawn_blocking(move || {
            std::process::Command::new("curl")
                .args([
                    "--silent",
                    "--show-error",
                    "--compressed",
                    "--header",
                    "Host: a.test",
                    "--include",
                    &url,
                ])
                .output()
                .expect("curl, as scripts/setup.sh installs it")
        });
        let output = asking.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let (head, body) = said.split_once("\r\n\r\n").expect("a head");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(head.to_lowercase().contains(&format!("content-encoding: {coding}")), "{head}");
        assert!(body == text(), "{coding}: {} bytes", body.len());
    }
}

/// How an upstream of HTTP/2 ends its answer.
#[derive(Debug, Clone, Copy)]
enum End {
    /// With its last part.
    AtOnce,
    /// With an empty part.
    Later,
    /// With trailers.
    Trailers,
}

/// An upstream of HTTP/2 that answers one connection's requests with the text.
async fn newer_app(end: End) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let head = http::Response::builder().header("Content-Type", "application/json").body(()).unwrap();
            let mut body = respond.send_response(head, false).unwrap();
            body.send_data(text().into(), matches!(end, End::AtOnce)).unwrap();
            match end {
                End::AtOnce => {}
                End::Later => body.send_data(bytes::Bytes::new(), true).unwrap(),
                End::Trailers => body.send_trailers(http::HeaderMap::new()).unwrap(),
            }
        }
    });
    url
}

#[tokio::test]
async fn an_answer_of_http_2_is_packed_to_its_end_however_it_ends() {
    for end in [End::AtOnce, End::Later, End::Trailers] {
        let url = newer_app(end).await;
        let vordr = Vordr::running(&format!(
            "server a.test {{ listen 0; compress gzip; location \"/\" {{ proxy \"{url}\" {{ http \"2\"; }} }} }}"
        ))
        .await;
        let answer = ask(&vordr, "GET", "/", "Accept-Encoding: gzip\r\n").await;
        assert_eq!(answer.header("Content-Encoding"), Some("gzip"), "{end:?}");
        assert_eq!(unpacked("gzip", &answer.body), text().into_bytes(), "{end:?}");
    }
}

#[tokio::test]
async fn a_client_of_http_2_is_sent_packed_answers_too() {
    let app = app(JSON).await;
    let vordr = Vordr::proxying_with(&app, "compress gzip").await;
    let url = format!("http://{}/", vordr.address());
    let asking = tokio::task::spawn_blocking(move || {
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "--http2-prior-knowledge", "--compressed", "-H", "Host: a.test", "-i", &url]);
        curl.output().expect("curl, as scripts/setup.sh installs it")
    });
    let output = asking.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/2 200") && head.contains("content-encoding: gzip"), "{head}");
    assert!(body == text(), "{} bytes", body.len());
}

#[tokio::test]
async fn a_304_of_a_file_has_the_tag_that_its_200_had() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["large.txt", "large.png", "packed.txt", "packed.txt.gz"] {
        std::fs::write(folder.path().join(name), text()).unwrap();
    }
    std::fs::write(folder.path().join("small.txt"), "small").unwrap();
    let location = format!("compress gzip; files {:?} precompressed=on vary=off", folder.path());
    let vordr =
        Vordr::running(&format!("server a.test {{ listen 0; location \"/\" {{ {location}; }} }}")).await;
    let gzip = "Accept-Encoding: gzip\r\n";
    for (path, is_weak) in
        [("/large.txt", true), ("/large.png", false), ("/packed.txt", false), ("/small.txt", false)]
    {
        for lines in [gzip, ""] {
            let whole = ask(&vordr, "GET", path, lines).await;
            let tag = whole.header("ETag").unwrap();
            assert_eq!(tag.starts_with("W/"), is_weak && lines == gzip, "{path} {tag}");
            let lines = format!("{lines}If-None-Match: {tag}\r\n");
            let same = ask(&vordr, "GET", path, &lines).await;
            assert_eq!((same.status, same.header("ETag")), (304, Some(tag)), "{path}");
            assert_eq!(same.header("Vary"), whole.header("Vary"), "{path}");
        }
    }
}

#[tokio::test]
async fn the_log_tells_how_much_smaller_an_answer_became() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let binary = Binary::running(&format!(
        r#"vordr {{ log-format ratio "{{path}} {{packing_ratio}}"; access-log {log:?} format=ratio; }}
        server a.test {{ listen "127.0.0.1:0"; compress gzip; location "/" {{ respond 200 "{}"; }}; }}"#,
        "x".repeat(9000)
    ))
    .await;
    let mut client = Client::connect(binary.address()).await;
    client.send("GET /whole HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n").await;
    let hundredths = 9000 * 100 / client.response().await.body.len();
    let line = format!("/whole {}.{:02}\n", hundredths / 100, hundredths % 100);
    eventually("the line", || (std::fs::read_to_string(&log).ok()? == line).then_some(())).await;
}

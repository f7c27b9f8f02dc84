//! `buffering on file=…`: each body is a file that others can read.

use crate::harness::{Client, Http2, Origin, Vordr, eventually, http2_request};
use bytes::Bytes;
use http::Method;
use std::path::Path;
use tempfile::TempDir;

/// What a folder has in it, whatever folders there are in between.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path.display().to_string()),
        }
    }
    found
}

/// One that tells its upstream, and its client, of the file.
async fn telling(origin: &Origin, words: &str) -> (Vordr, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("bodies");
    let settings = format!(
        "buffering on folder={at:?} {words}; request {{ set X-File \"{{request_body_file}}\"; }}
         response {{ set X-File \"{{request_body_file}}\"; }}"
    );
    (Vordr::proxying_with(origin, &settings).await, folder)
}

const PLAIN: &str = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nonetwo";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3;x\r\ntwo\r\n0\r\nT: x\r\n\r\n";

#[tokio::test]
async fn a_file_that_is_kept_has_the_body_and_the_upstream_has_it_too() {
    let origin = Origin::answering("ok").await;
    let (vordr, folder) = telling(&origin, "levels=\"1 2\" file=kept").await;
    let mut client = vordr.connect().await;
    for request in [PLAIN, CHUNKED, PLAIN] {
        client.send(request).await;
        let response = client.response().await;
        let file = response.header("X-File").unwrap().to_owned();
        let seen = origin.requests().pop().unwrap();
        assert_eq!((seen.text().as_str(), seen.header("X-File")), ("onetwo", Some(file.as_str())));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "onetwo");
        let [one, two] = [&file[file.len() - 1..], &file[file.len() - 3..file.len() - 1]];
        assert!(file.contains(&format!("/bodies/{one}/{two}/0")), "{file}");
    }
    assert_eq!(files(folder.path()).len(), 3);
}

#[tokio::test]
async fn a_file_that_is_removed_is_there_for_the_upstream_and_gone_afterwards() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let text = std::fs::read_to_string(request.header("X-File").unwrap()).unwrap();
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())).await;
        }
    })
    .await;
    let (vordr, folder) = telling(&origin, "file=removed").await;
    let mut client = vordr.connect().await;
    for request in [PLAIN, CHUNKED] {
        client.send(request).await;
        assert_eq!(client.response().await.text(), "onetwo");
    }
    eventually("no file", || files(folder.path()).is_empty().then_some(())).await;
}

#[tokio::test]
async fn what_has_no_body_has_no_file_and_a_body_of_nothing_has_an_empty_one() {
    let origin = Origin::answering("ok").await;
    let (vordr, folder) = telling(&origin, "file=kept").await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/").await.header("X-File"), None);
    for fields in ["Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
        client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\n{fields}")).await;
        let response = client.response().await;
        assert_eq!(std::fs::read(response.header("X-File").unwrap()).unwrap(), b"", "{fields}");
    }
    assert_eq!(files(folder.path()).len(), 2);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_file() {
    let origin = Origin::answering("never").await;
    let (vordr, folder) = telling(&origin, "file=kept").await;
    let mut client = vordr.connect().await;
    let half = "x".repeat(200_000);
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 400000\r\n\r\n{half}")).await;
    eventually("a file", || (files(folder.path()).len() == 1).then_some(())).await;
    drop(client);
    eventually("no file", || files(folder.path()).is_empty().then_some(())).await;
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_large_body_is_in_its_file_and_goes_on_whole() {
    let origin = Origin::answering("ok").await;
    let (vordr, _folder) = telling(&origin, "file=kept").await;
    let mut client = vordr.connect().await;
    let body: Vec<u8> = (0..500_000_u32).flat_map(u32::to_be_bytes).collect();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for chunk in body.chunks(77_777) {
        client.send(format!("{:x}\r\n", chunk.len())).await;
        client.send(chunk).await;
        client.send("\r\n").await;
    }
    client.send("0\r\n\r\nGET /next HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.status, client.response().await.status), (200, 200));
    assert!(origin.requests()[0].body == body, "what arrives is what was sent");
    assert!(std::fs::read(response.header("X-File").unwrap()).unwrap() == body, "and so is the file");
}

#[tokio::test]
async fn a_stream_of_http2_has_its_file_too() {
    let origin = Origin::answering("ok").await;
    let (vordr, _folder) = telling(&origin, "file=kept").await;
    let mut client = Http2::connect(vordr.address()).await;
    let mut stream = client.open(http2_request(Method::POST, "/").body(()).unwrap(), false).await;
    stream.send(Bytes::from_static(b"onetwo"), true).await.unwrap();
    let answer = stream.answer().await;
    let file = answer.headers["x-file"].to_str().unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(file).unwrap(), "onetwo");
}

#[tokio::test]
async fn a_body_beyond_what_memory_is_for_waits_where_nobody_finds_it() {
    let origin = Origin::answering("ok").await;
    let (vordr, folder) = telling(&origin, "memory=1000").await;
    let mut client = vordr.connect().await;
    for (length, waits) in [(900, false), (5000, true)] {
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n");
        client.send(format!("{head}{}", "x".repeat(length - 100))).await;
        assert!(client.is_silent().await);
        client.send("y".repeat(100)).await;
        let response = client.response().await;
        assert_eq!(response.header("X-File").is_some(), waits, "{length}");
        assert_eq!(origin.requests().pop().unwrap().body.len(), length);
    }
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_vordrs_own_failure() {
    let origin = Origin::answering("never").await;
    let settings = "buffering on folder=\"/dev/null/x\" file=kept";
    let vordr = Vordr::proxying_with(&origin, settings).await;
    for request in [PLAIN, CHUNKED, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"] {
        let mut client = Client::connect(vordr.address()).await;
        client.send(request).await;
        assert_eq!(client.response().await.status, 500);
    }
    assert_eq!(origin.connections(), 0);
}

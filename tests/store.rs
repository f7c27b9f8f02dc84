//! `store`: what an upstream answers is kept as files.

use crate::harness::{Framing, Origin, Vordr, eventually};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const CHANGED: &str = "Last-Modified: Mon, 03 Feb 2020 04:05:06 GMT\r\n";

/// One that keeps answers in a folder, under their paths.
async fn keeping(origin: &Origin) -> (Vordr, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let rules = format!(
        r#"server a.test {{ listen 0; location "/" {{ proxy "{}" {{
            store "{at}/copies{{path}}" folder="{at}/unfinished" levels="1"
        }}; }}; }}"#,
        origin.url()
    );
    (Vordr::running(&rules).await, folder)
}

fn copy(folder: &TempDir, path: &str) -> PathBuf {
    folder.path().join("copies").join(path)
}

/// The files in a folder and in those within.
fn files(folder: &Path) -> usize {
    let found = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    found.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_whole_answer_is_kept_as_it_came_with_its_time() {
    let body = "x".repeat(300_000);
    let length = body.len();
    let origin =
        Origin::responding(&format!("HTTP/1.1 200 OK\r\n{CHANGED}Content-Length: {length}\r\n\r\n{body}"))
            .await;
    let (vordr, folder) = keeping(&origin).await;
    assert!(vordr.get("http://a.test/a/b.txt").await.text() == body);
    let path = copy(&folder, "a/b.txt");
    eventually("a file", || path.exists().then_some(())).await;
    assert!(std::fs::read_to_string(&path).unwrap() == body);
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(httpdate_of(modified), 1_580_702_706);
    assert_eq!(files(&folder.path().join("unfinished")), 0);
}

fn httpdate_of(time: std::time::SystemTime) -> u64 {
    time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn what_is_in_chunks_is_kept_without_them() {
    let origin = Origin::responding(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
    )
    .await;
    let (vordr, folder) = keeping(&origin).await;
    assert_eq!(vordr.get("http://a.test/x").await.text(), "onetwo");
    let text = eventually("a file", || std::fs::read_to_string(copy(&folder, "x")).ok()).await;
    assert_eq!(text, "onetwo");
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_nothing_and_what_was_there_stays() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection
            .send(format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(50_000)))
            .await;
    })
    .await;
    let (vordr, folder) = keeping(&origin).await;
    std::fs::create_dir_all(copy(&folder, "")).unwrap();
    std::fs::write(copy(&folder, "x"), "before").unwrap();
    let mut client = vordr.connect().await;
    client.send("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    client.response_head().await;
    assert!(client.is_cut(Framing::Length(100_000)).await);
    vordr.log_line(|line| line["path"] == "/x").await;
    eventually("nothing unfinished", || (files(&folder.path().join("unfinished")) == 0).then_some(())).await;
    assert_eq!(std::fs::read_to_string(copy(&folder, "x")).unwrap(), "before");
}

#[tokio::test]
async fn only_a_200_is_kept() {
    for status in ["404 Not Found", "206 Partial Content", "201 Created"] {
        let origin = Origin::scripted(move |mut connection| async move {
            while let Some(request) = connection.request().await {
                let status = if request.target() == "/kept" { "200 OK" } else { status };
                connection.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok")).await;
            }
        })
        .await;
        let (vordr, folder) = keeping(&origin).await;
        assert_eq!(vordr.get("http://a.test/x").await.text(), "ok");
        assert_eq!(vordr.get("http://a.test/kept").await.text(), "ok");
        eventually("a file", || copy(&folder, "kept").exists().then_some(())).await;
        assert_eq!(files(folder.path()), 1, "{status}");
    }
}

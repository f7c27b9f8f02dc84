//! A reload takes newer rules in without cutting what is under way, or leaves everything as it is and says why.

use crate::harness::{
    Binary, Client, Http2, Origin, Vordr, eventually, free_port, http2_request, proxying, written,
};
use http::Method;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Rules that answer with a word.
fn saying(word: &str) -> String {
    format!("server \"*\" {{ listen \"127.0.0.1:0\"; location \"/\" {{ respond 200 \"{word}\"; }}; }}")
}

fn rules(text: &str) -> vordr::Vordr {
    vordr::Vordr::from_text("newer.kdl", text).unwrap()
}

/// `text` with the process's settings of the harness, whose logs and drain a reload would change otherwise.
fn beside(vordr: &Vordr, text: &str) -> vordr::Vordr {
    rules(&format!("{}\n{text}", vordr.process()))
}

#[tokio::test]
async fn a_connection_that_is_kept_finds_the_newer_rules_at_its_next_request() {
    let vordr = Vordr::running(&saying("old")).await;
    let mut client = vordr.connect().await;
    assert_eq!(client.get("a.test", "/").await.text(), "old");
    assert_eq!(vordr.replace(beside(&vordr, &saying("new"))).unwrap(), 2);
    assert_eq!(client.get("a.test", "/").await.text(), "new");
    assert_eq!(vordr.metric("vordr_config_last_reload_successful").await, 1.0);
    assert_eq!(vordr.metric(r#"vordr_config_reloads_total{result="success"}"#).await, 2.0);
}

#[tokio::test]
async fn a_request_ends_under_the_rules_that_it_began_with() {
    let word = Arc::new(Semaphore::new(0));
    let origin = Origin::held(word.clone()).await;
    let vordr = Vordr::running(&proxying(&origin.url(), "response { set X-Rules old; }")).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    vordr.replace(beside(&vordr, &saying("new"))).unwrap();
    assert_eq!(vordr.metric("vordr_config_generations_live").await, 2.0);
    word.add_permits(1);
    let response = client.response().await;
    assert_eq!((response.text().as_str(), response.header("X-Rules")), ("late", Some("old")));
    vordr.metric_becomes("vordr_config_generations_live", 1.0).await;
}

#[tokio::test]
async fn an_open_websocket_outlives_the_route_that_it_came_by() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::proxying(&origin).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/", "").await.unwrap();
    assert!(socket.echoes("before").await);
    vordr.replace(beside(&vordr, &saying("new"))).unwrap();
    assert!(socket.echoes("after").await);
    assert_eq!(vordr.get("http://a.test/").await.text(), "new");
}

#[tokio::test]
async fn an_address_comes_and_goes_with_the_rules() {
    let (first, second) = (free_port(), free_port());
    let on = |port: u16, word: &str| {
        format!("server \"*\" {{ listen \"127.0.0.1:{port}\"; location \"/\" {{ respond 200 {word:?}; }}; }}")
    };
    let vordr = Vordr::running(&on(first, "first")).await;
    let mut kept = vordr.connect().await;
    assert_eq!(kept.get("a.test", "/").await.text(), "first");
    vordr.replace(beside(&vordr, &on(second, "second"))).unwrap();
    kept.closed().await;
    let address = vordr.address();
    assert_eq!(address.port(), second);
    assert_eq!(Client::connect(address).await.get("a.test", "/").await.text(), "second");
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", first)).await.is_err());
}

#[tokio::test]
async fn the_file_of_a_unix_socket_goes_with_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.sock");
    let more = format!("listen \"unix:{}\"; location", path.display());
    let vordr = Vordr::running(&saying("old").replace("location", &more)).await;
    assert!(path.exists());
    vordr.replace(beside(&vordr, &saying("new"))).unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_head_that_is_under_way_when_its_address_goes_finds_no_other_server() {
    let (first, second) = (free_port(), free_port());
    let on = |port: u16, word: &str| saying(word).replace(":0", &format!(":{port}"));
    let counted = r#"metrics "127.0.0.1:0" compat=nginx"#;
    let vordr = Vordr::running_with(counted, &on(first, "first")).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\n").await;
    vordr.metric_becomes("nginx_connections_reading", 1.0).await;
    vordr.replace(beside(&vordr, &on(second, "second"))).unwrap();
    client.send("Host: a.test\r\n\r\n").await;
    // Nobody keeps that for an answer, as a 404 may be.
    let answer = client.response().await;
    assert_eq!((answer.status, answer.header("Connection")), (503, Some("close")));
    assert_eq!(vordr.log_error("address_gone").await["server"], "_other");
}

#[tokio::test]
async fn a_connection_of_http2_to_an_address_that_goes_is_told_so_and_ends_what_is_under_way() {
    let word = Arc::new(Semaphore::new(0));
    let origin = Origin::held(word.clone()).await;
    let vordr = Vordr::running(&proxying(&origin.url(), "")).await;
    let mut client = Http2::connect(vordr.address()).await;
    let stream = client.open(http2_request(Method::GET, "/").body(()).unwrap(), true).await;
    origin.first_request().await;
    let elsewhere = saying("new").replace(":0", &format!(":{}", free_port()));
    vordr.replace(beside(&vordr, &elsewhere)).unwrap();
    word.add_permits(1);
    assert_eq!(stream.answer().await.text().await, "late");
    client.ended().await.unwrap();
}

#[tokio::test]
async fn an_address_that_cannot_be_had_leaves_everything_as_it_is() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let vordr = Vordr::running(&saying("old")).await;
    let newer =
        format!("server \"*\" {{ listen \"127.0.0.1:{port}\"; location \"/\" {{ respond 200 \"new\"; }}; }}");
    let refused = vordr.replace(beside(&vordr, &newer)).unwrap_err().to_string();
    assert!(refused.contains(&format!("127.0.0.1:{port}")), "{refused}");
    assert_eq!(vordr.get("http://a.test/").await.text(), "old");
    assert_eq!(vordr.metric("vordr_config_last_reload_successful").await, 0.0);
    assert_eq!(vordr.metric(r#"vordr_config_reloads_total{result="failure"}"#).await, 1.0);
    let status = vordr.admin("/status").await.text();
    assert!(status.contains("another program listens there already"), "{status}");
}

#[tokio::test]
async fn an_address_that_vordr_itself_is_in_the_way_of_is_told_from_one_that_another_has() {
    let port = free_port();
    let [all, one] = [format!("listen {port}"), format!("listen \"127.0.0.1:{port}\"")];
    let on = |listen: &str| saying("old").replace("listen \"127.0.0.1:0\"", listen);
    for (before, after) in [(&all, &one), (&one, &all)] {
        let vordr = Vordr::running(&on(before)).await;
        let refused = vordr.replace(beside(&vordr, &on(after))).unwrap_err().to_string();
        assert!(refused.contains("vordr itself listens on") && refused.contains("restart"), "{refused}");
        assert_eq!(vordr.get("http://a.test/").await.text(), "old");
        vordr.stop();
        vordr.stopped().await;
    }
}

/// A binary with its rules in a file of the test's.
async fn with_file(text: &str, arguments: &[&str]) -> (tempfile::TempDir, std::path::PathBuf, Binary) {
    let (folder, path) = written(text);
    let binary = Binary::running_with(path.clone(), arguments).await;
    (folder, path, binary)
}

/// A file's new contents, there at once.
fn rewrite(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

async fn says(binary: &Binary, word: &str) {
    let address = binary.address();
    for _ in 0..100 {
        if Client::connect(address).await.get("a.test", "/").await.text() == word {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never said {word}: {}", binary.said());
}

#[tokio::test]
async fn sighup_loads_the_file_again_and_a_broken_one_is_told_in_the_log() {
    let (_folder, path, binary) = with_file(&saying("one"), &[]).await;
    rewrite(&path, &saying("two"));
    binary.signal("HUP");
    says(&binary, "two").await;
    rewrite(&path, "server \"*\" { lisen 80; }");
    binary.signal("HUP");
    let line = eventually("a line that says why", || {
        let said = binary.said();
        said.lines().find(|line| line.contains("rules not reloaded")).map(str::to_owned)
    })
    .await;
    assert!(line.contains("lisen") && line.contains("vordr.kdl:1:14"), "{line}");
    says(&binary, "two").await;
}

#[tokio::test]
async fn watched_rules_are_loaded_again_when_their_file_or_an_included_one_changes() {
    let (folder, path) = written("include \"more.kdl\"");
    let more = folder.path().join("more.kdl");
    std::fs::write(&more, saying("one")).unwrap();
    let binary = Binary::running_with(path, &["--watch"]).await;
    rewrite(&more, &saying("two"));
    says(&binary, "two").await;
    rewrite(&more, "server {");
    eventually("a line that says why", || binary.said().contains("rules not reloaded").then_some(())).await;
    rewrite(&more, &saying("three"));
    says(&binary, "three").await;
    // As it is for a moment while an editor writes it.
    std::fs::write(&more, "").unwrap();
    eventually("a line that says why", || binary.said().contains("serve nothing").then_some(())).await;
    says(&binary, "three").await;
}

#[tokio::test]
async fn rules_that_take_long_to_read_are_not_put_over_newer_ones() {
    let admin = free_port();
    let text = |word: &str| format!("vordr {{ admin \"127.0.0.1:{admin}\"; }}\n{}", saying(word));
    let (folder, path, binary) = with_file(&text("one"), &[]).await;
    let slow = slow_file(folder.path());
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&slow, &path).unwrap();
    binary.signal("HUP");
    tokio::time::sleep(Duration::from_millis(300)).await;
    rewrite(&path, &text("three"));
    let reload = std::thread::spawn(move || crate::harness::ends(&["reload", path.to_str().unwrap()]));
    tokio::time::sleep(Duration::from_millis(300)).await;
    std::fs::write(slow, text("two")).unwrap();
    assert!(reload.join().unwrap().status.success());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(Client::connect(binary.address()).await.get("a.test", "/").await.text(), "three");
}

#[tokio::test]
async fn a_stop_is_heard_while_rules_are_read() {
    let (folder, path, mut binary) = with_file(&saying("one"), &[]).await;
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(slow_file(folder.path()), &path).unwrap();
    for _ in 0..2 {
        binary.signal("HUP");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    says(&binary, "one").await;
    binary.signal("TERM");
    assert!(binary.ended().await.success());
}

/// A file that is read when somebody writes to it, and not before.
fn slow_file(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("slow");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[tokio::test]
async fn the_reload_command_says_what_came_of_it() {
    let admin = free_port();
    let text = |word: &str| format!("vordr {{ admin \"127.0.0.1:{admin}\"; }}\n{}", saying(word));
    let (_folder, path, binary) = with_file(&text("one"), &[]).await;
    rewrite(&path, &text("two"));
    let reload = || crate::harness::ends(&["reload", path.to_str().unwrap()]);
    let done = reload();
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stdout).contains("\"generation\":2"), "{done:?}");
    says(&binary, "two").await;
    rewrite(&path, &text("two").replace("respond", "respont"));
    let refused = reload();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("respond"), "{refused:?}");
    says(&binary, "two").await;
}

#[tokio::test]
async fn no_web_page_may_reload_the_rules() {
    let vordr = Vordr::running(&saying("old")).await;
    let answer = vordr
        .ask_admin("POST /reload HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(answer.status, 403);
}

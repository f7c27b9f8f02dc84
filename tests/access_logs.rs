//! Access logs of servers and locations, and lines in a form of the rules' own.

use crate::harness::{Client, Origin, Vordr, eventually};
use base64::Engine;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder that logs are written into.
struct Logs(TempDir);

impl Logs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn lines(&self, name: &str) -> Vec<String> {
        lines(&self.at(name))
    }

    /// The lines of a log, once there are so many.
    async fn wait(&self, name: &str, count: usize) -> Vec<String> {
        eventually(name, || Some(self.lines(name)).filter(|lines| lines.len() >= count)).await
    }
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// A vordr whose formats are these, with these words in its server.
async fn running(formats: &str, server: &str) -> Vordr {
    Vordr::running_with(formats, &format!("server a.test {{ listen 0; {server}; }}")).await
}

const SHORT: &str = r#"log-format short "{method} {uri} {status} {bytes_out}""#;

#[tokio::test]
async fn what_a_location_logs_takes_the_place_of_what_its_server_does() {
    let logs = Logs::new();
    let [server, own] = ["server.log", "own.log"].map(|name| logs.at(name));
    let vordr = running(
        SHORT,
        &format!(
            r#"access-log {server:?} format=short
            location "/" {{ respond 200 "hello"; }}
            location "/own" {{ access-log {own:?} format=short; access-log {server:?} format=combined; respond 204; }}
            location "/off" {{ access-log off; respond 204; }}"#
        ),
    )
    .await;
    for path in ["off", "own", ""] {
        vordr.get(&format!("http://a.test/{path}")).await;
    }
    let written = logs.wait("server.log", 2).await;
    assert!(written[0].ends_with(r#"] "GET /own HTTP/1.1" 204 0 "-" "-""#), "{written:?}");
    assert_eq!(written[1..], ["GET / 200 5"]);
    assert_eq!(logs.wait("own.log", 1).await, ["GET /own 204 0"]);
    // The process's own is for servers that have none.
    assert_eq!(vordr.log_lines().len(), 0);
}

#[tokio::test]
async fn a_line_is_written_where_its_condition_is_neither_empty_nor_0() {
    let logs = Logs::new();
    let failed = logs.at("failed.log");
    let rules = format!(
        r#"map failed from="{{status}}" {{ case regex="^[23]" "0"; default "1"; }}
        server a.test {{
            listen 0
            access-log {failed:?} format=short if="{{var.failed}}"
            location "/" {{ respond 200 "hello"; }}
            location "/lost" {{ respond 404; }}
        }}"#
    );
    let vordr = Vordr::running_with(SHORT, &rules).await;
    for path in ["", "lost", "found"] {
        vordr.get(&format!("http://a.test/{path}")).await;
    }
    vordr.get("http://a.test/lost?again").await;
    assert_eq!(logs.wait("failed.log", 2).await, ["GET /lost 404 0", "GET /lost?again 404 0"]);
}

#[tokio::test]
async fn a_refused_head_is_told_of_where_the_server_logs_that_takes_every_other_host() {
    let logs = Logs::new();
    let path = logs.at("a.log");
    let server = format!("access-log {path:?} format=told; location \"/\" {{ respond 204; }}");
    let format = r#"log-format told "{client_ip} {status} {request_line} {header.host}""#;
    let vordr = running(format, &server).await;
    vordr.send("GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(logs.wait("a.log", 1).await, ["127.0.0.1 400 GET / HTTP/1.1 -"]);
}

#[tokio::test]
async fn a_client_that_goes_away_is_499_and_its_answer_not_whole() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let logs = Logs::new();
    let path = logs.at("a.log");
    let server = format!("access-log {path:?} format=told; location \"/\" {{ proxy {:?}; }}", origin.url());
    let format =
        r#"log-format told "{status} <{completion}> {bytes_sent} {upstream_address} {upstream_status}""#;
    let vordr = running(format, &server).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    origin.first_request().await;
    drop(client);
    let peer = origin.url().trim_start_matches("http://").to_owned();
    let lines = logs.wait("a.log", 1).await;
    assert!(lines[0].starts_with(&format!("499 <> 0 {peer} ")), "{lines:?}");
}

#[tokio::test]
async fn a_websocket_has_one_line_at_its_end() {
    let origin = Origin::echoing().await;
    let logs = Logs::new();
    let path = logs.at("a.log");
    let server = format!("access-log {path:?} format=short; location \"/\" {{ proxy {:?}; }}", origin.url());
    let vordr = running(SHORT, &server).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/ws", "").await.unwrap();
    assert!(socket.echoes("hello").await);
    assert_eq!(logs.lines("a.log"), Vec::<String>::new());
    drop(socket);
    let lines = logs.wait("a.log", 1).await;
    assert!(lines.len() == 1 && lines[0].starts_with("GET /ws 101 "), "{lines:?}");
}

#[tokio::test]
async fn bytes_are_counted_with_heads_and_a_connections_requests_by_their_number() {
    let logs = Logs::new();
    let path = logs.at("a.log");
    let server = format!("access-log {path:?} format=told; location \"/\" {{ respond 200 \"hello\"; }}");
    let format = r#"log-format told "{connection_requests} {pipelined} {bytes_received} {bytes_sent} {completion} {response.header.content-length}""#;
    let vordr = running(format, &server).await;
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let mut client = vordr.connect().await;
    client.send(&request.repeat(2)).await;
    let head = client.response().await.head;
    client.response().await;
    let sent = head.raw.len() + "hello".len();
    let received = request.len();
    assert_eq!(
        logs.wait("a.log", 2).await,
        [format!("1 . {received} {sent} OK 5"), format!("2 p {received} {sent} OK 5")]
    );
}

#[tokio::test]
async fn every_file_is_opened_anew() {
    let logs = Logs::new();
    let [one, two] = ["one.log", "two.log"].map(|name| logs.at(name));
    let server = format!(
        "access-log {one:?} format=short; location \"/\" {{ respond 204; }}\n\
         location \"/two\" {{ access-log {two:?} format=short; respond 204; }}"
    );
    let vordr = running(SHORT, &server).await;
    for path in ["", "two"] {
        vordr.get(&format!("http://a.test/{path}")).await;
    }
    for name in ["one.log", "two.log"] {
        logs.wait(name, 1).await;
        std::fs::rename(logs.at(name), logs.at(&format!("{name}.old"))).unwrap();
    }
    vordr.reopen_logs();
    for path in ["again", "two/again"] {
        vordr.get(&format!("http://a.test/{path}")).await;
    }
    assert_eq!(logs.wait("one.log", 1).await, ["GET /again 204 0"]);
    assert_eq!(logs.wait("two.log", 1).await, ["GET /two/again 204 0"]);
    assert_eq!(logs.lines("one.log.old"), ["GET / 204 0"]);
}

/// Rules in which everything goes to one upstream, and its lines to one file.
fn logging_to(path: &Path, origin: &Origin, process: &str) -> vordr::Vordr {
    let text = format!(
        "{process}\nserver a.test {{ listen 0; access-log {path:?} format=combined; location \"/\" {{ proxy {:?}; }}; }}",
        origin.url()
    );
    vordr::Vordr::from_text("test.kdl", &text).unwrap()
}

#[tokio::test]
async fn who_began_under_older_rules_is_logged_where_those_say() {
    let origin = Origin::echoing().await;
    let logs = Logs::new();
    let [old, new] = ["old.log", "new.log"].map(|name| logs.at(name));
    let server =
        format!("access-log {old:?} format=combined; location \"/\" {{ proxy {:?}; }}", origin.url());
    let vordr = running("", &server).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/ws", "").await.unwrap();
    assert!(socket.echoes("before").await);
    for _ in 0..2 {
        vordr.replace(logging_to(&new, &origin, vordr.process())).unwrap();
    }
    assert!(socket.echoes("after").await);
    std::fs::rename(&old, logs.at("moved.log")).unwrap();
    vordr.reopen_logs();
    drop(socket);
    assert!(logs.wait("old.log", 1).await[0].contains("GET /ws "));
    assert_eq!(logs.lines("moved.log"), Vec::<String>::new());
    let mut second = Client::connect(vordr.address()).await.websocket("a.test", "/ws2", "").await.unwrap();
    assert!(second.echoes("new").await);
    drop(second);
    assert!(logs.wait("new.log", 1).await[0].contains("GET /ws2 "));
    assert_eq!(logs.lines("old.log").len(), 1);
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_told_at_the_start_and_keeps_the_old_rules_at_a_reload() {
    let origin = Origin::answering("ok").await;
    let logs = Logs::new();
    // Their folder is gone by the time they are opened.
    let path = logs.at("folder/folder.log");
    let loaded = |process: &str| {
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let loaded = logging_to(&path, &origin, process);
        std::fs::remove_dir(path.parent().unwrap()).unwrap();
        loaded
    };
    let error = loaded("").start().err().unwrap().in_full();
    assert!(error.contains("folder.log"), "{error}");
    let vordr = running(SHORT, &format!("location \"/\" {{ proxy {:?}; }}", origin.url())).await;
    let error = vordr.replace(loaded(vordr.process())).unwrap_err().in_full();
    assert!(error.contains("folder.log"), "{error}");
    assert_eq!(vordr.get("http://a.test/").await.text(), "ok");
    vordr.log_line(|line| line["path"] == "/").await;
}

#[tokio::test]
async fn a_client_that_breaks_a_line_writes_to_no_file_that_the_rules_do_not_name() {
    let logs = Logs::new();
    let (path, other) = (logs.at("{header.host}.log"), logs.at("other.log"));
    let server = format!(r#"access-log {path:?} format=raw; location "/" {{ respond 204; }}"#);
    let vordr = running(r#"log-format raw "<{claimed_user}>" escape=none"#, &server).await;
    let user = format!("one\n{}\0two\nthree", other.display());
    let user = base64::engine::general_purpose::STANDARD.encode(format!("{user}:password"));
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic {user}\r\n\r\n");
    assert_eq!(vordr.send(&request).await.status, 204);
    let lines = logs.wait("a.test.log", 3).await;
    assert_eq!(lines, ["<one".to_owned(), format!("{}\0two", other.display()), "three>".to_owned()]);
    assert!(!other.exists());
}

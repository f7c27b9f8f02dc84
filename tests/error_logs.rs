//! Error logs of servers and locations, and those that go to syslog.

use crate::harness::{Origin, Vordr, ends, eventually, free_port};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;
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

    /// The lines of a log, once there are so many.
    async fn wait(&self, name: &str, count: usize) -> Vec<String> {
        eventually(name, || Some(self.lines(name)).filter(|lines| lines.len() >= count)).await
    }

    /// Without time and process.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.at(name)).unwrap_or_default();
        text.lines().map(|line| line.splitn(4, ' ').skip(2).collect::<Vec<_>>().join(" ")).collect()
    }
}

/// What a syslog server was sent.
fn received(server: &UdpSocket) -> String {
    let mut buffer = [0; 2000];
    let length = server.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn syslog_server() -> UdpSocket {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    server
}

#[tokio::test]
async fn what_goes_wrong_in_a_location_is_told_in_its_own_log() {
    let logs = Logs::new();
    let [server, own] = ["server.log", "own.log"].map(|name| logs.at(name));
    let vordr = Vordr::running(&format!(
        r#"server a.test {{
            listen 0
            error-log {server:?} format=nginx level=error
            deny all
            location "/" {{ respond 204; }}
            location "/own" {{ error-log {own:?} format=nginx; error-log {server:?} format=nginx level=crit; respond 204; }}
        }}
        server b.test {{ listen 0; deny all; location "/" {{ respond 204; }}; }}"#
    ))
    .await;
    for url in ["http://b.test/", "http://a.test/own", "http://a.test/"] {
        assert_eq!(vordr.get(url).await.status, 403);
    }
    let denied = |path: &str| {
        let request = format!("\"GET {path} HTTP/1.1\", host: \"a.test\"");
        format!(" access forbidden by rule, client: 127.0.0.1, server: a.test, request: {request}")
    };
    let of_server = logs.wait("server.log", 1).await;
    assert!(of_server[0].starts_with("[error] ") && of_server[0].ends_with(&denied("/")), "{of_server:?}");
    let of_own = logs.wait("own.log", 1).await;
    assert!(of_own[0].ends_with(&denied("/own")), "{of_own:?}");
    assert_eq!((of_server.len(), of_own.len()), (1, 1));
    // What concerns all of vordr stays where it was, and what is in JSON has no line for a failed request.
    eventually("a line", || vordr.error_log().contains("listening").then_some(())).await;
    assert!(!vordr.error_log().contains("forbidden"), "{}", vordr.error_log());
}

#[tokio::test]
async fn what_programs_look_for_in_nginxs_log_is_said_in_its_words() {
    let logs = Logs::new();
    let root = logs.at("").display().to_string().trim_end_matches('/').to_owned();
    std::fs::write(logs.at("users"), "a:{PLAIN}b\n").unwrap();
    std::fs::create_dir(logs.at("folder")).unwrap();
    let vordr = Vordr::reading_nginx(&format!(
        r#"server {{
            listen 127.0.0.1:0; server_name a.test; error_log {root}/a.log error; root {root};
            location /closed {{ auth_basic closed; auth_basic_user_file {root}/users; }}
            location /circle {{ rewrite ^ /circle/on; }}
        }}"#
    ))
    .await;
    for (path, more) in [
        ("/closed", ""),
        ("/closed", "Authorization: Basic YTp4\r\n"),
        ("/none", ""),
        ("/folder/", ""),
        ("/circle", ""),
    ] {
        vordr.send(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{more}Connection: close\r\n\r\n")).await;
    }
    let lines = logs.wait("a.log", 4).await;
    let said: Vec<&str> = lines
        .iter()
        .map(|line| line.split(", client: 127.0.0.1, server: a.test, ").next().unwrap())
        .collect();
    let said: Vec<&str> = said
        .iter()
        .filter_map(|line| line.split_once(": *")?.1.split_once(' '))
        .map(|(_, what)| what)
        .collect();
    assert_eq!(
        said,
        [
            "user \"a\": password mismatch".to_owned(),
            format!("open() \"{root}/none\" failed (2: No such file or directory)"),
            format!("directory index of \"{root}/folder/\" is forbidden"),
            "rewrite or internal redirection cycle while processing \"/circle/on\"".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_head_that_is_refused_is_told_of_where_its_server_says_as_far_as_that_is_known() {
    let logs = Logs::new();
    let (a, b) = (logs.at("a.log"), logs.at("b.log"));
    let vordr = Vordr::running(&format!(
        r#"server a.test {{ listen 0; error-log {a:?} format=nginx; location "/" {{ respond 204; }}; }}
        server b.test {{ listen 0; error-log {b:?} format=nginx; location "/" {{ respond 204; }}; }}"#
    ))
    .await;
    vordr.send("GET /a HTTP/1.1\r\nNo Name: x\r\nHost: b.test\r\n\r\n").await;
    vordr.send("GET /b HTTP/1.1\r\nHost: b.test\r\nHost: b.test\r\n\r\n").await;
    for (log, end) in [
        ("a.log", "), client: 127.0.0.1, server: a.test, request: \"GET /a HTTP/1.1\""),
        ("b.log", "), client: 127.0.0.1, server: b.test, request: \"GET /b HTTP/1.1\", host: \"b.test\""),
    ] {
        let lines = logs.wait(log, 1).await;
        let (level, line) = lines[0].split_once(": *").unwrap();
        assert!(level.starts_with("[info] "), "{lines:?}");
        assert!(line.contains(" client sent invalid request ("), "{lines:?}");
        assert!(line.ends_with(end), "{lines:?}");
    }
}

#[tokio::test]
async fn a_message_to_syslog_has_the_severity_of_its_line() {
    let (syslog, closed) = (syslog_server(), free_port());
    let origin = Origin::answering("ok").await;
    let address = syslog.local_addr().unwrap();
    let vordr = Vordr::reading_nginx(&format!(
        "limit_req_zone $binary_remote_addr zone=few:1m rate=1r/m;
         server {{
             listen 127.0.0.1:0; server_name a.test;
             error_log syslog:server={address},facility=local0,tag=edge,nohostname notice;
             location / {{ proxy_pass http://127.0.0.1:{closed}; }}
             location /few {{ limit_req zone=few; limit_req_log_level notice; proxy_pass {}; }}
         }}",
        origin.url()
    ))
    .await;
    assert_eq!(vordr.get("http://a.test/").await.status, 502);
    let said = received(&syslog);
    assert!(said.starts_with("<131>") && said.contains(" edge: "), "{said}");
    let (_, line) = said.split_once(" edge: ").unwrap();
    assert!(line.contains(" [error] ") && line.contains(": *"), "{said}");
    assert!(line.contains(" connect() failed (111: Connection refused) "), "{said}");
    for status in [200, 503] {
        assert_eq!(vordr.get("http://a.test/few").await.status, status);
    }
    let said = received(&syslog);
    assert!(said.starts_with("<133>") && said.contains(" [notice] "), "{said}");
}

#[tokio::test]
async fn what_vordr_itself_says_goes_to_syslog_too() {
    let syslog = syslog_server();
    let address = syslog.local_addr().unwrap();
    let log = format!("error-log \"syslog:{address}\" format=nginx tag=edge hostname=off");
    let _vordr =
        Vordr::running_with(&log, r#"server a.test { listen 0; location "/" { respond 204; }; }"#).await;
    let said = received(&syslog);
    assert!(said.starts_with("<189>") && said.contains(" [notice] "), "{said}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_named_with_its_place_by_check_and_by_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.kdl");
    let log = folder.path().join("access.log");
    let rules = format!(
        r#"vordr {{ access-log "{}"; }}
        server a.test {{ listen "127.0.0.1:0"
            location "/" {{ error-log "/no/such/folder/error.log"; respond 204; }}; }}"#,
        log.display()
    );
    std::fs::write(&path, &rules).unwrap();
    for command in ["check", "run"] {
        let output = ends(&[command, path.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        for part in ["unwritable-log", "test.kdl:3:38", "there is no folder `/no/such/folder`"] {
            assert!(said.contains(part), "{command}: {part} in {said}");
        }
    }
    assert!(!log.exists(), "a check makes no log");
    std::fs::write(&path, rules.replace("/no/such/folder", folder.path().to_str().unwrap())).unwrap();
    assert_eq!(ends(&["check", path.to_str().unwrap()]).status.code(), Some(0));
}

#[tokio::test]
async fn a_query_that_no_access_log_tells_is_not_told_here_either() {
    let logs = Logs::new();
    let log = logs.at("a.log");
    let vordr = Vordr::running(&format!(
        r#"server a.test {{
            listen 0
            access-log stderr query=off
            error-log {log:?} format=nginx
            location "/" {{ proxy "http://127.0.0.1:1"; }}
        }}"#
    ))
    .await;
    let more = "Referer: http://r.test/?token=1\r\nConnection: close";
    vordr.send(&format!("GET /x?token=1 HTTP/1.1\r\nHost: a.test\r\n{more}\r\n\r\n")).await;
    let lines = logs.wait("a.log", 1).await;
    assert!(lines[0].contains("\"GET /x HTTP/1.1\"") && !lines[0].contains("token"), "{lines:?}");
}

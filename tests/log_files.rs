//! Files of logs that are moved away, full, or read by nobody: no request waits, and no line is lost unsaid.

use crate::harness::{Binary, Client, Vordr, eventually, free_port, within, written};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tempfile::TempDir;

/// Rules whose access log goes to a file, with the admin address on this port.
fn logging_to(path: &Path, admin: u16) -> String {
    format!(
        r#"vordr {{ workers 2; admin "127.0.0.1:{admin}"; access-log {path:?}; limits {{ keepalive "75s" requests=off; }} }}
        server a.test {{ listen "127.0.0.1:0"; location "/" {{ respond 200 "hello"; }} }}"#
    )
}

/// A number on the page of metrics.
async fn metric(admin: u16, name: &str) -> u64 {
    let admin = SocketAddr::from(([127, 0, 0, 1], admin));
    let page = Client::connect(admin).await.get("localhost", "/metrics").await.text();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {page}"))
}

/// Paths of the requests in these files, and how often each is there.
fn logged(files: &[impl AsRef<Path>]) -> BTreeMap<String, usize> {
    let mut paths = BTreeMap::new();
    for file in files {
        for line in fs::read_to_string(file).unwrap_or_default().lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no whole line: {line}"));
            *paths.entry(line["path"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    paths
}

#[tokio::test]
async fn files_that_are_renamed_under_traffic_and_opened_anew_have_each_line_once() {
    const ROTATIONS: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let (_rules, path) = written(&logging_to(&log, free_port()));
    let binary = Binary::running_file(path, &[]).await;
    let over = AtomicBool::new(false);
    let asking = (0..4).map(async |client| {
        let mut connection = Client::connect(binary.address()).await;
        let mut asked = Vec::new();
        while !over.load(Relaxed) {
            let path = format!("/{client}/{}", asked.len());
            assert_eq!(connection.get("a.test", &path).await.status, 200);
            asked.push((path, 1));
        }
        asked
    });
    let old = |number: usize| folder.path().join(format!("access.log.{number}"));
    let rotating = async {
        for number in 0..ROTATIONS {
            // Something has been written since the last time.
            eventually("a line", || fs::metadata(&log).ok().filter(|file| file.len() > 0)).await;
            fs::rename(&log, old(number)).unwrap();
            if number % 2 == 0 {
                // As logrotate's `create` does.
                File::create(&log).unwrap().set_permissions(Permissions::from_mode(0o640)).unwrap();
            }
            binary.signal("USR1");
            let told = || binary.said().matches("logs opened anew").count();
            eventually("the new file", || (told() == number + 1).then_some(())).await;
        }
        over.store(true, Relaxed);
    };
    let (asked, ()) = tokio::join!(futures_util::future::join_all(asking), rotating);
    let asked: BTreeMap<String, usize> = asked.into_iter().flatten().collect();
    let files: Vec<_> = (0..ROTATIONS).map(old).chain([log.clone()]).collect();
    eventually("every line", || (logged(&files).len() >= asked.len()).then_some(())).await;
    assert_eq!(logged(&files), asked);
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_anew_goes_on_in_its_old_file() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 204; }; }"#).await;
    vordr.get("http://a.test/before").await;
    vordr.log_line(|line| line["path"] == "/before").await;
    let (access, errors) = (vordr.log_file("access.log"), vordr.log_file("error.log"));
    let [moved, moved_errors] = [&access, &errors].map(|file| file.with_extension("old"));
    fs::rename(&access, &moved).unwrap();
    fs::create_dir(&access).unwrap();
    vordr.reopen_logs();
    vordr.get("http://a.test/after").await;
    eventually("the line", || logged(&[&moved]).contains_key("/after").then_some(())).await;
    eventually("the reason", || vordr.error_log().contains("logs not opened anew").then_some(())).await;
    fs::remove_dir(&access).unwrap();
    fs::rename(&errors, &moved_errors).unwrap();
    vordr.reopen_logs();
    vordr.get("http://a.test/again").await;
    eventually("the line", || logged(&[&access]).contains_key("/again").then_some(())).await;
    eventually("the news", || vordr.error_log().contains("logs opened anew").then_some(())).await;
}

/// A vordr whose access log goes to a named pipe that nobody reads, and a client that has asked so often.
async fn logging_to_a_pipe(admin: u16, requests: u64) -> (Binary, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("access.pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let rules = folder.path().join("vordr.kdl");
    fs::write(&rules, logging_to(&pipe, admin)).unwrap();
    let binary = Binary::running_file(rules, &[]).await;
    let mut client = Client::connect(binary.address()).await;
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: {}\r\n\r\n", "x".repeat(7_000));
    for _ in 0..requests {
        client.send(&request).await;
        assert_eq!(client.response().await.status, 200);
    }
    (binary, folder)
}

#[tokio::test]
async fn neither_a_reload_nor_a_stop_waits_for_somebody_to_read_a_log() {
    let (mut binary, _folder) = logging_to_a_pipe(free_port(), 30).await;
    for (signal, told) in [("HUP", "rules reloaded"), ("USR1", "logs opened anew")] {
        binary.signal(signal);
        eventually(told, || binary.said().contains(told).then_some(())).await;
    }
    binary.signal("TERM");
    assert_eq!(binary.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_stop_waits_for_many_logs_that_nobody_reads_no_longer_than_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let pipes: Vec<_> = (0..5).map(|number| folder.path().join(format!("{number}.pipe"))).collect();
    assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
    let logs: String = pipes.iter().map(|pipe| format!("access-log {pipe:?}; ")).collect();
    let rules = folder.path().join("vordr.kdl");
    let server = r#"server a.test { listen "127.0.0.1:0"; location "/" { respond 204; } }"#;
    fs::write(&rules, format!("vordr {{ {logs} }}\n{server}")).unwrap();
    let mut binary = Binary::running_file(rules, &[]).await;
    let mut client = Client::connect(binary.address()).await;
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: {}\r\n\r\n", "x".repeat(7_000));
    for _ in 0..30 {
        client.send(&request).await;
        client.response().await;
    }
    drop(client);
    let stopped = std::time::Instant::now();
    binary.signal("TERM");
    assert_eq!(binary.ended().await.code(), Some(0));
    assert!(stopped.elapsed().as_secs() < 5, "{:?}", stopped.elapsed());
}

#[tokio::test]
async fn a_log_that_nobody_reads_slows_no_request_and_what_is_lost_of_it_is_counted() {
    const REQUESTS: u64 = 1_500;
    let admin = free_port();
    let (_binary, folder) = logging_to_a_pipe(admin, REQUESTS).await;
    // The last of them has been written down, or not, once nothing is under way.
    let under_way = r#"vordr_http_requests_in_flight{route="/",server="a.test"}"#;
    within(async { while metric(admin, under_way).await > 0 {} }).await;
    let dropped = metric(admin, "vordr_log_dropped_lines_total").await;
    assert!((1..REQUESTS).contains(&dropped), "{dropped} lines");
    let reading = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(File::open(folder.path().join("access.pipe")).unwrap()).lines();
        let whole = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        whole.take((REQUESTS - dropped) as usize).filter(|line| line["status"] == 200).count() as u64
    });
    assert_eq!(within(reading).await.unwrap() + dropped, REQUESTS);
}

#[tokio::test]
async fn what_a_full_disk_does_not_take_is_counted() {
    let admin = free_port();
    let (_rules, path) = written(&logging_to(Path::new("/dev/full"), admin));
    let mut binary = Binary::running_file(path, &[]).await;
    let mut client = Client::connect(binary.address()).await;
    for _ in 0..5 {
        assert_eq!(client.get("a.test", "/").await.text(), "hello");
    }
    within(async {
        while metric(admin, "vordr_log_dropped_lines_total").await < 5 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(metric(admin, "vordr_log_dropped_lines_total").await, 5);
    binary.signal("TERM");
    assert_eq!(binary.ended().await.code(), Some(0));
}

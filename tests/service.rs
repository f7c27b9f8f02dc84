//! vordr as a service of systemd: sockets handed over, readiness told, and a unit that may do little.

use crate::harness::{Binary, Client, eventually, free_port, written};
use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn saying(port: u16, word: &str) -> String {
    format!(
        "vordr {{ access-log off; drain \"1s\"; }}\n\
         server \"*\" {{ listen \"127.0.0.1:{port}\"; location \"/\" {{ respond 200 \"{word}\"; }} }}"
    )
}

#[tokio::test]
async fn a_socket_that_is_handed_over_is_used_by_its_address_and_another_is_warned_of() {
    let [web, spare] = [0, 0].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let port = web.local_addr().unwrap().port();
    let (_folder, path) = written(&saying(port, "handed"));
    let binary = Binary::running_handed(&path, "spare:web", [&spare, &web]).await;
    let address = web.local_addr().unwrap();
    assert_eq!(Client::connect(address).await.get("a.test", "/").await.text(), "handed");
    let said = eventually("a warning", || Some(binary.said()).filter(|said| said.contains("in vain"))).await;
    let spare = spare.local_addr().unwrap();
    assert!(said.contains(&format!("spare at {spare}: no `listen` names it")), "{said}");
}

#[tokio::test]
async fn an_address_that_was_handed_over_may_go_by_a_reload_and_come_back() {
    let [web, other] = [0, 0].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let [port, second] = [&web, &other].map(|socket| socket.local_addr().unwrap().port());
    let (_folder, path) = written(&saying(port, "first"));
    let binary = Binary::running_handed(&path, "", [&web, &other]).await;
    for (port, word) in [(second, "second"), (port, "third")] {
        std::fs::write(&path, saying(port, word)).unwrap();
        binary.signal("HUP");
        let reloaded = || binary.said().matches("rules reloaded").count();
        let expected = if word == "second" { 1 } else { 2 };
        eventually("a reload", || (reloaded() == expected).then_some(())).await;
        let mut client = Client::connect(([127, 0, 0, 1], port).into()).await;
        assert_eq!(client.get("a.test", "/").await.text(), word);
    }
}

#[tokio::test]
async fn a_unix_socket_that_is_handed_over_is_not_connected_to_by_a_stop() {
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let more = format!("listen \"unix:{}\"; location", path.display());
    let rules = saying(web.local_addr().unwrap().port(), "hello").replace("location", &more);
    let (_folder, file) = written(&rules);
    let mut binary = Binary::running_handed(&file, "", [&web, &unix]).await;
    binary.signal("TERM");
    assert!(binary.ended().await.success());
    unix.set_nonblocking(true).unwrap();
    let waiting = unix.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(waiting, Err(std::io::ErrorKind::WouldBlock), "systemd would start vordr again");
    assert!(path.exists());
}

#[tokio::test]
async fn a_restart_with_sockets_that_are_handed_over_loses_no_connection() {
    let [web, spare] = [0, 0].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let address = web.local_addr().unwrap();
    let (_folder, path) = written(&saying(address.port(), "hello"));
    let mut old = Binary::running_handed(&path, "", [&web, &spare]).await;
    assert_eq!(Client::connect(address).await.get("a.test", "/").await.text(), "hello");
    old.signal("TERM");
    assert!(old.ended().await.success());
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(address).await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        waiting.push(client);
    }
    let _new = Binary::running_handed(&path, "", [&web, &spare]).await;
    for client in &mut waiting {
        assert_eq!(client.response().await.text(), "hello");
    }
}

/// Waits for a message with this line.
async fn told(systemd: &UnixDatagram, line: &str) -> String {
    let mut message = [0; 4096];
    eventually(line, || {
        let length = systemd.recv(&mut message).ok()?;
        let text = String::from_utf8_lossy(&message[..length]).into_owned();
        text.lines().any(|found| found.starts_with(line)).then_some(text)
    })
    .await
}

#[tokio::test]
async fn systemd_is_told_of_readiness_reloads_the_stop_and_that_the_workers_live() {
    let (folder, path) = written(&saying(free_port(), "hello"));
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_nonblocking(true).unwrap();
    let variables = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let mut binary = Binary::running_file(path.clone(), &variables).await;
    let ready = told(&systemd, "READY=1").await;
    assert!(ready.contains("STATUS=serving one server on 127.0.0.1:"), "{ready}");
    told(&systemd, "WATCHDOG=1").await;
    told(&systemd, "WATCHDOG=1").await;

    binary.signal("HUP");
    let reloading = told(&systemd, "RELOADING=1").await;
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    let ready = told(&systemd, "READY=1").await;
    assert!(ready.contains("generation 2"), "{ready}");

    std::fs::write(&path, "server {").unwrap();
    binary.signal("HUP");
    told(&systemd, "RELOADING=1").await;
    let ready = told(&systemd, "READY=1").await;
    assert!(ready.contains("STATUS=serving the old rules"), "{ready}");

    binary.signal("TERM");
    told(&systemd, "STOPPING=1").await;
    assert!(binary.ended().await.success());
}

#[test]
fn the_unit_may_do_little() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd/vordr.service");
    let judged = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=29"])
        .arg(&unit)
        .output();
    let Ok(judged) = judged else {
        println!("skipped: systemd-analyze is missing");
        return;
    };
    let said = String::from_utf8_lossy(&judged.stdout);
    println!("{}", said.lines().last().unwrap_or_default());
    assert!(judged.status.success(), "{said}{}", String::from_utf8_lossy(&judged.stderr));
}

#[tokio::test]
async fn connections_are_still_accepted_for_drain_delay_and_told_to_be_the_last() {
    let (_folder, path) = written(
        "vordr { drain-delay \"2s\"; drain \"20s\"; }\n\
         server \"*\" { listen \"127.0.0.1:0\"; location \"/\" { respond 200 \"hello\"; } }",
    );
    let mut binary = Binary::running_with(path, &[]).await;
    let address = binary.address();
    let [mut kept, mut idle] = [Client::connect(address).await, Client::connect(address).await];
    assert_eq!(kept.get("a.test", "/").await.header("Connection"), Some("keep-alive"));
    assert_eq!(idle.get("a.test", "/").await.text(), "hello");
    let asked = std::time::Instant::now();
    binary.signal("TERM");
    eventually("the stop", || binary.said().contains("stopping").then_some(())).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    for client in [&mut kept, &mut Client::connect(address).await] {
        let answer = client.get("a.test", "/").await;
        assert_eq!((answer.text().as_str(), answer.header("Connection")), ("hello", Some("close")));
    }
    idle.closed().await;
    assert!(binary.ended().await.success());
    assert!(asked.elapsed() >= Duration::from_secs(2), "{:?}", asked.elapsed());
}

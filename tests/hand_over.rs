//! A newer process takes over from the one that runs: both listen on one port for a while, and no request fails.

use crate::harness::{Binary, Client, ends, within, written};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;

fn saying(port: u16, folder: &Path, word: &str) -> String {
    let socket = folder.join("v.sock");
    format!(
        "vordr {{ workers 2; drain-delay \"3s\"; drain \"5s\"; access-log off; }}\n\
         server \"*\" {{ listen \"127.0.0.1:{port}\"; listen \"unix:{}\"\n\
         location \"/\" {{ respond 200 \"{word}\"; }} }}",
        socket.display()
    )
}

/// What a path of a Unix socket leads to.
async fn said_at(path: &Path) -> String {
    let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within(tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)).await.unwrap();
    answer
}

/// Asks until it is over, on a connection that is kept or on a new one each time; the last word that was answered.
async fn ask(address: SocketAddr, kept: bool, over: Arc<AtomicBool>) -> (u64, String) {
    let (mut client, mut asked) = (Client::connect(address).await, 0);
    loop {
        // Once more after the end, when the last process has taken over.
        let is_last = over.load(Relaxed);
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let head = client.head().await;
        let head = head.unwrap_or_else(|| panic!("no answer to request {asked}, kept: {kept}"));
        let answer = client.rest_of(head).await;
        let last = answer.text();
        asked += 1;
        if is_last {
            return (asked, last);
        }
        if !kept || answer.header("Connection") == Some("close") {
            client = Client::connect(address).await;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_when_a_newer_process_takes_over() {
    let (folder, path) = written("");
    let port = crate::harness::free_port();
    let run = async |word: &str| {
        std::fs::write(&path, saying(port, folder.path(), word)).unwrap();
        Binary::running_with(path.clone(), &["--reuse-port"]).await
    };
    let mut old = run("0").await;
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..20 {
        clients.spawn(ask(([127, 0, 0, 1], port).into(), number % 2 == 0, over.clone()));
    }
    for generation in ["1", "2"] {
        let new = run(generation).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        old.signal("TERM");
        assert!(old.ended().await.success(), "{}", old.said());
        let answer = said_at(&folder.path().join("v.sock")).await;
        assert!(answer.ends_with(generation), "{answer}");
        old = new;
    }
    over.store(true, Relaxed);
    let mut all = 0;
    while let Some(ended) = within(clients.join_next()).await {
        let (asked, last) = ended.expect("no request fails");
        assert_eq!(last, "2");
        all += asked;
    }
    println!("{all} requests over two changes of the process");
}

#[tokio::test]
async fn a_newer_process_that_does_not_start_takes_no_socket_away() {
    let (folder, path) = written("");
    let port = crate::harness::free_port();
    std::fs::write(&path, saying(port, folder.path(), "old")).unwrap();
    let _old = Binary::running_with(path.clone(), &["--reuse-port"]).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = format!("vordr {{ admin \"{}\";", taken.local_addr().unwrap());
    let newer = path.with_extension("newer.kdl");
    std::fs::write(&newer, saying(port, folder.path(), "new").replace("vordr {", &admin)).unwrap();
    let ended = ends(&["run", "--reuse-port", newer.to_str().unwrap()]);
    assert!(!ended.status.success(), "{ended:?}");
    let answer = said_at(&folder.path().join("v.sock")).await;
    assert!(answer.ends_with("old"), "{answer}");
    let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    let sockets = files.filter(|name| name.to_string_lossy().contains("sock")).count();
    assert_eq!(sockets, 1, "nothing is left beside it");
}

//! The scripted upstream and the client understand each other, so a failing test speaks of vordr.

use crate::harness::{Client, Origin};
use std::path::Path;

#[tokio::test]
async fn an_origin_remembers_what_it_was_asked_and_answers_again_on_the_same_connection() {
    let origin = Origin::answering("hello").await;
    let mut client = Client::connect(format!("127.0.0.1:{}", origin.port()).parse().unwrap()).await;
    assert_eq!(client.get("a.test", "/one").await.text(), "hello");
    client.send("POST /two HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    assert_eq!(client.response().await.status, 200);
    let seen = origin.requests();
    assert_eq!((seen[0].target(), seen[1].target()), ("/one", "/two"));
    assert_eq!(seen[1].text(), "abc");
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn an_origin_echoes_over_a_websocket() {
    let origin = Origin::echoing().await;
    let client = Client::connect(format!("127.0.0.1:{}", origin.port()).parse().unwrap()).await;
    let mut socket = client.websocket("a.test", "/ws", "").await.unwrap();
    assert!(socket.echoes("over there").await);
}

#[test]
fn every_file_of_tests_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let named = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let names = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    for name in names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()) {
        assert!(name == "main" || named.contains(&format!("mod {name};\n")), "main.rs does not name {name}");
    }
}

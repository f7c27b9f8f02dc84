//! A start says what runs; a start that fails says why, in one line, and ends with 1.

use crate::harness::{Binary, Client, Origin, ends, eventually, written};

const HELLO: &str = r#"server a.test { listen "127.0.0.1:0"; location "/" { respond 200 "hello"; } }"#;

#[tokio::test]
async fn the_first_lines_name_version_rules_addresses_and_routes() {
    let origin = Origin::answering("ok").await;
    let binary = Binary::running(&format!(
        r#"server a.test b.test {{
            listen "127.0.0.1:0"
            location "/api" {{ proxy "{}"; }}
            location exact="/old" {{ redirect "/new"; }}
        }}"#,
        origin.url()
    ))
    .await;
    let mut client = Client::connect(binary.address()).await;
    assert_eq!(client.get("a.test", "/api").await.text(), "ok");
    let address = binary.address().to_string();
    for part in [env!("CARGO_PKG_VERSION"), "vordr.kdl", &address, "/api", "/old", "a.test"] {
        // Lines are written together, a moment after the first.
        eventually(part, || binary.said().contains(part).then_some(())).await;
    }
    eventually("an access log on standard output", || {
        binary.printed().contains("\"path\":\"/api\"").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_folder, path) = written(&HELLO.replace("127.0.0.1:0", &address));
    fails(&["run", path.to_str().unwrap()], &[&address, "listens there already"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    fails(&["run", "/nonexistent/vordr.kdl"], &["/nonexistent/vordr.kdl"]);
}

#[tokio::test]
async fn rules_that_are_faulty_are_shown_with_their_place() {
    let (_folder, path) = written("server a.test { listen 0; location \"/\" { resond 200; } }");
    let output = ends(&["run", path.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("resond") && said.contains("respond"), "{said}");
}

#[tokio::test]
async fn a_variable_that_is_missing_is_named() {
    let (_folder, path) = written(
        r#"server a.test { listen 0; location "/" { proxy "${TARGET_URL:?the tunnel's address}"; } }"#,
    );
    let output = ends(&["run", path.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("TARGET_URL") && said.contains("the tunnel's address"), "{said}");
}

#[tokio::test]
async fn with_too_few_descriptors_it_says_so_and_ends() {
    // Pingora's connectors read a file, for each of the workers.
    let rules = format!("vordr {{ workers 2; }}\n{HELLO}");
    let (_folder, path) = written(&rules);
    let (mut refused, mut served) = (0, 0);
    for most in 12..60 {
        let mut binary = Binary::started_with_descriptors(&path, most);
        let ended = eventually("an end, or an address", || {
            binary.has_ended().map(Some).or_else(|| binary.said().contains("listening").then_some(None))
        })
        .await;
        let said = binary.said();
        match ended {
            Some(status) => {
                assert_eq!(status.code(), Some(1), "{most}: {said}");
                assert!(said.contains("vordr: cannot"), "{most}: {said}");
                refused += 1;
            }
            None => {
                assert!(!said.contains("panicked"), "{most}: {said}");
                served += 1;
            }
        }
    }
    assert!(refused > 5 && served > 5, "refused {refused}, served {served}");
}

/// One clear line that holds all of these, and exit code 1.
fn fails(arguments: &[&str], parts: &[&str]) {
    let output = ends(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} in {said}");
    }
}

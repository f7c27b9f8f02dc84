//! The commands beside `run`, asked about a vordr that runs.

use crate::harness::{Binary, Client, Origin, ends, eventually, free_port, written};
use std::process::Output;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn health_asks_the_admin_address_and_says_so_when_nobody_answers() {
    let admin = free_port();
    let (_folder, path) = written(&format!(
        r#"vordr {{ admin "127.0.0.1:{admin}"; }}
        server a.test {{ listen "127.0.0.1:0"; location "/" {{ respond 204; }} }}"#
    ));
    let ask = || ends(&["health", path.to_str().unwrap()]);
    let before = ask();
    assert_eq!(before.status.code(), Some(1), "{}", text(&before));
    assert!(text(&before).contains("not healthy"), "{}", text(&before));
    let binary = Binary::running_file(path.clone(), &[]).await;
    let healthy = ask();
    assert_eq!((healthy.status.code(), text(&healthy).as_str()), (Some(0), "healthy\n"));
    drop(binary);
    assert_eq!(ask().status.code(), Some(1));
}

#[tokio::test]
async fn health_without_an_admin_address_asks_whether_connections_are_taken() {
    let port = free_port();
    let (_folder, path) =
        written(&format!("server a.test {{ listen {port}; location \"/\" {{ respond 204; }} }}"));
    let ask = || ends(&["health", path.to_str().unwrap()]).status.code();
    assert_eq!(ask(), Some(1));
    let _binary = Binary::running_file(path.clone(), &[]).await;
    assert_eq!(ask(), Some(0));
}

#[tokio::test]
async fn who_is_well_stays_well_when_the_rules_on_the_disk_are_broken() {
    let admin = free_port();
    let rules = format!(
        r#"vordr {{ admin "127.0.0.1:{admin}"; }}
        server a.test {{ listen "127.0.0.1:0"; location "/" {{ respond 204; }} }}"#
    );
    let (_folder, path) = written(&rules);
    let binary = Binary::running_file(path.clone(), &[]).await;
    for broken in [rules.replace("respond", "respodn"), rules.replace(" }}", "")] {
        std::fs::write(&path, broken).unwrap();
        let answer = ends(&["health", path.to_str().unwrap()]);
        assert_eq!(answer.status.code(), Some(0), "{}", text(&answer));
    }
    drop(binary);
    assert_eq!(ends(&["health", path.to_str().unwrap()]).status.code(), Some(1));
}

#[tokio::test]
async fn health_is_not_fooled_by_somebody_else_on_the_admin_port() {
    let other =
        Origin::responding("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let (_folder, path) = written(&format!(
        r#"vordr {{ admin "127.0.0.1:{}"; }}
        server a.test {{ listen 0; location "/" {{ respond 204; }} }}"#,
        other.port()
    ));
    let path = path.to_str().unwrap().to_owned();
    let answer = tokio::task::spawn_blocking(move || ends(&["health", &path])).await.unwrap();
    assert_eq!(answer.status.code(), Some(1));
    assert!(text(&answer).contains("404"), "{}", text(&answer));
}

/// One of each kind of location, so that there is something to choose between.
fn routes(origin: &Origin) -> String {
    format!(
        r##"
        server a.test {{
            listen "127.0.0.1:0"
            location exact="/exact" {{ respond 200 "exact"; }}
            location "/final" final=on {{ respond 200 "final"; }}
            location regex=#"^/(final|v\d+)/"# {{ respond 200 "regex"; }}
            location "/upload" {{ match method=POST header="X-Beta=1"; respond 200 "upload"; }}
            location "/" {{ proxy "{}"; }}
        }}
        server "*.b.test" {{ listen "127.0.0.1:0"; location "/only" {{ respond 200 "only"; }} }}"##,
        origin.url()
    )
}

#[tokio::test]
async fn explain_tells_the_location_that_the_running_vordr_takes() {
    let origin = Origin::answering("root").await;
    let (_folder, path) = written(&routes(&origin));
    let binary = Binary::running_file(path.clone(), &[]).await;
    for (method, host, target, field) in [
        ("GET", "a.test", "/exact", ""),
        ("GET", "a.test", "/exact/x", ""),
        ("GET", "a.test", "/final/x", ""),
        ("GET", "a.test", "/v1/x", ""),
        ("GET", "a.test", "/upload", "X-Beta: 1"),
        ("POST", "a.test", "/upload", ""),
        ("POST", "a.test", "/upload", "X-Beta: 1"),
        ("GET", "x.b.test", "/only/x", ""),
        ("GET", "x.b.test", "/else", ""),
        ("GET", "unknown.test", "/exact", ""),
    ] {
        let id = format!("{method}-{host}{target}-{}", field.len());
        let mut client = Client::connect(binary.address()).await;
        let line = if field.is_empty() { String::new() } else { format!("{field}\r\n") };
        client
            .send(format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{line}X-Request-Id: {id}\r\n\r\n"))
            .await;
        client.response().await;
        let logged = eventually("the line in the log", || {
            let printed = binary.printed();
            let line = printed.lines().find(|line| line.contains(&id))?;
            serde_json::from_str::<serde_json::Value>(line).ok()
        })
        .await;
        let url = format!("http://{host}{target}");
        let mut arguments = vec!["explain", method, &url, "-c", path.to_str().unwrap()];
        if !field.is_empty() {
            arguments.extend(["-H", field]);
        }
        let said = text(&ends(&arguments));
        match logged["route"].as_str().unwrap() {
            "_other" => assert!(said.contains("404"), "{id}: {said}"),
            route => {
                let location = said.lines().find(|line| line.starts_with("location ")).unwrap();
                assert!(location.contains(&format!(" {route} ")), "{id}: {route} or {said}");
            }
        }
        let server = said.lines().find(|line| line.starts_with("server ")).unwrap();
        assert!(server.contains(logged["server"].as_str().unwrap()), "{id}: {said}");
    }
}

#[test]
fn explain_tells_a_preflight_from_other_requests_and_what_may_keep_one_out() {
    let (_folder, path) = written(
        r#"server a.test { listen 80; cors { origins "https://b.test"; methods PUT; }
            location "/" { allow "10.0.0.0/8"; deny all; limit rate="1/s"; respond 200 "ok"; }
            location "/put" { match method=PUT; respond 204; } }"#,
    );
    let explained = |method: &str, target: &str, fields: &[&str]| {
        let url = format!("http://a.test{target}");
        let mut arguments = vec!["explain", method, &url, "-c", path.to_str().unwrap()];
        fields.iter().for_each(|field| arguments.extend(["-H", field]));
        text(&ends(&arguments))
    };
    let preflight = |origin: &'static str| ["Access-Control-Request-Method: PUT", origin];
    let said = explained("OPTIONS", "/put", &preflight("Origin: https://b.test"));
    assert!(said.contains("204 to a preflight, granted for PUT"), "{said}");
    assert!(said.contains("location  /put"), "{said}");
    let said = explained("OPTIONS", "/put", &preflight("Origin: https://c.test"));
    assert!(said.contains("204 to a preflight, not granted for PUT"), "{said}");
    let said = explained("GET", "/", &[]);
    assert!(said.contains("guarded   by `allow` and `deny`, `limit`, which may answer first"), "{said}");
    assert!(said.contains("answer    200, 2 bytes"), "{said}");
}

#[tokio::test]
async fn explain_says_why_the_others_were_not_chosen() {
    let origin = Origin::answering("root").await;
    let (_folder, path) = written(&routes(&origin));
    let said = text(&ends(&["explain", "GET", "http://a.test/upload", "-c", path.to_str().unwrap()]));
    for part in [
        "upstream  ",
        &origin.url().replace("http://", "http to "),
        "its `match` does not hold",
        "its path does not fit",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

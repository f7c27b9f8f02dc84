//! What is done in the place of an answer to an upload that is too large to be kept for another attempt, under a `limit`.

use crate::harness::{Origin, Vordr};

const LARGE: usize = 200_000;

/// These words in a server that counts its requests.
async fn counting(words: &str) -> Vordr {
    Vordr::running(&format!(r#"server a.test {{ listen 0; limit rate="1000/s" burst=1000; {words} }}"#)).await
}

fn upload(length: usize) -> String {
    format!("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{}", "b".repeat(length))
}

/// Status and text of the answer to an upload.
async fn uploaded(vordr: &Vordr, length: usize) -> (u16, String) {
    let response = vordr.send(&upload(length)).await;
    (response.status, response.text())
}

#[tokio::test]
async fn a_location_stands_in_for_the_answer_to_an_upload_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    std::fs::write(folder.path().join("folder/index.html"), "sorry").unwrap();
    let origin = Origin::responding("HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\nmine").await;
    for (action, status) in [
        ("search \"/said\"", 200),
        ("enter page", 200),
        ("search \"/folder/index.html\"", 502),
        ("search \"/folder/\"", 502),
    ] {
        let vordr = counting(&format!(
            r#"location "/" {{ on-error 502 from=upstream {{ {action}; }}; proxy "{}"; }}
               location "/said" {{ respond 200 "sorry"; }}
               location "/folder" {{ files {:?}; }}
               location name=page {{ respond 200 "sorry"; }}"#,
            origin.url(),
            folder.path()
        ))
        .await;
        for length in [10, LARGE] {
            assert_eq!(uploaded(&vordr, length).await, (status, "sorry".to_owned()), "{action} {length}");
        }
    }
}

#[tokio::test]
async fn an_upload_leads_where_its_upstream_says() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("there"), "kept").unwrap();
    for (target, status, text) in [("there", 200, "kept"), ("none", 404, "no such film")] {
        let head =
            format!("HTTP/1.1 200 OK\r\nX-Accel-Redirect: /kept/{target}\r\nContent-Length: 0\r\n\r\n");
        let origin = Origin::responding(&head).await;
        let vordr = counting(&format!(
            r#"steering on; location "/" {{ proxy "{}"; }}
               location "/kept" internal=on {{ on-error 404 {{ respond 404 "no such film"; }}
                   files {:?} strip-prefix="/kept"; }}"#,
            origin.url(),
            folder.path()
        ))
        .await;
        for length in [10, LARGE] {
            assert_eq!(uploaded(&vordr, length).await, (status, text.to_owned()), "{target} {length}");
        }
    }
}

#[tokio::test]
async fn who_is_asked_anew_needs_no_body() {
    let spare = Origin::answering("spare").await;
    let steering = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /spare\r\nContent-Length: 0\r\n\r\n";
    let failing = "HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\nmine";
    for head in [steering, failing] {
        let origin = Origin::responding(head).await;
        let vordr = counting(&format!(
            r#"steering on
               location "/" {{ on-error 502 from=upstream {{ search "/spare"; }}; proxy "{}"; }}
               location "/spare" {{ proxy "{}"; }}"#,
            origin.url(),
            spare.url()
        ))
        .await;
        for _ in 0..2 {
            assert_eq!(uploaded(&vordr, LARGE).await, (200, "spare".to_owned()), "{head}");
            let seen = spare.requests().pop().unwrap();
            assert_eq!((seen.head.start(), seen.text().as_str()), ("GET /spare HTTP/1.1", ""));
        }
        let line = vordr.log_line(|line| line["path"] == "/x").await;
        assert_eq!(line["bytes_in"], LARGE, "{line}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_else_can_give_is_passed_on() {
    let spare = Origin::answering("spare").await;
    let origin = Origin::responding("HTTP/1.1 404 Gone\r\nContent-Length: 4\r\n\r\nmine").await;
    for action in [format!("proxy \"{}\"", spare.url()), "enter spare".to_owned()] {
        let vordr = counting(&format!(
            r#"location "/" {{ on-error 404 from=upstream {{ {action}; }}; proxy "{}"; }}
               location name=spare {{ proxy "{}"; }}"#,
            origin.url(),
            spare.url()
        ))
        .await;
        assert_eq!(uploaded(&vordr, 10).await, (200, "spare".to_owned()), "{action}");
        assert_eq!(uploaded(&vordr, LARGE).await, (404, "mine".to_owned()), "{action}");
    }
}

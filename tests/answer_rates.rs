//! How fast answers go: by the rules, and by what an upstream says.

use crate::harness::{Origin, Vordr, within};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

/// Answers with three thousand bytes, a thousand at a time.
async fn speaking(header: &str) -> Origin {
    let head = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: 3000\r\n\r\n");
    Origin::scripted(move |mut connection| {
        let head = head.clone();
        async move {
            while connection.request().await.is_some() {
                connection.send(&head).await;
                for _ in 0..3 {
                    connection.send([b'x'; 1000]).await;
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    })
    .await
}

/// How long a whole answer takes.
async fn taken(vordr: &Vordr) -> Duration {
    let begun = Instant::now();
    let response = vordr.get("http://a.test/").await;
    assert_eq!((response.status, response.body.len()), (200, 3000));
    begun.elapsed()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_upstream_is_read_no_faster_than_the_rules_say() {
    let origin = speaking("").await;
    let rules = |block: &str| {
        format!(
            "server a.test {{ listen 0; location \"/\" {{ proxy \"{}\" {{ {block}; }} }} }}",
            origin.url()
        )
    };
    assert!(taken(&Vordr::running(&rules("read-rate 2000")).await).await >= SECOND / 2);
}

/// A large answer begins at once, and goes on every second.
#[tokio::test]
async fn a_slow_answer_comes_steadily_from_its_head_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("film"), [b'x'; 50_000]).unwrap();
    let origin = Origin::answering(&"x".repeat(50_000)).await;
    let rules = format!(
        r#"server a.test {{ listen 0; send-rate 20000
            location "/film" {{ files {:?}; }}
            location "/read" {{ send-rate off; proxy "{url}" {{ read-rate 20000; }}; }}
            location "/text" {{ respond 200 "{}"; }}
            location "/" {{ proxy "{url}"; }}
        }}"#,
        folder.path(),
        "x".repeat(50_000),
        url = origin.url()
    );
    let vordr = Vordr::running(&rules).await;
    for path in ["/film", "/read", "/text", "/"] {
        let mut client = vordr.connect().await;
        let begun = Instant::now();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")).await;
        let (mut socket, mut answer, mut come) = (client.into_socket(), Vec::new(), Vec::new());
        while within(socket.read_buf(&mut answer)).await.unwrap() > 0 {
            come.push((begun.elapsed(), answer.len()));
        }
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() > 50_000, "{path}");
        let by =
            |moment: Duration| come.iter().rev().find(|(at, _)| *at <= moment).map_or(0, |(_, bytes)| *bytes);
        assert!((10_000..=30_000).contains(&by(SECOND / 2)), "{path}: {come:?}");
        assert!(by(SECOND * 5 / 4) < 46_000, "{path}: {come:?}");
        let longest = come.windows(2).filter_map(|two| Some(two.get(1)?.0 - two.first()?.0)).max().unwrap();
        assert!(longest < SECOND, "{path}: {come:?}");
        assert!(begun.elapsed() >= SECOND * 5 / 4, "{path}: {come:?}");
    }
}

/// What is held back here is nobody's silence.
#[tokio::test]
async fn a_rate_makes_longer_pauses_than_an_upstream_may() {
    let origin = Origin::scripted(move |mut connection| async move {
        while connection.request().await.is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n").await;
            connection.send([b'x'; 2900]).await;
            sleep(Duration::from_millis(100)).await;
            connection.send([b'x'; 100]).await;
        }
    })
    .await;
    let rules = r#"timeouts read="500ms"; send-rate 1500"#;
    assert!(taken(&Vordr::proxying_with(&origin, rules).await).await >= SECOND);
}

#[tokio::test]
async fn an_upstream_says_how_fast_its_answer_goes_where_it_may() {
    let origin = speaking("X-Accel-Limit-Rate: 2000\r\n").await;
    assert!(taken(&Vordr::proxying_with(&origin, "steering rate").await).await >= SECOND / 2);
    let slow = speaking("X-Accel-Limit-Rate: 100\r\n").await;
    assert!(taken(&Vordr::proxying_with(&slow, "steering redirect").await).await < SECOND * 10);
    let unlimited = speaking("X-Accel-Limit-Rate: 0\r\n").await;
    assert!(taken(&Vordr::proxying_with(&unlimited, "steering on; send-rate 100").await).await < SECOND * 10);
}

#[tokio::test]
async fn a_file_that_an_upstream_leads_to_goes_as_fast_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = |path: &Path| std::fs::write(path, [b'x'; 3000]).unwrap();
    file(&folder.path().join("film"));
    let head = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /kept/film\r\nX-Accel-Limit-Rate: 2000\r\nContent-Length: 0\r\n\r\n";
    let origin = Origin::responding(head).await;
    let rules = format!(
        "server a.test {{ listen 0; steering on; location \"/\" {{ proxy \"{}\"; }}\n\
         location \"/kept\" internal=on {{ files {:?} strip-prefix=\"/kept\"; }} }}",
        origin.url(),
        folder.path()
    );
    assert!(taken(&Vordr::running(&rules).await).await >= SECOND / 2);
}

#[tokio::test]
async fn a_part_of_a_large_answer_is_sent_and_the_next_request_is_answered() {
    let body: String = (0..100_000).map(|number| format!("{number:09}\n")).collect();
    let origin = Origin::answering(&body).await;
    let rules = format!(
        "server a.test {{ listen 0; location \"/\" {{ proxy \"{}\" {{ ranges on; }} }} }}",
        origin.url()
    );
    let vordr = Vordr::running(&rules).await;
    let mut client = vordr.connect().await;
    for (range, part) in [("5000-5009", "000000500\n"), ("999990-", "000099999\n"), ("0-0", "0")] {
        client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\nRange: bytes={range}\r\n\r\n")).await;
        let response = client.response().await;
        assert_eq!((response.status, response.text().as_str()), (206, part), "{range}");
    }
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nRange: bytes=1000000-\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!(
        (response.status, response.header("Content-Range"), response.body.len()),
        (416, Some("bytes */1000000"), 0)
    );
    assert_eq!(client.get("a.test", "/").await.body.len(), body.len());
    assert!(vordr.log_lines().iter().all(|line| line.get("error").is_none()), "{:?}", vordr.log_lines());
}

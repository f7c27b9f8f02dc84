//! Clients that stay with one server.

use crate::harness::{Origin, Response, Vordr, numbered, pooled, servers};

async fn ask(vordr: &Vordr, path: &str, fields: &str) -> Response {
    vordr.send(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await
}

fn by_cookie(origins: &[Origin], more: &str) -> String {
    pooled(&format!("{}\nsticky cookie=sid\n{more}", servers(origins, &[])), "")
}

/// The cookie that an answer sets, as a client sends it back.
fn cookie(response: &Response) -> String {
    let set = response.header("Set-Cookie").unwrap_or_else(|| panic!("a cookie: {:?}", response.head));
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_answer_brings_a_cookie_and_later_ones_come_from_the_same_server() {
    let origins = numbered(3).await;
    let vordr = Vordr::running(&by_cookie(&origins, "")).await;
    for _ in 0..3 {
        let first = ask(&vordr, "/", "").await;
        let set = first.header("Set-Cookie").unwrap();
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
        for origin in &origins {
            assert!(!set.contains("127.0.0.1") && !set.contains(&origin.port().to_string()), "{set}");
        }
        let fields = format!("Cookie: other=1; {}\r\n", cookie(&first));
        for _ in 0..4 {
            let later = ask(&vordr, "/", &fields).await;
            assert_eq!((later.text(), later.header("Set-Cookie")), (first.text(), None));
        }
    }
}

#[tokio::test]
async fn another_vordr_with_the_same_rules_knows_the_cookie() {
    let origins = numbered(3).await;
    let rules = by_cookie(&origins, "");
    let (one, other) = (Vordr::running(&rules).await, Vordr::running(&rules).await);
    ask(&other, "/", "").await;
    for _ in 0..3 {
        let first = ask(&one, "/", "").await;
        let second = ask(&other, "/", &format!("Cookie: {}\r\n", cookie(&first))).await;
        assert_eq!((second.text(), second.header("Set-Cookie")), (first.text(), None));
    }
}

#[tokio::test]
async fn with_a_secret_the_cookie_is_known_to_whoever_has_the_secret() {
    let origins = numbered(3).await;
    let rules = |secret: &str| {
        let pool = format!("{}\nsticky cookie=sid secret=\"{secret}\"", servers(&origins, &[]));
        pooled(&pool, "")
    };
    let one = Vordr::running(&rules("a long enough secret")).await;
    let same = Vordr::running(&rules("a long enough secret")).await;
    let others = [
        Vordr::running(&rules("quite another secret")).await,
        Vordr::running(&by_cookie(&origins, "")).await,
    ];
    for _ in 0..3 {
        let first = ask(&one, "/", "").await;
        let fields = format!("Cookie: {}\r\n", cookie(&first));
        let again = ask(&same, "/", &fields).await;
        assert_eq!((again.text(), again.header("Set-Cookie")), (first.text(), None));
        for other in &others {
            assert_ne!(cookie(&ask(other, "/", &fields).await), cookie(&first));
        }
    }
}

#[tokio::test]
async fn a_client_whose_server_is_gone_has_another_one_and_a_new_cookie() {
    let response =
        |number| format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n{number}");
    // On a connection for each request, so that none is left to the server that goes.
    let once = |number| {
        Origin::scripted(move |mut connection| async move {
            connection.request().await;
            connection.send(response(number)).await;
        })
    };
    let mut origins = vec![once(0).await, once(1).await];
    let vordr =
        Vordr::running(&by_cookie(&origins, "retry 1 on=\"connect\"\npassive fails=1 for=\"1m\"")).await;
    let first = ask(&vordr, "/", "").await;
    assert_eq!(first.text(), "0");
    drop(origins.remove(0));
    tokio::task::yield_now().await;
    let fields = format!("Cookie: {}\r\n", cookie(&first));
    let second = ask(&vordr, "/", &fields).await;
    assert_eq!((second.status, second.text().as_str()), (200, "1"));
    assert_ne!(cookie(&second), cookie(&first));
    let third = ask(&vordr, "/", &format!("Cookie: {}\r\n", cookie(&second))).await;
    assert_eq!((third.text().as_str(), third.header("Set-Cookie")), ("1", None));
}

#[tokio::test]
async fn a_cookie_that_names_no_server_is_replaced() {
    let origins = numbered(2).await;
    let vordr = Vordr::running(&by_cookie(&origins, "")).await;
    let response = ask(&vordr, "/", "Cookie: sid=127.0.0.1\r\n").await;
    assert_eq!(response.status, 200);
    assert_ne!(cookie(&response), "sid=127.0.0.1");
}

#[tokio::test]
async fn clients_without_cookies_stay_by_a_header_or_by_the_query() {
    let origins = numbered(3).await;
    let by_header =
        Vordr::running(&pooled(&format!("{}\nsticky header=X-Device", servers(&origins, &[])), "")).await;
    let by_query =
        Vordr::running(&pooled(&format!("{}\nsticky query=sid", servers(&origins, &[])), "")).await;
    let mut seen = String::new();
    // The ports decide who goes where: one in a thousand times, twenty devices leave a server out.
    for device in 0..60 {
        let fields = format!("X-Device: {device}\r\n");
        let first = ask(&by_header, "/", &fields).await.text();
        assert_eq!(ask(&by_header, "/", &fields).await.text(), first);
        let path = format!("/socket?EIO=4&sid={device}");
        assert_eq!(ask(&by_query, &path, "").await.text(), ask(&by_query, &path, "").await.text());
        seen += &first;
    }
    assert!(["0", "1", "2"].iter().all(|number| seen.contains(number)), "{seen}");
    let without: String =
        [ask(&by_header, "/", "").await.text(), ask(&by_header, "/", "").await.text()].concat();
    assert!(without.len() == 2 && without.chars().next() != without.chars().last(), "in turn: {without}");
}

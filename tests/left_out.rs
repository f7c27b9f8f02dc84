//! What of a request and its answer is left out or changed on the way: `method`, `pass-headers`, `pass-body`,
//! `pass-server`, `header-names`, cookies and addresses.

use crate::harness::{Client, Origin, Vordr};

/// A server whose one location proxies to an origin, with words of the proxy's and settings.
async fn proxying(origin: &Origin, words: &str, settings: &str) -> Vordr {
    let rules = format!(
        "server a.test {{\nlisten \"127.0.0.1:0\"\nlocation \"/\" {{\n{settings}\nproxy \"{}\" {{\n{words}\n}}\n}}\n}}",
        origin.url()
    );
    Vordr::running(&rules).await
}

/// A body, framed so, is left out of a POST, which becomes a GET.
async fn is_left_out(origin: &Origin, client: &mut Client, framing: &str, body: &str) {
    client.send(format!("POST /x HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n{body}")).await;
    assert_eq!(client.response().await.status, 200, "{framing}");
    let seen = origin.requests().pop().unwrap();
    assert_eq!((seen.head.method(), seen.text().as_str()), ("GET", ""), "{framing}");
    assert_eq!((seen.header("Content-Length"), seen.header("Transfer-Encoding")), (Some("0"), None));
}

const CHUNKED: (&str, &str) = ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n");

#[tokio::test]
async fn a_body_that_is_left_out_is_read_and_the_connection_goes_on() {
    let origin = Origin::answering("ok").await;
    let vordr = proxying(&origin, "method GET; pass-body off", "buffering on").await;
    let mut client = vordr.connect().await;
    is_left_out(&origin, &mut client, "Content-Length: 5", "hello").await;
    is_left_out(&origin, &mut client, CHUNKED.0, CHUNKED.1).await;
    is_left_out(&origin, &mut client, "Content-Length: 300000", &"x".repeat(300_000)).await;
    client.send("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response().await.status, 200);
    assert_eq!(origin.requests().pop().unwrap().header("Content-Length"), None);
}

#[tokio::test]
async fn a_body_that_is_left_out_need_not_be_awaited() {
    let origin = Origin::answering("ok").await;
    let vordr = proxying(&origin, "method GET; pass-body off", "").await;
    is_left_out(&origin, &mut vordr.connect().await, "Content-Length: 5", "hello").await;
    is_left_out(&origin, &mut vordr.connect().await, CHUNKED.0, CHUNKED.1).await;
}

#[tokio::test]
async fn a_body_of_the_rules_is_as_long_as_its_length_says() {
    let origin = Origin::answering("ok").await;
    // More has been received at the end of the request than at its head.
    let vordr = proxying(&origin, "body \"<{bytes_received}>\"", "").await;
    let mut client = vordr.connect().await;
    for _ in 0..2 {
        let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 20000\r\n\r\n";
        client.send(format!("{head}{}", "x".repeat(20_000))).await;
        assert_eq!(client.response().await.status, 200);
        let seen = origin.requests().pop().unwrap();
        assert!(seen.text().starts_with('<') && seen.text().ends_with('>'), "{}", seen.text());
        assert_eq!(seen.header("Content-Length"), Some(seen.text().len().to_string().as_str()));
    }
}

#[tokio::test]
async fn headers_that_are_left_out_never_reach_the_upstream() {
    let origin = Origin::answering("ok").await;
    let settings = "forwarded off; request { set X-Token \"{header.X-Name}\"; }";
    let vordr = proxying(&origin, "pass-headers off", settings).await;
    let fields = "X-Name: a\r\nCookie: c=d\r\nContent-Length: 2\r\n";
    vordr.send(&format!("POST / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\nhi")).await;
    let seen = origin.only_request();
    assert_eq!((seen.text().as_str(), seen.header("Host")), ("hi", Some("a.test")));
    assert_eq!(
        (seen.header("X-Token"), seen.header("X-Name"), seen.header("Cookie")),
        (Some("a"), None, None)
    );
    let names = Origin::answering("ok").await;
    for (word, under, dot) in [("any", true, true), ("underscores", true, false), ("plain", false, false)] {
        let vordr = proxying(&names, "", &format!("header-names {word}")).await;
        vordr.send("GET / HTTP/1.1\r\nHost: a.test\r\nX_Under: a\r\nX.Dot: b\r\nX-Dash: c\r\n\r\n").await;
        let seen = names.requests().pop().unwrap();
        let has = |name: &str| seen.header(name).is_some();
        assert_eq!((has("X_Under"), has("X.Dot"), has("X-Dash")), (under, dot, true), "{word}");
    }
}

#[tokio::test]
async fn an_answers_addresses_cookies_and_server_go_by_the_rules() {
    let origin = Origin::responding(
        "HTTP/1.1 302 Found\r\nLocation: http://back.test/x\r\nSet-Cookie: a=1; Domain=back.test; Path=/in/\r\n\
         Server: theirs\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let words = r#"location-fix "http://back.test/" "/new/"; cookie-domain "back.test" "a.test"
        cookie-path "/in/" "/"; cookie-flags "a" secure=on samesite=lax; pass-server on"#;
    let vordr = proxying(&origin, words, "").await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!(response.header("Location"), Some("/new/x"));
    assert_eq!(response.header("Set-Cookie"), Some("a=1; Domain=a.test; Path=/; Secure; SameSite=Lax"));
    assert_eq!(response.headers("Server"), ["theirs"]);
}

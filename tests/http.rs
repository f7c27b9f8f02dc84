//! HTTP as the RFCs want it, for clients old and odd.

use crate::harness::{Framing, Origin, Vordr, proxying};

#[tokio::test]
async fn an_http_1_0_client_is_sent_no_chunks_and_is_closed() {
    let origin =
        Origin::responding("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    let head = client.response_head().await;
    assert_eq!((head.status(), head.header("Transfer-Encoding")), (200, None));
    assert_eq!(client.until_end().await.unwrap(), b"hello");
}

#[tokio::test]
async fn an_http_1_0_client_without_a_host_is_served() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let response = vordr.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(response.text(), "ok");
    assert_eq!(origin.only_request().head.headers("Host").len(), 1, "HTTP/1.1 may not go without");
}

#[tokio::test]
async fn head_has_the_heads_of_get_and_no_body() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            assert_eq!(request.head.method(), "HEAD");
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-Own: yes\r\n\r\n").await;
        }
    })
    .await;
    let rules = format!(
        r#"server a.test {{ listen 0; location "/own" {{ respond 200 "hello"; }}; location "/" {{ proxy "{}"; }} }}"#,
        origin.url()
    );
    let vordr = Vordr::running(&rules).await;
    let mut client = vordr.connect().await;
    for (path, length) in [("/", "1234"), ("/own", "5"), ("/", "1234")] {
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        let head = client.response_head().await;
        assert_eq!((head.status(), head.header("Content-Length")), (200, Some(length)));
    }
    assert!(client.is_silent().await);
}

#[tokio::test]
async fn an_error_is_answered_to_head_without_a_body() {
    let vordr = Vordr::running(&proxying("http://127.0.0.1:1", "")).await;
    let mut client = vordr.connect().await;
    client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 502);
    assert!(client.until_end().await.unwrap().is_empty());
}

#[tokio::test]
async fn hop_by_hop_headers_of_an_answer_are_stripped() {
    let origin = Origin::responding(
        "HTTP/1.1 200 OK\r\nConnection: X-Private, keep-alive\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: keep-alive\r\nUpgrade: h2,h2c\r\nX-Public: 1\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!(response.text(), "ok");
    for name in ["X-Private", "Keep-Alive", "Proxy-Connection", "Upgrade"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    assert_eq!(response.header("X-Public"), Some("1"));
}

#[tokio::test]
async fn hop_by_hop_headers_of_a_request_are_stripped() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n\
                   Proxy-Connection: keep-alive\r\nTE: trailers, deflate\r\nX-Public: 1\r\n\r\n";
    assert_eq!(vordr.send(request).await.status, 200);
    let seen = origin.only_request();
    for name in ["X-Private", "Keep-Alive", "Proxy-Connection"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("X-Public"), Some("1"));
}

#[tokio::test]
async fn interim_answers_pass_untouched() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n").await;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying_with(&origin, "response { set X-Own yes; set Link none; }").await;
    let mut client = vordr.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let hints = client.any_response().await;
    assert_eq!((hints.status, hints.header("Link")), (103, Some("</a.css>; rel=preload")));
    assert_eq!(hints.header("X-Own"), None);
    let last = client.any_response().await;
    assert_eq!((last.status, last.header("X-Own"), last.text().as_str()), (200, Some("yes"), "ok"));
}

#[tokio::test]
async fn where_a_body_is_read_first_its_client_is_told_to_send_it() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, "buffering on").await;
    let mut client = vordr.connect().await;
    for method in ["POST", "GET"] {
        let framing = "Expect: 100-continue\r\nContent-Length: 4";
        client.send(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n")).await;
        assert_eq!(client.any_response().await.status, 100, "{method}");
        client.send("body").await;
        assert_eq!(client.response().await.text(), "ok");
    }
    let request = &origin.requests()[1];
    assert_eq!((request.header("Expect"), request.text().as_str()), (None, "body"));
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let origin = Origin::scripted(|mut connection| async move {
        let request = connection.request_head().await.unwrap();
        assert_eq!(request.header("Expect"), Some("100-continue"));
        connection.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(connection.exactly(4).await.unwrap(), b"body");
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
    assert_eq!(client.any_response().await.status, 100);
    client.send("body").await;
    assert_eq!(client.response().await.text(), "ok");
}

#[tokio::test]
async fn server_is_vordr_whoever_answers() {
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nServer: uvicorn\r\nContent-Length: 0\r\n\r\n").await;
    let vordr = Vordr::proxying(&origin).await;
    assert_eq!(vordr.get("http://a.test/").await.headers("Server"), ["vordr"]);
    let broken = Vordr::running(&proxying("http://127.0.0.1:1", "")).await;
    assert_eq!(broken.get("http://a.test/").await.headers("Server"), ["vordr"]);
}

#[tokio::test]
async fn answers_without_a_body_end_where_their_head_does() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let status = if request.target() == "/304" { "304 Not Modified" } else { "204 No Content" };
            connection.send(format!("HTTP/1.1 {status}\r\nETag: \"x\"\r\n\r\n")).await;
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    for (path, status) in [("/304", 304), ("/204", 204), ("/304", 304)] {
        let response = client.get("a.test", path).await;
        assert_eq!((response.status, response.head.framing(true)), (status, Framing::Length(0)));
    }
    assert!(client.is_silent().await);
}

#[tokio::test]
async fn content_types_come_through_as_they_are_and_none_is_invented() {
    let odd = Origin::responding(
        "HTTP/1.1 200 OK\r\nContent-Type: Text/X-Odd ; a=b\r\nContent-Length: 2\r\n\r\n{}",
    )
    .await;
    let vordr = Vordr::proxying(&odd).await;
    assert_eq!(vordr.get("http://a.test/x.js").await.header("Content-Type"), Some("Text/X-Odd ; a=b"));
    let none = Origin::responding("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    let vordr = Vordr::proxying(&none).await;
    assert_eq!(vordr.get("http://a.test/x.js").await.header("Content-Type"), None);
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_is_whole_is_delivered() {
    let origin = Origin::scripted(|mut connection| async move {
        connection.request_head().await;
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await;
        connection.closed().await;
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nsome").await;
    let response = client.response().await;
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            let text = format!("{}{}", request.target(), request.text());
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())).await;
        }
    })
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let mut client = vordr.connect().await;
    client
        .send(
            "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n\
             POST /2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc\
             POST /3 HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nd\r\n0\r\n\r\n\
             GET /4 HTTP/1.1\r\nHost: a.test\r\n\r\n",
        )
        .await;
    for expected in ["/1", "/2abc", "/3d", "/4"] {
        assert_eq!(client.response().await.text(), expected);
    }
}

#[tokio::test]
async fn what_two_servers_could_read_in_two_ways_is_taken_where_heads_are_lenient() {
    let origin = Origin::answering("ok").await;
    let lenient = "limits { heads lenient; }";
    let vordr = Vordr::running_with(lenient, &proxying(&origin.url(), "")).await;
    assert_eq!(vordr.send("GET /lf HTTP/1.0\nHost: a.test\nX-A: b\n\n").await.status, 200);
    let url = "GET http://a.test/url HTTP/1.1\r\nX-A: b\r\nHost: other.test\r\nX-C: d\r\n\r\n";
    assert_eq!(vordr.send(url).await.status, 200);
    for (seen, target) in origin.requests().iter().zip(["/lf", "/url"]) {
        assert_eq!(
            (seen.head.target(), seen.header("Host"), seen.header("X-A")),
            (target, Some("a.test"), Some("b"))
        );
        assert!(!seen.head.raw.replace("\r\n", "").contains('\n'), "{:?}", seen.head.raw);
    }
    let vordr = Vordr::proxying(&origin).await;
    assert_eq!(vordr.send("GET /lf HTTP/1.0\nHost: a.test\n\n").await.status, 400);
    let refused = vordr.send(url).await;
    assert_eq!((refused.status, refused.header("Server")), (400, Some("vordr")));
    assert_eq!(origin.requests().len(), 2);
}

#[tokio::test]
async fn a_target_with_what_no_url_has_is_escaped() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying(&origin).await;
    assert_eq!(vordr.send("GET /a<b>?c|d HTTP/1.1\r\nHost: a.test\r\n\r\n").await.status, 200);
    assert_eq!(origin.only_request().head.target(), "/a%3Cb%3E?c%7Cd");
}

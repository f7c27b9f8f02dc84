#![allow(clippy::unwrap_used)]
use super::*;
use http::Request;

fn parts(build: impl FnOnce(http::request::Builder) -> http::request::Builder) -> Parts {
    let builder = Request::builder().uri("https://a.test/path?q=1");
    build(builder).body(()).unwrap().into_parts().0
}

fn text(parts: &Parts, ended: bool) -> String {
    String::from_utf8(head_of(parts, ended).unwrap().bytes.to_vec()).unwrap()
}

fn refused(parts: &Parts) -> &'static str {
    match head_of(parts, true) {
        Err(Failure::BadRequest(why)) => why,
        other => panic!("{parts:?} gave {other:?}"),
    }
}

#[test]
fn a_head_is_written_as_http_1_1_has_it() {
    let request = parts(|request| request.header("x-a", "1").header("accept", "*/*"));
    assert_eq!(
        text(&request, true),
        "GET /path?q=1 HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\naccept: */*\r\n\r\n"
    );
}

#[test]
fn cookies_become_one_line() {
    let request = parts(|request| request.header("cookie", "a=1").header("x", "y").header("cookie", "b=2"));
    assert!(text(&request, true).contains("\r\ncookie: a=1; b=2\r\n"));
    assert_eq!(text(&request, true).matches("cookie").count(), 1);
}

#[test]
fn a_body_is_framed_by_its_length_or_in_chunks() {
    let post = |length: Option<&str>| {
        parts(|request| {
            let request = request.method("POST");
            match length {
                Some(length) => request.header("content-length", length),
                None => request,
            }
        })
    };
    let known = head_of(&post(Some("5")), false).unwrap();
    assert_eq!(known.framing, Framing::Plain);
    assert_eq!(String::from_utf8_lossy(&known.bytes).matches("content-length: 5\r\n").count(), 1);
    let twice = parts(|request| request.header("content-length", "5").header("content-length", "5"));
    assert!(head_of(&twice, false).is_err());
    let unknown = head_of(&post(None), false).unwrap();
    assert_eq!(unknown.framing, Framing::Chunked);
    assert!(text(&post(None), false).contains("\r\ntransfer-encoding: chunked\r\n"));
    assert!(text(&post(None), true).contains("\r\ncontent-length: 0\r\n"));
    assert!(!text(&parts(|request| request), true).contains("content-length"));
}

#[test]
fn host_and_authority_must_agree() {
    assert!(text(&parts(|request| request.header("host", "A.test")), true).contains("host: a.test\r\n"));
    let only_host = parts(|request| request.uri("/x").header("host", "b.test"));
    assert!(text(&only_host, true).starts_with("GET /x HTTP/1.1\r\nhost: b.test\r\n\r\n"));
    refused(&parts(|request| request.header("host", "b.test")));
    refused(&parts(|request| request.header("host", "a.test").header("host", "a.test")));
    refused(&parts(|request| request.uri("/x")));
}

#[test]
fn what_belongs_to_a_connection_is_refused_or_stays_behind() {
    for name in ["connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection"] {
        refused(&parts(|request| request.header(name, "x")));
    }
    let request = parts(|request| request.header("te", "trailers").header("http2-settings", "AAMAAABk"));
    assert_eq!(text(&request, true), "GET /path?q=1 HTTP/1.1\r\nhost: a.test\r\n\r\n");
}

#[test]
fn a_target_is_a_path_or_an_asterisk_for_options() {
    let options = parts(|request| request.method("OPTIONS").uri("*").header("host", "a.test"));
    assert!(text(&options, true).starts_with("OPTIONS * HTTP/1.1\r\n"));
    refused(&parts(|request| request.uri("*").header("host", "a.test")));
    refused(&parts(|request| request.method("CONNECT").uri("a.test:443")));
}

#[test]
fn an_extended_connect_is_a_websockets_handshake() {
    let request = parts(|request| {
        let request = request.method("CONNECT").extension(Protocol::from_static("websocket"));
        request.header("sec-websocket-version", "13").header("sec-websocket-key", "mine")
    });
    let text = text(&request, false);
    assert!(text.starts_with("GET /path?q=1 HTTP/1.1\r\nhost: a.test\r\nsec-websocket-version: 13\r\n"));
    assert!(text.contains("\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: "));
    assert!(!text.contains("mine") && !text.contains("chunked"));
    let other = parts(|request| request.method("CONNECT").extension(Protocol::from_static("connect-udp")));
    refused(&other);
}

#[test]
fn a_key_is_sixteen_bytes_in_base64_and_another_each_time() {
    let one = key();
    assert!(one.ends_with(b"==") && b"AQgw".contains(&one[21]));
    assert_ne!(one, key());
}

//! What requests seek, and what they are answered.
#![allow(clippy::unwrap_used)]

use super::super::Admission;
use super::super::scene::{STRANGER, Scene, values};
use super::*;

fn sought_by(location: &str, request: &str) -> Result<Sought, Failure> {
    let rules = format!("server a.test {{ listen 8080; {location}; }}");
    let mut scene = Scene::under(&rules, STRANGER, request);
    assert_eq!(scene.admit(), Admission::Files, "{request}");
    scene.exchange.seek(&scene.request)
}

fn path(location: &str, target: &str) -> String {
    match sought_by(location, &format!("GET {target}")) {
        Ok(sought) => {
            let spot = &sought.spots[0];
            format!("{}{}", String::from_utf8_lossy(&spot.path), ["", " /"][usize::from(spot.is_folder)])
        }
        Err(failure) => failure.reason().to_owned(),
    }
}

const FILES: &str = "location \"/\" { files \"/srv\"; }";

#[test]
fn a_path_is_what_the_location_was_chosen_by() {
    for (target, sought) in [
        ("/", " /"),
        ("/a", "a"),
        ("/a/", "a /"),
        ("/a/b.html?x=1", "a/b.html"),
        ("/%61%20b", "a b"),
        ("/a/../b", "b"),
        ("/a/%2e%2e/b", "b"),
        ("/a%2Fb", "a/b"),
        ("/a/.", "a /"),
        ("/a/b/..", "a /"),
        ("/a...", "a..."),
        ("/a\\..\\b", "a\\..\\b"),
        ("//a", "no_file"),
        ("/a//b", "no_file"),
        ("/a%2f%2fb", "no_file"),
        ("/a//", "no_file"),
        ("//", "no_file"),
        ("/.env", "no_file"),
        ("/a/.git/config", "no_file"),
        ("/%2egit/", "no_file"),
        ("/...", "no_file"),
        ("/.well-known/security.txt", ".well-known/security.txt"),
        ("/.well-known/.hidden", "no_file"),
        ("/a/.well-known/x", "no_file"),
        ("/.well-knownx", "no_file"),
    ] {
        assert_eq!(path(FILES, target), sought, "{target}");
    }
}

#[test]
fn a_prefix_is_taken_off_by_whole_segments_and_a_rewrite_comes_before() {
    let stripped = "location \"/static\" \"/other\" { files \"/srv\" strip-prefix=\"/static/\"; }";
    for (target, sought) in [
        ("/static/a", "a"),
        ("/static", ""),
        ("/static/", " /"),
        ("/static%2fa", "a"),
        ("/static//a", "no_file"),
        ("/static/.git/x", "no_file"),
        ("/other/a", "other/a"),
    ] {
        assert_eq!(path(stripped, target), sought, "{target}");
    }
    let rewritten = r##"location regex=#"^/v\d+/(.*)$"# { rewrite "/docs/{1}"; files "/srv"; }"##;
    for (target, sought) in [
        ("/v1/a?x=1", "docs/a"),
        ("/v1/a%3Fb", "docs/a?b"),
        ("/v1/%252e%252e/x", "docs/%2e%2e/x"),
        ("/v2/", "docs /"),
    ] {
        assert_eq!(path(rewritten, target), sought, "{target}");
    }
}

#[test]
fn what_a_request_fills_into_the_folder_brings_no_hidden_name_and_no_empty_one() {
    let by = |folder: &str, target: &str| path(&format!("location \"/\" {{ files \"{folder}\"; }}"), target);
    for (folder, target, sought) in [
        ("/srv/{arg.x}", "/a?x=one", "one/a"),
        ("/srv/{arg.x}", "/a?x=one/two", "one/two/a"),
        ("/srv/{arg.x}", "/a?x=.git", "no_file"),
        ("/srv/{arg.x}", "/a?x=one/.git", "no_file"),
        ("/srv/{arg.x}", "/a?x=..", "no_file"),
        ("/srv/{arg.x}", "/a", "no_file"),
        ("/srv/{arg.x}", "/a?x=/", "no_file"),
        ("/srv/{arg.x}", "/a?x=one//two", "no_file"),
        ("/srv/{arg.x}/www", "/a", "no_file"),
        ("/srv/one/{arg.x}", "/a", "no_file"),
        ("/srv/{arg.x}/", "/a?x=one", "one/a"),
        ("/srv/{arg.x}.d", "/a?x=one", "one.d/a"),
        ("/srv/{arg.x}.d", "/a", "no_file"),
        ("/srv/{arg.x}.d", "/a?x=one/", "no_file"),
        ("/srv/.sites/{arg.x}/.own", "/a?x=one", "one/.own/a"),
        ("/srv/.{arg.x}", "/a?x=one", ".one/a"),
        ("/srv/.{arg.x}", "/a?x=.", "no_file"),
    ] {
        assert_eq!(by(folder, target), sought, "{folder} {target}");
    }
}

#[test]
fn what_a_request_fills_into_an_index_is_one_name_that_is_not_hidden() {
    let index = |ways: &str, names: &str, target: &str| {
        let location = format!("location \"/\" {{ files \"/srv\" index=\"{names}\" {ways}; }}");
        sought_by(&location, &format!("GET {target}")).unwrap().index
    };
    for (page, found) in [
        ("home", &["home", "index.html"][..]),
        (".env", &["index.html"]),
        ("..", &["index.html"]),
        ("../.env", &["index.html"]),
        ("priv/secret", &["index.html"]),
        ("/etc/passwd", &["index.html"]),
        ("", &["index.html"]),
    ] {
        assert_eq!(index("", "{arg.page} index.html", &format!("/?page={page}")), found, "{page}");
    }
    assert_eq!(index("", ".of-{arg.page}", "/?page=home"), [".of-home"], "as it is written");
    assert_eq!(index("as=nginx", "{arg.page} index.html", "/?page=../x"), ["index.html"]);
    assert_eq!(index("as=nginx", "{arg.page}", "/?page=a/.b"), ["a/.b"]);
}

#[test]
fn get_and_head_ask_for_files_and_the_beginning_is_read_where_it_will_be_sent() {
    let sought = |request: &str| sought_by(FILES, request);
    assert!(sought("GET /a").unwrap().at_once);
    assert!(!sought("HEAD /a").unwrap().at_once);
    assert!(!sought("GET /a\nIf-None-Match: \"x\"").unwrap().at_once);
    assert!(!sought("GET /a\nRange: bytes=5-").unwrap().at_once);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
        assert_eq!(sought(&format!("{method} /a")).unwrap_err(), Failure::Method);
    }
}

#[test]
fn codings_are_sought_only_where_files_are_packed_beforehand() {
    let request = "GET /a\nAccept-Encoding: gzip;q=0.5, br";
    assert!(sought_by(FILES, request).unwrap().codings.is_empty());
    let packed = "location \"/\" { files \"/srv\" precompressed=on; }";
    assert_eq!(sought_by(packed, request).unwrap().codings, [Coding::Br, Coding::Gzip]);
}

/// A text of a hundred bytes that was changed long ago.
fn text() -> Representation {
    Representation {
        length: 100,
        modified: Some(httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap()),
        tag: 0xabc,
        content_type: HeaderValue::from_static("text/plain"),
        coding: None,
        varies: false,
    }
}

const TAG: &str = "\"0000000000000abc\"";

fn answer(file: &Representation, request: &str) -> FileAnswer {
    let rules = format!("server a.test {{ listen 8080; {FILES}; }}");
    let mut scene = Scene::under(&rules, STRANGER, request);
    scene.admit();
    scene.exchange.answer_with(file, &scene.request)
}

fn header<'a>(answer: &'a FileAnswer, name: &str) -> &'a str {
    values(&answer.head.headers, name).first().copied().unwrap_or_default()
}

#[test]
fn a_whole_file_says_all_that_is_known_of_it() {
    let answer = answer(&text(), "GET /a");
    assert_eq!(answer.head.status, 200);
    assert_eq!(answer.body, [Piece::File(0..100)]);
    for (name, value) in [
        ("content-length", "100"),
        ("content-type", "text/plain"),
        ("accept-ranges", "bytes"),
        ("etag", TAG),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("vary", ""),
        ("content-encoding", ""),
        ("server", "vordr"),
    ] {
        assert_eq!(header(&answer, name), value, "{name}");
    }
}

#[test]
fn head_is_answered_as_get_and_has_no_body() {
    let head = answer(&text(), "HEAD /a\nRange: bytes=0-1");
    assert_eq!((head.head.status.as_u16(), header(&head, "content-length")), (200, "100"));
    assert!(head.body.is_empty());
}

#[test]
fn a_packed_file_says_so_and_that_others_get_another() {
    let packed = Representation { coding: Some(Coding::Br), varies: true, ..text() };
    let whole = answer(&packed, "GET /a");
    assert_eq!((header(&whole, "content-encoding"), header(&whole, "vary")), ("br", "Accept-Encoding"));
    let unchanged = answer(&packed, &format!("GET /a\nIf-None-Match: {TAG}"));
    assert_eq!((unchanged.head.status.as_u16(), header(&unchanged, "vary")), (304, "Accept-Encoding"));
    assert_eq!(header(&unchanged, "content-length"), "");
}

#[test]
fn one_part_is_sent_by_itself_and_several_each_with_a_head() {
    let one = answer(&text(), "GET /a\nRange: bytes=10-19");
    assert_eq!((one.head.status.as_u16(), header(&one, "content-range")), (206, "bytes 10-19/100"));
    assert_eq!((header(&one, "content-length"), &one.body), ("10", &vec![Piece::File(10..20)]));
    let several = answer(&text(), "GET /a\nRange: bytes=0-1,-1");
    let boundary = header(&several, "content-type").split_once("boundary=").unwrap().1;
    let text: String = several
        .body
        .iter()
        .map(|piece| match piece {
            Piece::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Piece::File(range) => "x".repeat(usize::try_from(range.end - range.start).unwrap()),
        })
        .collect();
    assert_eq!(
        text,
        format!(
            "--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/100\r\n\r\nxx\r\n\
             --{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 99-99/100\r\n\r\nx\r\n\
             --{boundary}--\r\n"
        )
    );
    assert_eq!(header(&several, "content-length"), text.len().to_string());
}

#[test]
fn conditions_come_before_ranges() {
    for (lines, status) in [
        ("If-Match: \"x\"\nRange: bytes=0-1".to_owned(), 412),
        (format!("If-None-Match: {TAG}\nRange: bytes=0-1"), 304),
        (format!("If-Range: {TAG}\nRange: bytes=0-1"), 206),
        (format!("If-Range: W/{TAG}\nRange: bytes=0-1"), 200),
        (format!("If-Range: {TAG}\nRange: bytes=100-"), 416),
        ("If-Range: \"x\"\nRange: bytes=100-".to_owned(), 200),
    ] {
        let answer = answer(&text(), &format!("GET /a\n{lines}"));
        assert_eq!(answer.head.status.as_u16(), status, "{lines}");
        let length = if status == 416 { "bytes */100" } else { "" };
        assert!(header(&answer, "content-range").starts_with(length));
    }
}

#[test]
fn a_time_that_means_nothing_is_not_told() {
    let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    for modified in [None, at(0), at(1), at(3600)] {
        let answer = answer(&Representation { modified, ..text() }, "GET /a");
        assert_eq!(header(&answer, "last-modified"), "", "{modified:?}");
    }
    let far = SystemTime::now() + Duration::from_secs(1 << 40);
    let answer = answer(&Representation { modified: Some(far), ..text() }, "GET /a");
    let told = httpdate::parse_http_date(header(&answer, "last-modified")).unwrap();
    assert!(told <= SystemTime::now(), "nothing was changed in the future");
}

#[test]
fn a_folder_is_shown_where_it_is_with_the_query_and_on_this_server() {
    for (target, location) in [
        ("/docs", "/docs/"),
        ("/a/b%20c?x=1&y=%20", "/a/b%20c/?x=1&y=%20"),
        ("/a/../docs", "/docs/"),
        ("//evil.example", "/evil.example/"),
        ("/%2fevil.example", "/evil.example/"),
        ("/a:b", "/a:b/"),
        ("/%0d%0aX:y", "/%0D%0AX:y/"),
    ] {
        let mut scene = Scene::of("files \"/srv\"", &format!("GET {target}"));
        scene.admit();
        let path = scene.exchange.current_path(&scene.request).into_owned();
        let Admission::Answer(answer) = scene.exchange.to_folder(&path, &scene.request) else { panic!() };
        assert_eq!((answer.status.as_u16(), values(&answer.headers, "location")), (301, vec![location]));
    }
}

#[test]
fn a_file_in_the_place_of_an_error_keeps_its_status_and_is_for_every_method() {
    let rules = "on-error 502 { files \"/srv\" fallback=\"/sorry.html\"; }\n proxy \"http://app.example\"";
    let mut scene = Scene::of(rules, "POST /a\nRange: bytes=0-1");
    scene.admit();
    scene.reach();
    assert_eq!(scene.exchange.recover(&Failure::Refused, &scene.request), Admission::Files);
    assert!(scene.exchange.seek(&scene.request).is_ok());
    let answer = scene.exchange.answer_with(&text(), &scene.request);
    assert_eq!((answer.head.status.as_u16(), &answer.body), (502, &vec![Piece::File(0..100)]));
    assert_eq!((header(&answer, "etag"), header(&answer, "accept-ranges")), ("", ""));
}

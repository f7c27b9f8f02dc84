//! `files`: a folder's files, and what is answered where there is none.

use crate::harness::{Client, Framing, Origin, Response, Vordr, ends, eventually, written};
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a small site, and its own place in the world.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new(files: &[(&str, &str)]) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        files.iter().for_each(|(path, content)| site.write(path, content));
        site
    }

    /// With a page at the top, one in a folder, and a script.
    fn usual() -> Self {
        Self::new(&[
            ("index.html", "<h1>top</h1>"),
            ("docs/index.html", "<h1>docs</h1>"),
            ("docs/plain.txt", "0123456789"),
            ("app.js", "run()"),
        ])
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("www")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// One server whose one location serves it, with these properties and settings.
    async fn served(&self, properties: &str, settings: &str) -> Vordr {
        Vordr::running(&rules(&self.root(), properties, settings)).await
    }
}

fn rules(root: &Path, properties: &str, settings: &str) -> String {
    format!("server a.test {{ listen 0; location \"/\" {{ files {root:?} {properties}\n {settings}\n }} }}")
}

/// Asks with more header lines.
async fn ask(vordr: &Vordr, method: &str, path: &str, lines: &str) -> Response {
    let mut client = vordr.connect().await;
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n")).await;
    let head = client.response_head().await;
    match method {
        "HEAD" => Response { status: head.status(), head, body: Vec::new() },
        _ => client.rest_of(head).await,
    }
}

#[tokio::test]
async fn a_file_is_sent_with_its_type_and_length_and_what_it_is_known_again_by() {
    let site = Site::usual();
    let vordr = site.served("", "").await;
    let page = vordr.get("http://a.test/docs/plain.txt").await;
    assert_eq!((page.status, page.text().as_str()), (200, "0123456789"));
    assert_eq!(page.header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(page.header("Content-Length"), Some("10"));
    assert_eq!(page.header("Accept-Ranges"), Some("bytes"));
    assert!(
        page.header("ETag").is_some_and(|tag| tag.starts_with('"')) && page.header("Last-Modified").is_some()
    );
    assert_eq!(page.header("Vary"), None);
    let script = vordr.get("http://a.test/app.js").await;
    assert_eq!(script.header("Content-Type"), Some("text/javascript; charset=utf-8"));
    let head = ask(&vordr, "HEAD", "/docs/plain.txt", "").await;
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("10")));
    assert_eq!(head.header("ETag"), page.header("ETag"));
    let line = vordr.log_line(|line| line["path"] == "/app.js").await;
    assert_eq!((&line["status"], &line["bytes_out"]), (&200.into(), &5.into()));
}

#[tokio::test]
async fn a_folder_is_its_index_and_is_shown_at_a_path_that_ends_with_a_slash() {
    let site = Site::usual();
    site.write("empty/of/index.txt", "x");
    let vordr = site.served("", "").await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "<h1>top</h1>");
    assert_eq!(vordr.get("http://a.test/docs/").await.text(), "<h1>docs</h1>");
    let moved = vordr.get("http://a.test/docs?x=1").await;
    assert_eq!((moved.status, moved.header("Location")), (301, Some("/docs/?x=1")));
    for path in ["/empty", "/empty/", "/empty/of/", "/nothing", "/app.js/", "/docs/plain.txt/"] {
        assert_eq!(vordr.get(&format!("http://a.test{path}")).await.status, 404, "{path}");
    }
    let line = vordr.log_error("no_file").await;
    assert_eq!(
        (&line["status"], &line["path"], &line["level"]),
        (&404.into(), &"/empty".into(), &"info".into())
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_is_no_error_of_its_route() {
    let site = Site::usual();
    let vordr = site.served("", "").await;
    assert_eq!(vordr.get("http://a.test/favicon.ico").await.status, 404);
    let answers = r#"vordr_http_requests_total{code="404",method="GET",route="/",server="a.test"}"#;
    vordr.metric_becomes(answers, 1.0).await;
    let routes: Value = serde_json::from_str(&vordr.admin("/routes").await.text()).unwrap();
    assert_eq!((&routes[0]["errors"], &routes[0]["last_error"]), (&0.into(), &Value::Null), "{routes}");
    assert_eq!(vordr.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").await.status, 405);
    vordr.metrics_show(r#"vordr_http_rejected_total{reason="method""#).await;
    assert!(
        !vordr.admin("/metrics").await.text().contains("no_file"),
        "as it is none where an app answers 404"
    );
}

#[tokio::test]
async fn a_file_that_is_larger_than_one_part_comes_whole_and_at_any_place() {
    let site = Site::usual();
    let content: String = (0..40_000).map(|number| format!("{number:07}\n")).collect();
    site.write("large.txt", &content);
    let vordr = site.served("", "").await;
    let whole = vordr.get("http://a.test/large.txt").await;
    assert!(whole.text() == content, "{} bytes", whole.body.len());
    for (range, from, to) in
        [("0-70000", 0, 70_001), ("65530-65545", 65_530, 65_546), ("-5", 319_995, 320_000)]
    {
        let part = ask(&vordr, "GET", "/large.txt", &format!("Range: bytes={range}\r\n")).await;
        assert_eq!(part.status, 206);
        assert_eq!(part.header("Content-Range"), Some(&*format!("bytes {from}-{}/320000", to - 1)));
        assert!(part.text() == content[from..to], "{range}");
    }
    let none = ask(&vordr, "GET", "/large.txt", "Range: bytes=320000-\r\n").await;
    assert_eq!((none.status, none.header("Content-Range")), (416, Some("bytes */320000")));
    // The connection goes on after each of them.
    let mut client = vordr.connect().await;
    for _ in 0..3 {
        assert_eq!(client.get("a.test", "/large.txt").await.body.len(), 320_000);
    }
}

#[tokio::test]
async fn several_ranges_come_as_parts_of_one_body() {
    let site = Site::usual();
    let vordr = site.served("", "").await;
    let parts = ask(&vordr, "GET", "/docs/plain.txt", "Range: bytes=0-1,4-4, -1\r\n").await;
    assert_eq!(parts.status, 206);
    let content_type = parts.header("Content-Type").unwrap().to_owned();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let text = parts.text();
    let bodies: Vec<&str> = text
        .split(&format!("--{boundary}"))
        .filter_map(|part| part.split_once("\r\n\r\n"))
        .map(|(head, body)| {
            assert!(head.contains("Content-Type: text/plain") && head.contains("/10"), "{head}");
            body.trim_end_matches("\r\n")
        })
        .collect();
    assert_eq!(bodies, ["01", "4", "9"]);
    assert!(text.ends_with(&format!("--{boundary}--\r\n")));
}

#[tokio::test]
async fn a_client_that_has_the_file_is_not_sent_it_again_until_it_changes() {
    let site = Site::usual();
    let vordr = site.served("", "response { set Cache-Control \"public, max-age=300\"; }").await;
    let page = vordr.get("http://a.test/app.js").await;
    let (tag, time) = (page.header("ETag").unwrap(), page.header("Last-Modified").unwrap());
    for lines in [format!("If-None-Match: {tag}\r\n"), format!("If-Modified-Since: {time}\r\n")] {
        let same = ask(&vordr, "GET", "/app.js", &lines).await;
        assert_eq!((same.status, same.header("ETag")), (304, Some(tag)), "{lines}");
        assert_eq!(same.header("Cache-Control"), Some("public, max-age=300"));
        assert_eq!((same.header("Content-Length"), same.header("Content-Type")), (None, None));
    }
    let ranged = ask(&vordr, "GET", "/app.js", &format!("If-Range: {tag}\r\nRange: bytes=1-2\r\n")).await;
    assert_eq!((ranged.status, ranged.text().as_str()), (206, "un"));
    // The same length and the same time of modification: it is another content all the same.
    let modified = std::fs::metadata(site.at("app.js")).unwrap().modified().unwrap();
    site.write("app.js", "RUN()");
    std::fs::File::options().write(true).open(site.at("app.js")).unwrap().set_modified(modified).unwrap();
    let other = ask(&vordr, "GET", "/app.js", &format!("If-None-Match: {tag}\r\n")).await;
    assert_eq!((other.status, other.text().as_str()), (200, "RUN()"));
    let whole = ask(&vordr, "GET", "/app.js", &format!("If-Range: {tag}\r\nRange: bytes=1-2\r\n")).await;
    assert_eq!((whole.status, whole.text().as_str()), (200, "RUN()"));
    assert_eq!(ask(&vordr, "GET", "/app.js", &format!("If-Match: {tag}\r\n")).await.status, 412);
}

#[tokio::test]
async fn an_answer_without_a_body_is_not_the_last_of_its_connection() {
    let site = Site::usual();
    let vordr = Vordr::running(&rules(&site.root(), "", "")).await;
    let mut client = vordr.connect().await;
    let tag = client.get("a.test", "/app.js").await.header("ETag").unwrap().to_owned();
    for (method, line, status) in
        [("GET", format!("If-None-Match: {tag}\r\n"), 304), ("HEAD", String::new(), 200)]
    {
        client.send(format!("{method} /app.js HTTP/1.1\r\nHost: a.test\r\n{line}\r\n")).await;
        let head = client.response_head().await;
        assert_eq!((head.status(), head.header("Connection")), (status, Some("keep-alive")));
        assert_eq!(client.get("a.test", "/app.js").await.text(), "run()");
    }
}

#[tokio::test]
async fn what_is_neither_get_nor_head_is_told_so() {
    let site = Site::usual();
    let vordr = site.served("fallback=\"/index.html\"", "").await;
    for method in ["POST", "DELETE", "OPTIONS"] {
        let refused = ask(&vordr, method, "/app.js", "Content-Length: 0\r\n").await;
        assert_eq!((refused.status, refused.header("Allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert_eq!(vordr.log_error("method").await["status"], 405);
}

#[tokio::test]
async fn a_one_page_app_has_its_page_at_every_path_that_is_no_file() {
    let site = Site::usual();
    let missing = site.at("404.html");
    site.write("404.html", "<h1>not here</h1>");
    let vordr = site
        .served(
            "index=\"index.html\" fallback=\"/index.html\" precompressed=on",
            &format!(
                "on-error 404 {{ respond 404 file={missing:?}; }}\n response {{ set Cache-Control \
                 \"public, max-age=300\"; }}"
            ),
        )
        .await;
    for path in ["/", "/users/7", "/users/7/", "/docs/nothing", "/index.html", "/app.js/more?x=1"] {
        let page = vordr.get(&format!("http://a.test{path}")).await;
        assert_eq!((page.status, page.text().as_str()), (200, "<h1>top</h1>"), "{path}");
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("Cache-Control"), Some("public, max-age=300"));
    }
    assert_eq!(vordr.get("http://a.test/app.js").await.text(), "run()");
    assert_eq!(vordr.get("http://a.test/docs/").await.text(), "<h1>docs</h1>");
    let hidden = vordr.get("http://a.test/.env").await;
    assert_eq!((hidden.status, hidden.text().as_str()), (404, "<h1>not here</h1>"));
    // Without the page there is the error's.
    std::fs::remove_file(site.at("index.html")).unwrap();
    let gone = vordr.get("http://a.test/users/7").await;
    assert_eq!((gone.status, gone.text().as_str()), (404, "<h1>not here</h1>"));
}

#[tokio::test]
async fn an_app_answers_for_what_is_no_file_where_on_error_says_so() {
    let app = Origin::answering("from the app").await;
    let site = Site::usual();
    let fallback = format!("on-error 404 405 {{ proxy \"{}\"; }}", app.url());
    let vordr = site.served("", &fallback).await;
    assert_eq!(vordr.get("http://a.test/app.js").await.text(), "run()");
    assert_eq!(vordr.get("http://a.test/api/x?y=1").await.text(), "from the app");
    let posted = vordr.send("POST /app.js HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!((posted.status, posted.text().as_str()), (200, "from the app"));
    let requests = app.requests();
    assert_eq!((requests[0].target(), requests[1].text().as_str()), ("/api/x?y=1", "abc"));
    let line = vordr.log_line(|line| line["path"] == "/api/x").await;
    assert_eq!((&line["status"], line.get("error"), &line["retries"]), (&200.into(), None, &0.into()));
}

#[tokio::test]
async fn files_stand_in_for_an_app_that_is_down_under_the_status_of_its_failure() {
    let site = Site::new(&[("sorry.html", "<h1>back soon</h1>"), ("logo.svg", "<svg/>")]);
    let vordr = Vordr::running(&format!(
        "server a.test {{ listen 0; location \"/\" {{
            proxy \"http://127.0.0.1:1\"
            on-error 502 {{ files {:?} fallback=\"/sorry.html\"; }}
        }} }}",
        site.root()
    ))
    .await;
    let sorry = vordr.send("POST /buy HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!((sorry.status, sorry.text().as_str()), (502, "<h1>back soon</h1>"));
    assert_eq!(vordr.get("http://a.test/logo.svg").await.text(), "<svg/>");
    std::fs::remove_file(site.at("sorry.html")).unwrap();
    let page = vordr.get("http://a.test/buy").await;
    assert_eq!(page.status, 502);
    assert!(page.text().contains("connection refused"), "{}", page.text());
}

#[tokio::test]
async fn a_prefix_is_not_looked_for_in_the_folder_where_it_is_stripped() {
    let site = Site::usual();
    let vordr = Vordr::running(&format!(
        "server a.test {{ listen 0
            location \"/static\" {{ files {root:?} strip-prefix=\"/static\"; }}
            location \"/\" {{ files {root:?}; }}
        }}",
        root = site.root()
    ))
    .await;
    assert_eq!(vordr.get("http://a.test/static/app.js").await.text(), "run()");
    assert_eq!(vordr.get("http://a.test/static/docs").await.header("Location"), Some("/static/docs/"));
    let moved = vordr.get("http://a.test/static?x=1").await;
    assert_eq!((moved.status, moved.header("Location")), (301, Some("/static/?x=1")));
    assert_eq!(vordr.get("http://a.test/static/").await.text(), "<h1>top</h1>");
    assert_eq!(vordr.get("http://a.test/app.js").await.text(), "run()");
}

#[tokio::test]
async fn what_is_there_packed_alone_is_nothing_to_who_does_not_take_it() {
    let site = Site::usual();
    site.write("alone.js.gz", "gzip of it");
    let vordr = site.served("precompressed=on", "").await;
    let packed = ask(&vordr, "GET", "/alone.js", "Accept-Encoding: gzip\r\n").await;
    assert_eq!((packed.status, packed.header("Content-Encoding")), (200, Some("gzip")));
    assert_eq!((packed.header("Vary"), packed.text().as_str()), (Some("Accept-Encoding"), "gzip of it"));
    assert_eq!(ask(&vordr, "GET", "/alone.js", "Accept-Encoding: br\r\n").await.status, 404);
}

#[tokio::test]
async fn what_was_packed_beforehand_is_sent_to_who_takes_it() {
    let site = Site::usual();
    site.write("app.js.br", "br of it");
    site.write("app.js.gz", "gzip of it");
    let vordr = site.served("precompressed=on", "").await;
    for (accept, coding, body) in [
        ("gzip, br", Some("br"), "br of it"),
        ("gzip, br;q=0.5", Some("gzip"), "gzip of it"),
        ("zstd, gzip;q=0.1", Some("gzip"), "gzip of it"),
        ("zstd", None, "run()"),
        ("identity", None, "run()"),
        ("br;q=0, gzip;q=0", None, "run()"),
    ] {
        let answer = ask(&vordr, "GET", "/app.js", &format!("Accept-Encoding: {accept}\r\n")).await;
        assert_eq!((answer.header("Content-Encoding"), answer.text().as_str()), (coding, body), "{accept}");
        assert_eq!(answer.header("Vary"), Some("Accept-Encoding"), "{accept}");
        assert_eq!(answer.header("Content-Type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(answer.header("Content-Length"), Some(&*body.len().to_string()));
    }
    let tag = |accept: &'static str| {
        let vordr = &vordr;
        async move {
            let answer = ask(vordr, "HEAD", "/app.js", &format!("Accept-Encoding: {accept}\r\n")).await;
            answer.header("ETag").unwrap().to_owned()
        }
    };
    let (plain, br, gzip) = (tag("identity").await, tag("br").await, tag("gzip").await);
    assert!(plain != br && br != gzip && plain != gzip, "each form is known by a tag of its own");
    // A part of the packed form is told apart from a part of the plain one.
    let lines = format!("Accept-Encoding: br\r\nRange: bytes=0-1\r\nIf-Range: {br}\r\n");
    let part = ask(&vordr, "GET", "/app.js", &lines).await;
    assert_eq!((part.status, part.header("Content-Encoding"), part.text().as_str()), (206, Some("br"), "br"));
}

#[tokio::test]
async fn a_folder_that_is_replaced_as_a_release_is_taken_without_a_reload() {
    let site = Site::new(&[]);
    let release = |number: u32| site.folder.path().join(format!("release-{number}"));
    for number in [1, 2] {
        std::fs::create_dir(release(number)).unwrap();
        std::fs::write(release(number).join("index.html"), number.to_string()).unwrap();
    }
    symlink(release(1), site.root()).unwrap();
    let vordr = site.served("", "").await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "1");
    symlink(release(2), site.folder.path().join("new")).unwrap();
    std::fs::rename(site.folder.path().join("new"), site.root()).unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while vordr.get("http://a.test/").await.text() != "2" {
        assert!(tokio::time::Instant::now() < deadline, "the release is not taken");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_reload_serves_from_another_folder() {
    let (one, two) = (Site::new(&[("index.html", "one")]), Site::new(&[("index.html", "two")]));
    let vordr = one.served("", "").await;
    assert_eq!(vordr.get("http://a.test/").await.text(), "one");
    let text = |root: &Path| format!("{}\n{}", vordr.process(), rules(root, "", ""));
    let newer = vordr::Vordr::from_text("test.kdl", &text(&two.root())).unwrap();
    vordr.replace(newer).unwrap();
    assert_eq!(Client::connect(vordr.address()).await.get("a.test", "/").await.text(), "two");
    let missing = vordr::Vordr::from_text("test.kdl", &text(Path::new("/nonexistent/www"))).unwrap_err();
    assert!(missing.in_full().contains("/nonexistent/www"), "{}", missing.in_full());
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named_by_check_and_by_run() {
    let text = "server a.test { listen 0; location \"/\" { files \"/nonexistent/www\"; } }";
    let (_folder, path) = written(text);
    for command in ["check", "run"] {
        let output = ends(&[command, path.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        for part in ["unreadable-folder", "/nonexistent/www", "there is no such folder"] {
            assert!(said.contains(part), "{command}: {part} in {said}");
        }
    }
    let (_folder, path) = written(&text.replace("/nonexistent/www", "/etc/passwd"));
    let said = String::from_utf8(ends(&["check", path.to_str().unwrap()]).stderr).unwrap();
    assert!(said.contains("this is no folder"), "{said}");
}

#[tokio::test]
async fn a_file_that_becomes_shorter_while_it_is_sent_is_cut_so_that_the_client_can_tell() {
    let site = Site::usual();
    site.write("large.bin", &"x".repeat(32 << 20));
    let vordr = site.served("", "").await;
    let mut client = Client::connect_narrow(vordr.address()).await;
    client.send("GET /large.bin HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let head = client.response_head().await;
    assert_eq!(head.header("Content-Length"), Some("33554432"));
    std::fs::File::options().write(true).open(site.at("large.bin")).unwrap().set_len(1 << 20).unwrap();
    assert!(client.is_cut(Framing::Length(32 << 20)).await);
    let line = vordr.log_error("file_unreadable").await;
    assert!(line["error_detail"].as_str().unwrap().contains("shorter"), "{line}");
}

#[tokio::test]
async fn a_client_that_goes_away_stops_the_reading() {
    let site = Site::usual();
    site.write("large.bin", &"x".repeat(32 << 20));
    let vordr = site.served("", "").await;
    let mut client = Client::connect_narrow(vordr.address()).await;
    client.send("GET /large.bin HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    client.response_head().await;
    drop(client);
    let line = vordr.log_error("client_gone").await;
    assert!(line["bytes_out"].as_u64().unwrap() < 32 << 20, "{line}");
}

#[tokio::test]
async fn what_is_no_ordinary_file_is_refused_at_once() {
    let site = Site::usual();
    let fifo = std::process::Command::new("mkfifo").arg(site.at("fifo")).status().unwrap();
    assert!(fifo.success());
    let _socket = std::os::unix::net::UnixListener::bind(site.at("socket")).unwrap();
    let vordr = site.served("fallback=\"/index.html\"", "").await;
    for path in ["/fifo", "/socket"] {
        assert_eq!(vordr.get(&format!("http://a.test{path}")).await.status, 404, "{path}");
    }
    let line = vordr.log_line(|line| line["path"] == "/fifo").await;
    assert!(line["error_detail"].as_str().unwrap().contains("ordinary"), "{line}");
    // Nothing waits for somebody to write.
    eventually("an answer", || vordr.log_lines().iter().any(|line| line["path"] == "/socket").then_some(()))
        .await;
}

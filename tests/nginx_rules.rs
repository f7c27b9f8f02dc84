//! A file of nginx's is served as nginx serves it.

use crate::harness::{Origin, Vordr, ends, written};

/// One server with these directives.
fn server(directives: &str) -> String {
    format!(
        "map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n\
         server {{ listen 127.0.0.1:0; server_name a.test; {directives} }}"
    )
}

/// What every guide to Streamlit behind a proxy has.
fn template(origin: &Origin) -> String {
    server(&format!(
        "client_max_body_size 200m;
         location / {{
             proxy_pass {};
             proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade;
             proxy_set_header Connection $connection_upgrade;
             proxy_set_header Host $host;
             proxy_set_header X-Real-IP $remote_addr;
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
             proxy_set_header X-Forwarded-Proto $scheme;
             proxy_set_header X-Tenant $http_x_asked;
             proxy_set_header Cookie '';
             proxy_buffering off;
             proxy_request_buffering off;
             proxy_read_timeout 300s;
         }}",
        origin.url()
    ))
}

#[tokio::test]
async fn the_template_of_a_tunnel_carries_a_websocket() {
    let origin = Origin::echoing().await;
    let vordr = Vordr::reading_nginx(&template(&origin)).await;
    let mut socket = vordr.connect().await.websocket("a.test", "/_stcore/stream?x=1", "").await.unwrap();
    assert!(socket.echoes("hello").await);
    assert!(socket.echoes(&"large ".repeat(50_000)).await);
    assert_eq!(origin.only_request().target(), "/_stcore/stream?x=1");
}

#[tokio::test]
async fn an_upstream_gets_the_headers_that_are_named_and_no_others() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::reading_nginx(&template(&origin)).await;
    let fields = "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Host: mine.test\r\nCookie: a=b\r\n";
    let response = vordr.send(&format!("GET /a%20b?c HTTP/1.1\r\nHost: a.test:81\r\n{fields}\r\n")).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("X-Request-Id"), None);
    let seen = origin.only_request();
    assert_eq!(seen.target(), "/a%20b?c");
    assert_eq!(seen.header("Host"), Some("a.test"));
    assert_eq!(seen.header("X-Real-IP"), Some("127.0.0.1"));
    assert_eq!(seen.head.headers("X-Forwarded-For"), ["192.0.2.9, 127.0.0.1"]);
    assert_eq!(seen.header("X-Forwarded-Proto"), Some("http"));
    assert_eq!(seen.header("X-Forwarded-Host"), Some("mine.test"), "it is not named, so it stays as it came");
    for absent in ["X-Forwarded-Port", "X-Request-Id", "X-Tenant", "Cookie"] {
        assert_eq!(seen.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_location_that_names_no_headers_sends_the_upstreams_own_host() {
    let origin = Origin::answering("ok").await;
    let vordr =
        Vordr::reading_nginx(&server(&format!("location / {{ proxy_pass {}; }}", origin.url()))).await;
    assert_eq!(vordr.get("http://a.test/").await.status, 200);
    let address = origin.url().replace("http://", "");
    assert_eq!(origin.only_request().header("Host"), Some(address.as_str()));
}

#[tokio::test]
async fn a_path_in_proxy_pass_takes_the_place_of_the_prefix_byte_by_byte() {
    let origin = Origin::answering("ok").await;
    let url = origin.url();
    let vordr = Vordr::reading_nginx(&server(&format!(
        "location /api/ {{ proxy_pass {url}/; }}
         location /v1 {{ proxy_pass {url}/v2/; }}
         location = /one {{ proxy_pass {url}/other; }}
         location /keep/ {{ proxy_pass {url}; }}"
    )))
    .await;
    for (asked, seen) in [
        ("/api/x?y=%20z", "/x?y=%20z"),
        ("/api/a/../b", "/b"),
        ("/api/%2e%2e%2fapi/x", "/x"),
        ("/api/a%20b", "/a%20b"),
        ("/v1", "/v2/"),
        ("/v1/x", "/v2//x"),
        ("/v1x", "/v2/x"),
        ("/one?a", "/other?a"),
        ("/keep/a%20b/../c", "/keep/a%20b/../c"),
    ] {
        assert_eq!(vordr.get(&format!("http://a.test{asked}")).await.status, 200, "{asked}");
        assert_eq!(
            origin.requests().last().map(|request| request.target().to_owned()).as_deref(),
            Some(seen),
            "{asked}"
        );
    }
    let response = vordr.get("http://a.test/api?q").await;
    assert_eq!(response.status, 301);
    let port = vordr.address().port();
    assert_eq!(response.header("Location"), Some(format!("http://a.test:{port}/api/?q").as_str()));
    assert_eq!(vordr.get("http://a.test/elsewhere").await.status, 404);
}

#[tokio::test]
async fn add_header_stands_on_successes_and_on_failures_only_where_it_says_always() {
    let vordr = Vordr::reading_nginx(&server(
        "add_header X-Some a; add_header X-All b always; add_header X-None $http_x_none;
         location = /fine { return 200 fine; }
         location = /wrong { return 404; }
         location = /own { add_header X-Own c; return 204; }",
    ))
    .await;
    let fine = vordr.get("http://a.test/fine").await;
    assert_eq!((fine.status, fine.header("X-Some"), fine.header("X-All")), (200, Some("a"), Some("b")));
    assert_eq!(
        (fine.text().as_str(), fine.header("Content-Type"), fine.header("X-None")),
        ("fine", Some("text/plain"), None)
    );
    let wrong = vordr.get("http://a.test/wrong").await;
    assert_eq!((wrong.status, wrong.header("X-Some"), wrong.header("X-All")), (404, None, Some("b")));
    assert!(wrong.text().contains("<h1>404 Not Found</h1>"), "{}", wrong.text());
    let own = vordr.get("http://a.test/own").await;
    assert_eq!((own.header("X-Own"), own.header("X-Some"), own.header("X-All")), (Some("c"), None, None));
}

#[tokio::test]
async fn a_return_goes_where_it_says_and_keeps_no_query_of_its_own() {
    let vordr = Vordr::reading_nginx(&server(
        "location /a { return 301 https://$host$request_uri; }
         location /b { return 302 https://b.test/x; }
         location /c { if ($request_method = POST) { return 405; } return 308 /d$is_args$args; }",
    ))
    .await;
    let port = vordr.address().port();
    for (asked, status, location) in [
        ("/a/x?y=1", 301, "https://a.test/a/x?y=1".to_owned()),
        ("/b?y=1", 302, "https://b.test/x".to_owned()),
        ("/c?y=1", 308, format!("http://a.test:{port}/d?y=1")),
        ("/c", 308, format!("http://a.test:{port}/d")),
    ] {
        let response = vordr.get(&format!("http://a.test{asked}")).await;
        assert_eq!(
            (response.status, response.header("Location")),
            (status, Some(location.as_str())),
            "{asked}"
        );
    }
    let posted = vordr.send("POST /c HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn a_body_of_more_than_a_megabyte_is_refused_unless_more_is_allowed() {
    let origin = Origin::answering("ok").await;
    let url = origin.url();
    let vordr = Vordr::reading_nginx(&server(&format!(
        "location / {{ proxy_pass {url}; }} location /large {{ client_max_body_size 3m; proxy_pass {url}; }}"
    )))
    .await;
    let post = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{}",
            "x".repeat(length)
        )
    };
    assert_eq!(vordr.send(&post("/", 1 << 20)).await.status, 200);
    let refused = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", (1 << 20) + 1);
    assert_eq!(vordr.send(&refused).await.status, 413);
    assert_eq!(vordr.send(&post("/large", 2 << 20)).await.status, 200);
    let line = vordr.log_line(|line| line["status"] == 413).await;
    assert_eq!(line["error"], "body_limit");
}

#[tokio::test]
async fn a_file_is_printed_as_kdl_with_a_report_on_what_was_left_out() {
    let (_folder, path) =
        written("server { listen 80; proxy_ssl_crl a.crl; location / { proxy_pass http://app:8000; } }");
    let imported = ends(&["import", path.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(0));
    let (kdl, report) =
        (String::from_utf8(imported.stdout).unwrap(), String::from_utf8(imported.stderr).unwrap());
    assert!(report.contains("vordr does not honour \"proxy_ssl_crl\""), "{report}");
    let (_folder, path) = written(&kdl);
    assert_eq!(ends(&["check", path.to_str().unwrap()]).status.code(), Some(0), "{kdl}");
    let support = String::from_utf8(ends(&["import", "--support"]).stdout).unwrap();
    let of =
        |name: &str| support.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_default();
    assert!(of("proxy_pass").contains("honoured") && of("fastcgi_pass").contains("refused"), "{support}");
    let faulty = written("server { listn 80; }");
    let faulty = ends(&["import", faulty.1.to_str().unwrap()]);
    assert_eq!((faulty.status.code(), faulty.stdout.len()), (Some(1), 0));
}

#[tokio::test]
async fn the_status_line_is_nginxs() {
    let directives =
        "location / { return 302 /a; } location /gone { return 504; } location /odd { return 306; }";
    let vordr = Vordr::reading_nginx(&server(directives)).await;
    for (target, line) in
        [("/", "302 Moved Temporarily"), ("/gone", "504 Gateway Time-out"), ("/odd", "306 ")]
    {
        let answer = vordr.send(&format!("GET {target} HTTP/1.1\nHost: a.test\n\n")).await;
        assert_eq!(answer.head.start(), format!("HTTP/1.1 {line}"));
    }
}

#[tokio::test]
async fn a_head_that_is_refused_at_once_has_nginxs_page() {
    let vordr = Vordr::reading_nginx(&server("location / { return 204; }")).await;
    for (request, line) in [
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        (&format!("GET /{} HTTP/1.1\r\nHost: a.test\r\n\r\n", "a".repeat(9000)), "414 Request-URI Too Large"),
    ] {
        let answer = vordr.send(request).await;
        assert_eq!(answer.head.start(), format!("HTTP/1.1 {line}"));
        assert!(answer.text().contains(&format!("<center><h1>{line}</h1></center>")), "{}", answer.text());
    }
}

//! Header operations, with what can be filled in.

use crate::harness::{Origin, Vordr};

#[tokio::test]
async fn request_headers_are_set_added_defaulted_and_removed() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(
        &origin,
        r#"request {
            set X-Set new
            add X-Add second
            default X-Default mine
            default X-Absent mine
            remove Cookie
            remove X-Internal-*
        }"#,
    )
    .await;
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Set: old\r\nX-Set: older\r\nX-Add: first\r\nX-Default: theirs\r\n\
                   Cookie: a=b\r\nX-Internal-A: 1\r\nX-Internal-B: 2\r\n\r\n";
    assert_eq!(vordr.send(request).await.status, 200);
    let seen = origin.only_request().head;
    assert_eq!(seen.headers("X-Set"), ["new"]);
    assert_eq!(seen.headers("X-Add"), ["first", "second"]);
    assert_eq!(seen.headers("X-Default"), ["theirs"]);
    assert_eq!(seen.headers("X-Absent"), ["mine"]);
    assert_eq!(seen.header("Cookie"), None);
    assert_eq!((seen.header("X-Internal-A"), seen.header("X-Internal-B")), (None, None));
}

#[tokio::test]
async fn response_headers_are_set_added_defaulted_and_removed() {
    let origin = Origin::responding(
        "HTTP/1.1 200 OK\r\nX-Powered-By: php\r\nCache-Control: max-age=5\r\nX-Add: first\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let vordr = Vordr::proxying_with(
        &origin,
        r#"response {
            set X-Frame-Options SAMEORIGIN
            add X-Add second
            default Cache-Control no-store
            remove X-Powered-By
            remove Server
        }"#,
    )
    .await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!(response.headers("X-Frame-Options"), ["SAMEORIGIN"]);
    assert_eq!(response.headers("X-Add"), ["first", "second"]);
    assert_eq!(response.headers("Cache-Control"), ["max-age=5"]);
    assert_eq!(response.header("X-Powered-By"), None);
    assert_eq!(response.header("Server"), None);
}

#[tokio::test]
async fn placeholders_are_filled_in() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::running(&format!(
        r##"server a.test {{
            listen 0
            location regex=#"^/v(\d+)/"# {{
                request {{
                    set X-All "{{host}} {{method}} {{scheme}} {{client_ip}} {{1}}"
                    set X-Uri "{{uri}}"
                    set X-Path "{{path}}"
                    set X-Query "{{query}}"
                    set X-Id "{{request_id}}"
                    set X-From "{{header.X-Tenant}}/{{cookie.plan}}"
                    set X-Braces "{{{{1}}}}"
                }}
                proxy "{}"
            }}
        }}"##,
        origin.url()
    ))
    .await;
    let request = "PUT /v12/a%20b?x=1&y HTTP/1.1\r\nHost: a.test:81\r\nX-Tenant: t\r\nCookie: plan=pro\r\n\
                   X-Request-Id: r-1\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(vordr.send(request).await.status, 200);
    let seen = origin.only_request();
    assert_eq!(seen.header("X-All"), Some("a.test PUT http 127.0.0.1 12"));
    assert_eq!(seen.header("X-Uri"), Some("/v12/a%20b?x=1&y"));
    assert_eq!(seen.header("X-Path"), Some("/v12/a%20b"));
    assert_eq!(seen.header("X-Query"), Some("x=1&y"));
    assert_eq!(seen.header("X-Id"), Some("r-1"));
    assert_eq!(seen.header("X-From"), Some("t/pro"));
    assert_eq!(seen.header("X-Braces"), Some("{1}"));
}

#[tokio::test]
async fn response_headers_stand_on_vordrs_own_answers_too() {
    let vordr = Vordr::running(
        r#"server a.test {
            listen 0
            response { set X-Everywhere yes; }
            location "/ok" { respond 204; }
            location "/moved" { redirect "/ok"; }
            location "/off" { websocket off; body-limit 3; proxy "http://127.0.0.1:1"; }
        }"#,
    )
    .await;
    for (path, status) in [("/ok", 204), ("/moved", 302), ("/off", 502), ("/nowhere", 404)] {
        let response = vordr.connect().await.get("a.test", path).await;
        assert_eq!((response.status, response.header("X-Everywhere")), (status, Some("yes")), "{path}");
    }
    let large = vordr.send("POST /off HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nabcd").await;
    assert_eq!((large.status, large.header("X-Everywhere")), (413, Some("yes")));
}

#[tokio::test]
async fn a_locations_header_operations_come_after_its_servers() {
    let vordr = Vordr::running(
        r#"server a.test {
            listen 0
            response { set X-A server; set X-B server; }
            location "/" { response { set X-B location; }; respond 200 "ok"; }
        }"#,
    )
    .await;
    let response = vordr.get("http://a.test/").await;
    assert_eq!((response.headers("X-A"), response.headers("X-B")), (vec!["server"], vec!["location"]));
}

#[tokio::test]
async fn names_are_spelt_as_they_were_written_and_otherwise_as_usual() {
    let origin = Origin::responding("HTTP/1.1 200 OK\r\nX-oWn: 1\r\nContent-Length: 0\r\n\r\n").await;
    let words = "request { set X-ODD yes; }; response { set X-URI 1; add X-uPPer 2; }";
    let vordr = Vordr::proxying_with(&origin, words).await;
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nX-theirs: 1\r\n\r\n";
    let answer = vordr.send(request).await.head.raw;
    for line in ["\r\nX-oWn: 1\r\n", "\r\nX-URI: 1\r\n", "\r\nX-uPPer: 2\r\n", "\r\nX-Request-Id: "] {
        assert!(answer.contains(line), "{line:?}: {answer}");
    }
    let seen = origin.only_request().head.raw;
    assert!(seen.contains("\r\nX-ODD: yes\r\n") && seen.contains("\r\nX-theirs: 1\r\n"), "{seen}");
    let own = "location \"/\" { respond 401; response { set X-URI 1; set WWW-Authenticate \"Basic\"; set \"etag\" a; }; }";
    let vordr = Vordr::running(&format!("server a.test {{ listen \"127.0.0.1:0\"; {own}; }}")).await;
    let answer = vordr.send(request).await.head.raw;
    for line in [
        "\r\nX-URI: 1\r\n",
        "\r\nWWW-Authenticate: Basic\r\n",
        "\r\netag: a\r\n",
        "\r\nContent-Length: 0\r\n",
    ] {
        assert!(answer.contains(line), "{line:?}: {answer}");
    }
}

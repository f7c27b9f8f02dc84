//! `files` beyond a folder: what is tried and done otherwise, lists, nginx's ways; and what is said of bodies.

use crate::harness::{Origin, Vordr};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with a small site.
fn site() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("www");
    for inner in ["docs", "bare/sub", "a.test"] {
        std::fs::create_dir_all(root.join(inner)).unwrap();
    }
    for (path, text) in [
        ("www/index.html", "top"),
        ("www/page.html", "page"),
        ("www/docs/index.html", "docs"),
        ("www/bare/one & two.txt", "12"),
        ("www/bare/.hidden", "hidden"),
        ("www/a.test/own.txt", "own"),
        ("secret", "secret"),
    ] {
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    symlink("../secret", root.join("out")).unwrap();
    (folder, root)
}

async fn served(location: &str) -> (TempDir, Vordr) {
    let (folder, root) = site();
    let location = location.replace("ROOT", root.to_str().unwrap());
    let vordr = Vordr::running(&format!("server a.test {{ listen 0; {location} }}")).await;
    (folder, vordr)
}

async fn told(vordr: &Vordr, path: &str) -> (u16, String) {
    let response = vordr.get(&format!("http://a.test{path}")).await;
    (response.status, response.text())
}

#[tokio::test]
async fn the_first_path_that_is_there_is_served_and_else_another_location_answers() {
    let origin = Origin::answering("app").await;
    let rules = r#"
        location "/" { files "ROOT" { try "{path}" "{path}.html" "{path}/"; else { enter app; }; }; }
        location name=app { proxy "URL"; }"#;
    let (_folder, vordr) = served(&rules.replace("URL", &origin.url())).await;
    for (path, expected) in [
        ("/page.html", "page"),
        ("/page", "page"),
        ("/docs/", "docs"),
        ("/", "top"),
        ("/none", "app"),
        ("/bare", "app"),
    ] {
        assert_eq!(told(&vordr, path).await, (200, expected.to_owned()), "{path}");
    }
    let moved = vordr.get("http://a.test/docs").await;
    assert_eq!((moved.status, moved.header("Location")), (301, Some("/docs/")));
    assert_eq!(told(&vordr, "/../secret").await.0, 400);
    assert_eq!(told(&vordr, "/out").await.0, 404, "what may not be seen is not handed on");
}

#[tokio::test]
async fn a_folder_is_listed_where_that_is_said() {
    let (_folder, vordr) = served(r#"location "/" { files "ROOT" listing=on; }"#).await;
    let response = vordr.get("http://a.test/bare/").await;
    assert_eq!((response.status, response.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    let page = response.text();
    assert!(page.contains("<title>Index of /bare/</title>"), "{page}");
    assert!(page.contains("<a href=\"sub/\">sub/</a>"), "{page}");
    assert!(page.contains("<a href=\"one%20%26%20two.txt\">one &amp; two.txt</a>"), "{page}");
    assert!(!page.contains("hidden"), "{page}");
    let moved = vordr.get("http://a.test/bare").await;
    assert_eq!((moved.status, moved.header("Location")), (301, Some("/bare/")));
    assert_eq!(told(&vordr, "/docs/").await, (200, "docs".to_owned()), "one with an index is not listed");
}

#[tokio::test]
async fn a_list_tells_of_links_what_a_request_could_follow() {
    for (symlinks, listed) in [("off", [false, false]), ("on", [true, false]), ("anywhere", [true, true])] {
        let rules = format!(r#"location "/" {{ files "ROOT" listing=json symlinks={symlinks}; }}"#);
        let (folder, vordr) = served(&rules).await;
        let bare = folder.path().join("www/bare");
        symlink("../page.html", bare.join("within")).unwrap();
        symlink("../../secret", bare.join("without")).unwrap();
        symlink("nothing", bare.join("broken")).unwrap();
        let (_, list) = told(&vordr, "/bare/").await;
        let names = ["within", "without"].map(|name| list.contains(&format!("\"{name}\"")));
        assert_eq!((names, list.contains("broken")), (listed, false), "{symlinks}: {list}");
    }
}

#[tokio::test]
async fn a_folder_may_go_by_the_host_and_stays_below_what_is_known() {
    let (_folder, vordr) = served(r#"location "/" { files "ROOT/{host}"; }"#).await;
    assert_eq!(told(&vordr, "/own.txt").await, (200, "own".to_owned()));
    let response = vordr.send("GET /secret HTTP/1.1\r\nHost: ..\r\n\r\n").await;
    assert_ne!(response.status, 200, "{}", response.text());
    assert_eq!(response.text().find("secret\n"), None);
}

#[tokio::test]
async fn what_a_client_fills_into_an_index_or_a_folder_shows_nothing_hidden() {
    let rules = r#"
        location "/bare/sub" { deny all; respond 200 "in"; }
        location "/" { files "ROOT" index="{arg.page} index.html" symlinks=anywhere; }"#;
    let (folder, vordr) = served(rules).await;
    std::fs::write(folder.path().join("www/bare/sub/secret"), "secret").unwrap();
    for page in ["bare/.hidden", "bare/sub/secret", "../secret"] {
        assert_eq!(told(&vordr, &format!("/?page={page}")).await, (200, "top".to_owned()), "{page}");
    }
    assert_eq!(told(&vordr, "/bare/?page=.hidden").await.0, 404);
    assert_eq!(told(&vordr, "/?page=page.html").await, (200, "page".to_owned()));
    let (folder, vordr) = served(r#"location "/" { files "ROOT/{host}"; }"#).await;
    std::fs::create_dir(folder.path().join("www/.git")).unwrap();
    std::fs::write(folder.path().join("www/.git/config"), "secret").unwrap();
    let response = vordr.send("GET /config HTTP/1.1\r\nHost: .git\r\n\r\n").await;
    assert_ne!(response.status, 200, "{}", response.text());
}

#[tokio::test]
async fn in_nginxs_ways_more_is_shown_and_no_path_leads_out() {
    let rules = r#"
        location "/i" raw=on { files "ROOT" path="{rest}" as=nginx; }
        location "/" { files "ROOT" as=nginx; }
        location "/later" { files "ROOT/later" strip-prefix="/later" as=nginx; }
        location regex=r"\.html$" { respond 200 "by regex"; }"#;
    let (folder, vordr) = served(&rules.replace("regex=r\"\\.html$\"", "regex=#\"\\.html$\"#")).await;
    assert_eq!(told(&vordr, "/bare/.hidden").await, (200, "hidden".to_owned()));
    assert_eq!(told(&vordr, "/out").await, (200, "secret".to_owned()), "a link is followed");
    assert_eq!(told(&vordr, "/docs/").await, (200, "by regex".to_owned()), "an index has a location");
    assert_eq!(told(&vordr, "/i../secret").await.0, 404, "{:?}", vordr.log_error("no_file").await);
    assert_eq!(told(&vordr, "/bare/").await.0, 403);
    let line = vordr.log_error("no_index").await;
    assert_eq!(line["status"], 403);
    assert_eq!(told(&vordr, "/later/a.txt").await.0, 404);
    std::fs::create_dir(folder.path().join("www/later")).unwrap();
    std::fs::write(folder.path().join("www/later/a.txt"), "later").unwrap();
    // It is looked for once a second.
    let end = Instant::now() + Duration::from_secs(30);
    while told(&vordr, "/later/a.txt").await != (200, "later".to_owned()) {
        assert!(Instant::now() < end, "the folder is not found");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_failure_that_the_rules_name_has_a_page_which_an_on_error_may_replace() {
    let rules = r#"
        bodies nginx
        location "/plain" { respond 404 failure=on; }
        location "/mended" { respond 404 failure=on; on-error 404 as=200 { search "/page.html"; }; }
        location "/kept" { respond 404 failure=on; on-error 404 as=failure { respond 200 "instead"; }; }
        location "/denied" { deny all; respond 200 "in"; on-error 403 from=rules { respond 200 "instead"; }; }
        location "/moved" { redirect 301 "/page.html"; }
        location "/" { files "ROOT"; }"#;
    let (_folder, vordr) = served(rules).await;
    let page = vordr.get("http://a.test/plain").await;
    assert_eq!((page.status, page.header("Content-Type")), (404, Some("text/html")));
    assert!(page.text().contains("<center><h1>404 Not Found</h1></center>"), "{}", page.text());
    assert_eq!(told(&vordr, "/mended").await, (200, "page".to_owned()));
    assert_eq!(told(&vordr, "/kept").await, (404, "instead".to_owned()));
    assert_eq!(told(&vordr, "/denied").await, (200, "instead".to_owned()));
    assert_eq!(vordr.log_error("address").await["status"], 200);
    let moved = vordr.get("http://a.test/moved").await;
    assert_eq!((moved.status, moved.header("Location")), (301, Some("/page.html")));
    assert!(moved.text().contains("<h1>301 Moved Permanently</h1>"), "{}", moved.text());
}

#[tokio::test]
async fn bodies_are_said_to_be_what_the_rules_say() {
    let rules = r#"
        types default="text/x-other" { type "text/x-page" html; }
        charset utf-8 types="text/x-page"
        expires "1h"
        location "/said" { respond 200 "said" type=auto; }
        location "/off" { respond 200 "x"; expires off; charset off; }
        location "/" { files "ROOT"; }"#;
    let (_folder, vordr) = served(rules).await;
    let page = vordr.get("http://a.test/page.html").await;
    assert_eq!(page.header("Content-Type"), Some("text/x-page; charset=utf-8"));
    assert_eq!(page.header("Cache-Control"), Some("max-age=3600"));
    assert!(page.header("Expires").is_some());
    let said = vordr.get("http://a.test/said/a.html").await;
    assert_eq!(said.header("Content-Type"), Some("text/x-page; charset=utf-8"));
    assert_eq!(vordr.get("http://a.test/said").await.header("Content-Type"), Some("text/x-other"));
    let off = vordr.get("http://a.test/off").await;
    assert_eq!(
        (off.header("Cache-Control"), off.header("Content-Type")),
        (None, Some("text/plain; charset=utf-8"))
    );
}

#[tokio::test]
async fn the_page_of_counts_tells_real_ones() {
    let (_folder, vordr) =
        served(r#"location "/" { respond 200 "x"; }; location exact="/counts" { stub-status; }"#).await;
    for _ in 0..3 {
        vordr.get("http://a.test/").await;
    }
    let response = vordr.get("http://a.test/counts").await;
    assert_eq!(response.header("Content-Type"), Some("text/plain"));
    let page = response.text();
    let lines: Vec<&str> = page.lines().collect();
    let numbers: Vec<u64> = lines[2].split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert!(numbers[0] >= 3 && numbers[1] == numbers[0] && numbers[2] >= 3, "{page}");
    assert!(lines[0].starts_with("Active connections: ") && lines[3].starts_with("Reading: "), "{page}");
    let refused = vordr.send("POST /counts HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(refused.status, 405);
    assert_eq!(vordr.log_error("method").await["status"], 405);
}

//! No path leads out of a folder whose files are served, however it is written.

use crate::harness::{Client, Vordr};
use std::os::unix::fs::symlink;
use tempfile::TempDir;

/// Stands in every file that nobody may see.
const SECRET: &str = "s3cr3t-of-the-house";

/// A status, and the body where there is a file.
type Expected = (u16, &'static str);

/// `www` is served; beside it lie secrets, and within it what is hidden.
fn world() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    for path in
        ["www/docs", "www/Case", "www/.git", "www/.well-known", "www/..data", "www-old", "other", "www/priv"]
    {
        std::fs::create_dir_all(at(path)).unwrap();
    }
    for path in [
        "secret.txt",
        "index.html",
        "www-old/secret.txt",
        "www-old/index.html",
        "other/secret.txt",
        "other/index.html",
        "www/.git/config",
        "www/.env",
        "www/..data/secret.txt",
        "www/.well-known/.htpasswd",
        "www/priv/secret.txt",
        "wwwsecret.txt",
    ] {
        std::fs::write(at(path), SECRET).unwrap();
    }
    for (path, content) in [
        ("www/index.html", "top"),
        ("www/docs/index.html", "docs"),
        ("www/docs/page.txt", "page"),
        ("www/Case/File.TXT", "case"),
        ("www/.well-known/security.txt", "contact"),
        ("www/with space.txt", "space"),
        ("www/per%cent.txt", "percent"),
        ("www/back\\slash.txt", "backslash"),
        ("www/semi;colon.txt", "semicolon"),
        ("www/dots...", "dots"),
        ("www/umläut.txt", "umlaut"),
        ("www/q?.txt", "question"),
    ] {
        std::fs::write(at(path), content).unwrap();
    }
    symlink("../secret.txt", at("www/out.txt")).unwrap();
    symlink(at("secret.txt"), at("www/absolute.txt")).unwrap();
    symlink("../other", at("www/outdir")).unwrap();
    symlink("/", at("www/rootdir")).unwrap();
    symlink("..", at("www/updir")).unwrap();
    symlink("out.txt", at("www/twice.txt")).unwrap();
    symlink("loop", at("www/loop")).unwrap();
    symlink("docs/page.txt", at("www/inside.txt")).unwrap();
    symlink("docs", at("www/insidedir")).unwrap();
    symlink("/proc/self/root", at("www/proc")).unwrap();
    std::fs::hard_link(at("www/docs/page.txt"), at("www/hard.txt")).unwrap();
    folder
}

/// Each target, with what it is answered where `symlinks=off`, and where `on`.
fn tricks(folder: &TempDir) -> Vec<(String, Expected, Expected)> {
    let both = |target: &str, status, body| (target.to_owned(), (status, body), (status, body));
    let outside = folder.path().to_str().unwrap();
    let deep = "../".repeat(40);
    let encoded = "%2e%2e%2f".repeat(20);
    let long = "a".repeat(255);
    let longer = "a".repeat(300);
    let many = "a/".repeat(3000);
    let mut tricks = vec![
        // What is there is served, or the rest would show nothing.
        both("/", 200, "top"),
        both("/docs/page.txt", 200, "page"),
        both("/hard.txt", 200, "page"),
        both("/.well-known/security.txt", 200, "contact"),
        both("/with%20space.txt", 200, "space"),
        both("/per%25cent.txt", 200, "percent"),
        both("/back%5Cslash.txt", 200, "backslash"),
        both("/semi;colon.txt", 200, "semicolon"),
        both("/dots...", 200, "dots"),
        both("/uml%c3%a4ut.txt", 200, "umlaut"),
        both("/q%3f.txt", 200, "question"),
        // Dots.
        both("/../secret.txt", 400, ""),
        both("/docs/../../secret.txt", 400, ""),
        both(&format!("/{deep}etc/passwd"), 400, ""),
        both(&format!("/docs/{deep}etc/passwd"), 400, ""),
        both("/..", 400, ""),
        both("/../", 400, ""),
        both("/../www-old/secret.txt", 400, ""),
        both("/../www/index.html", 400, ""),
        both("/docs/..", 200, "top"),
        both("/docs/../index.html", 200, "top"),
        both("/./docs/./page.txt", 200, "page"),
        both("/docs/.../page.txt", 404, ""),
        both("/..../secret.txt", 404, ""),
        both("/...//secret.txt", 404, ""),
        both("/..;/secret.txt", 404, ""),
        both("/docs/..;/..;/secret.txt", 404, ""),
        both("/.%00./secret.txt", 400, ""),
        // Encoded, once and more often.
        both("/%2e%2e/secret.txt", 400, ""),
        both("/%2E%2E%2Fsecret.txt", 400, ""),
        both("/..%2fsecret.txt", 400, ""),
        both("/docs%2f..%2f..%2fsecret.txt", 400, ""),
        both("/docs%2fpage.txt", 200, "page"),
        both(&format!("/{encoded}etc/passwd"), 400, ""),
        both("/%252e%252e/secret.txt", 404, ""),
        both("/%252e%252e%252fsecret.txt", 404, ""),
        both("/%25252e%25252e%25252fsecret.txt", 404, ""),
        both("/..%252fsecret.txt", 404, ""),
        both("/%c0%ae%c0%ae/secret.txt", 404, ""),
        both("/..%c0%afsecret.txt", 404, ""),
        both("/%e0%80%ae%e0%80%ae/secret.txt", 404, ""),
        both("/%f0%80%80%ae./secret.txt", 404, ""),
        both("/%uff0e%uff0e/secret.txt", 400, ""),
        both("/%u002e%u002e/secret.txt", 400, ""),
        both("/%ef%bc%8e%ef%bc%8e/secret.txt", 404, ""),
        both("/..%ef%bc%8fsecret.txt", 404, ""),
        both("/%2", 400, ""),
        both("/%zz/..", 400, ""),
        both("/%", 400, ""),
        // NUL, control characters, blanks.
        both("/index.html%00", 400, ""),
        both("/index.html%00.txt", 400, ""),
        both("/%00/../../secret.txt", 400, ""),
        both("/index.html%0a", 404, ""),
        both("/%0d%0aX-Evil:%20yes", 404, ""),
        both("/..%09/secret.txt", 404, ""),
        both("/..%20/secret.txt", 404, ""),
        both("/index.html%20", 404, ""),
        both("/%7f", 404, ""),
        // Backslashes and other systems' names.
        both("/..%5csecret.txt", 404, ""),
        both("/..%5c..%5cetc%5cpasswd", 404, ""),
        both("/docs%5c..%5c..%5csecret.txt", 404, ""),
        both("/%5c%5cserver%5cshare", 404, ""),
        both("/C:/secret.txt", 404, ""),
        both("/index.html::$DATA", 404, ""),
        both("/~root/", 404, ""),
        both("/con", 404, ""),
        // Slashes.
        both("//secret.txt", 404, ""),
        both("//etc/passwd", 404, ""),
        both("/%2fetc%2fpasswd", 404, ""),
        both("/%2f%2fetc/passwd", 404, ""),
        both("/docs//page.txt", 404, ""),
        both("//priv/secret.txt", 404, ""),
        both("/docs/page.txt/", 404, ""),
        both("/docs/page.txt/..", 200, "docs"),
        both("/docs/page.txt/../page.txt", 200, "page"),
        both("/docs/page.txt/.", 404, ""),
        both("/index.html/", 404, ""),
        both("/docs", 301, ""),
        both("/docs/%2e", 200, "docs"),
        both("/Case/", 404, ""),
        // What is hidden, and what another location keeps.
        both("/.env", 404, ""),
        both("/%2eenv", 404, ""),
        both("/.git/config", 404, ""),
        both("/docs/../.git/config", 404, ""),
        both("/..data/secret.txt", 404, ""),
        both("/.well-known/.htpasswd", 404, ""),
        both("/.well-known/../.env", 404, ""),
        both("/priv/secret.txt", 403, ""),
        both("/docs/../priv/secret.txt", 403, ""),
        both("/%70riv/secret.txt", 403, ""),
        both("/priv%2fsecret.txt", 403, ""),
        both("/./priv/secret.txt", 403, ""),
        both("/docs/%2e%2e/priv%2Fsecret.txt", 403, ""),
        // Case, dots and semicolons at the end, long names.
        both("/Case/File.TXT", 200, "case"),
        both("/case/file.txt", 404, ""),
        both("/INDEX.HTML", 404, ""),
        both("/index.html.", 404, ""),
        both("/index.html;x", 404, ""),
        both("/index.html;/../../secret.txt", 400, ""),
        both("/index.htm", 404, ""),
        both(&format!("/{long}"), 404, ""),
        both(&format!("/{longer}"), 404, ""),
        both(&format!("/{many}"), 404, ""),
        // A sibling whose name begins as the folder's, and names of the system.
        both("/-old/secret.txt", 404, ""),
        both("/../www-old/", 400, ""),
        both("/proc/self/environ", 404, ""),
        both("/dev/zero", 404, ""),
        both(&format!("{outside}/secret.txt"), 404, ""),
        // In the form that proxies are asked in.
        both("http://a.test/docs/page.txt", 200, "page"),
        both("http://a.test/../secret.txt", 400, ""),
        both("http://a.test/%2e%2e/secret.txt", 400, ""),
        both("http://a.test//etc/passwd", 404, ""),
        both("file:///etc/passwd", 400, ""),
        both("/?/../../secret.txt", 200, "top"),
        both("/docs/page.txt?../../secret.txt", 200, "page"),
        both("/docs/page.txt%3f../../secret.txt", 404, ""),
    ];
    // Links: refused, or followed as long as they stay below.
    let links = |target: &str, on| (target.to_owned(), (404, ""), on);
    tricks.extend([
        links("/inside.txt", (200, "page")),
        links("/insidedir/page.txt", (200, "page")),
        links("/insidedir/", (200, "docs")),
        links("/insidedir", (301, "")),
        links("/out.txt", (404, "")),
        links("/absolute.txt", (404, "")),
        links("/twice.txt", (404, "")),
        links("/loop", (404, "")),
        links("/loop/x", (404, "")),
        links("/outdir/secret.txt", (404, "")),
        links("/outdir/", (404, "")),
        links("/outdir", (404, "")),
        links("/updir/secret.txt", (404, "")),
        links("/updir/www-old/secret.txt", (404, "")),
        links("/updir/www/index.html", (404, "")),
        links("/rootdir/etc/passwd", (404, "")),
        links(&format!("/rootdir{outside}/secret.txt"), (404, "")),
        links("/proc/etc/passwd", (404, "")),
        links(&format!("/proc{outside}/secret.txt"), (404, "")),
    ]);
    tricks
}

/// Asks as it is written. A head that is refused closes the connection, so each has its own.
async fn asked(vordr: &Vordr, target: &str) -> (u16, String) {
    let mut client: Client = vordr.connect().await;
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
    let response = client.response().await;
    let whole = format!("{}{}", response.head.raw, response.text());
    assert!(!whole.contains(SECRET) && !whole.contains("root:x:"), "{target} gives away: {whole}");
    (response.status, if response.status == 200 { response.text() } else { String::new() })
}

#[tokio::test]
async fn no_trick_with_a_path_leads_out_of_the_folder() {
    let folder = world();
    let tricks = tricks(&folder);
    assert!(tricks.len() >= 120, "{} tricks", tricks.len());
    for (number, links) in ["off", "on"].into_iter().enumerate() {
        let vordr = Vordr::running(&format!(
            "server a.test {{ listen 0
                location \"/\" {{ files {root:?} symlinks={links}; }}
                location \"/priv\" {{ deny all; files {root:?}; }}
            }}",
            root = folder.path().join("www")
        ))
        .await;
        let mut wrong = Vec::new();
        for (target, off, on) in &tricks {
            let (expected, found) = ([*off, *on][number], asked(&vordr, target).await);
            if (expected.0, expected.1) != (found.0, found.1.as_str()) {
                wrong.push(format!("{}: {found:?} and not {expected:?}", &target[..target.len().min(80)]));
            }
        }
        assert!(wrong.is_empty(), "symlinks={links}:\n{}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn no_trick_leads_out_where_a_page_stands_for_what_is_not_there() {
    let folder = world();
    let vordr = Vordr::running(&format!(
        "server a.test {{ listen 0
            location \"/\" {{ files {root:?} fallback=\"/index.html\" precompressed=on; }}
            location \"/priv\" {{ deny all; files {root:?} fallback=\"/index.html\"; }}
        }}",
        root = folder.path().join("www")
    ))
    .await;
    for (target, ..) in tricks(&folder) {
        let (status, body) = asked(&vordr, &target).await;
        assert!(matches!(status, 200 | 301 | 400 | 403 | 404), "{target}: {status}");
        assert!(body.len() < 20, "{target}: {body}");
    }
}

#[tokio::test]
async fn a_folder_that_is_swapped_for_a_link_at_the_last_moment_gives_nothing_away() {
    let folder = world();
    let (swapped, spare) = (folder.path().join("www/swap"), folder.path().join("www/spare"));
    std::fs::create_dir(&swapped).unwrap();
    std::fs::write(swapped.join("secret.txt"), "harmless").unwrap();
    symlink("../other", &spare).unwrap();
    let vordr = Vordr::running(&format!(
        "server a.test {{ listen 0; location \"/\" {{ files {:?} symlinks=on; }} }}",
        folder.path().join("www")
    ))
    .await;
    let (swap, kept) = (swapped.clone(), folder.path().join("kept"));
    let swapping = tokio::task::spawn_blocking(move || {
        for _ in 0..2000 {
            std::fs::rename(&swap, &kept).unwrap();
            std::fs::rename(&spare, &swap).unwrap();
            std::fs::rename(&swap, &spare).unwrap();
            std::fs::rename(&kept, &swap).unwrap();
        }
    });
    let mut served = 0;
    while !swapping.is_finished() {
        served += usize::from(asked(&vordr, "/swap/secret.txt").await.0 == 200);
    }
    swapping.await.unwrap();
    assert_eq!(asked(&vordr, "/swap/secret.txt").await, (200, "harmless".to_owned()));
    println!("served {served} times while it was swapped");
}

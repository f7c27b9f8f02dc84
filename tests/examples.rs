//! Each deployment that vordr is made for, served from its example file.

use crate::harness::{Authority, Binary, Client, Origin, Request, accepted, ends, free_port};
use std::path::PathBuf;
use tempfile::TempDir;

/// The file that docker-compose and the guides use, not a copy.
fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../rules/examples").join(name)
}

async fn serve(name: &str, variables: &[(&str, &str)]) -> Binary {
    let ports = [("PORT", "0"), ("ADMIN", "127.0.0.1:0"), ("METRICS", "127.0.0.1:0")];
    Binary::running_file(example(name), &[&ports, variables].concat()).await
}

async fn connect(binary: &Binary) -> Client {
    Client::connect(binary.address()).await
}

/// Answers as Streamlit does: it insists on its own Host, and on an Origin that goes with it.
async fn streamlit(authority: &Authority) -> Origin {
    Origin::scripted_tls(&authority.identity("localhost"), |mut connection| async move {
        while let Some(request) = connection.request().await {
            let host = request.header("Host").unwrap_or_default().to_owned();
            let origin = request.header("Origin").map(|origin| origin.trim_start_matches("https://"));
            let is_own = origin.is_none_or(|origin| origin == host) && host.starts_with("localhost");
            match (is_own, request.target()) {
                (false, _) => {
                    connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
                }
                (true, "/_stcore/stream") if request.header("Upgrade").is_some() => {
                    return connection.upgrade(&request).await.echo().await;
                }
                (true, "/_stcore/stream") => {
                    connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
                }
                (true, _) => {
                    connection
                        .send("HTTP/1.1 200 OK\r\nX-Powered-By: x\r\nContent-Length: 2\r\n\r\nok")
                        .await;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn streamlit_behind_a_tunnel_is_reached_with_the_tunnels_host_sni_and_origin() {
    let authority = Authority::new();
    let tunnel = streamlit(&authority).await;
    let (url, ca) = (tunnel.url_as("localhost"), authority.file());
    let variables = [("OCAPISTAINE_TARGET_URL", url.as_str()), ("SSL_CERT_FILE", ca.to_str().unwrap())];
    let binary = serve("streamlit-tunnel.kdl", &variables).await;
    let health = connect(&binary).await.get("app.example.org", "/_stcore/health").await;
    assert_eq!((health.status, health.text().as_str(), health.header("X-Powered-By")), (200, "ok", None));
    let origin = "Origin: https://app.example.org\r\n";
    let opened = connect(&binary).await.websocket("app.example.org", "/_stcore/stream", origin).await;
    assert!(opened.unwrap().echoes("a click").await);
    // What Streamlit says to a request that is no upgrade, and nothing of vordr's making.
    let mut curl = connect(&binary).await;
    curl.send("HEAD /_stcore/stream HTTP/1.1\r\nHost: app.example.org\r\n\r\n").await;
    assert_eq!(curl.response_head().await.status(), 400);
    for request in tunnel.requests() {
        assert_eq!(request.sni.as_deref(), Some("localhost"));
        assert_eq!(request.header("Host"), Some(url.trim_start_matches("https://")));
    }
}

#[tokio::test]
async fn a_tunnel_that_is_down_is_a_502_that_says_why_and_keeps_vordr_from_nothing() {
    let binary =
        serve("streamlit-tunnel.kdl", &[("OCAPISTAINE_TARGET_URL", "https://127.0.0.1.invalid")]).await;
    let response = connect(&binary).await.get("app.example.org", "/").await;
    assert!(matches!(response.status, 502..=504), "{}", response.status);
    assert!(response.text().contains("upstream"), "{}", response.text());
}

#[tokio::test]
async fn a_missing_tunnel_is_an_error_that_names_the_variable() {
    let output = ends(&["check", example("streamlit-tunnel.kdl").to_str().unwrap()]);
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("OCAPISTAINE_TARGET_URL"), "{said}");
}

#[tokio::test]
async fn socketio_polls_and_upgrades_with_the_clients_host_and_security_headers() {
    let backend = Origin::scripted(|mut connection| async move {
        while let Some(request) = connection.request().await {
            if request.header("Upgrade").is_some() {
                return connection.upgrade(&request).await.echo().await;
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let binary = serve("socketio.kdl", &[("BACKEND_URL", &backend.url())]).await;
    let poll = connect(&binary).await.get("example.com", "/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(poll.text(), "ok");
    for path in ["/socket.io/?EIO=4&transport=websocket", "/ws"] {
        let opened = connect(&binary).await.websocket("example.com", path, "").await;
        assert!(opened.unwrap().echoes("hello").await, "{path}");
    }
    let page = connect(&binary).await.get("example.com", "/").await;
    for name in [
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Referrer-Policy",
        "Permissions-Policy",
        "Cross-Origin-Opener-Policy",
    ] {
        assert_eq!(page.headers(name).len(), 1, "{name}");
    }
    let seen: Request = backend.requests().remove(0);
    assert_eq!((seen.header("Host"), seen.header("X-Real-IP")), (Some("example.com"), Some("127.0.0.1")));
    assert_eq!(seen.header("X-Forwarded-Proto"), Some("http"));
}

#[tokio::test]
async fn socketio_answers_preflights_of_its_api_for_any_origin() {
    let backend = Origin::answering("never").await;
    let binary = serve("socketio.kdl", &[("BACKEND_URL", &backend.url())]).await;
    let mut client = connect(&binary).await;
    client
        .send(
            "OPTIONS /api/x HTTP/1.1\r\nHost: example.com\r\nOrigin: https://any.example\r\n\
             Access-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n\r\n",
        )
        .await;
    let preflight = client.response().await;
    assert_eq!((preflight.status, preflight.header("Access-Control-Allow-Origin")), (204, Some("*")));
    assert_eq!(preflight.header("Access-Control-Max-Age"), Some("1728000"));
    assert_eq!(preflight.header("Access-Control-Allow-Methods"), Some("GET, POST, PUT, DELETE, OPTIONS"));
    assert_eq!(preflight.header("Access-Control-Allow-Headers").unwrap().split(',').count(), 9);
    assert_eq!(backend.requests().len(), 0);
}

#[tokio::test]
async fn chainlit_is_at_the_root_with_its_api_beside_it() {
    let chainlit = Origin::answering("chainlit").await;
    let api = Origin::answering("api").await;
    let binary = serve("chainlit.kdl", &[("CHAINLIT_URL", &chainlit.url()), ("API_URL", &api.url())]).await;
    for path in ["/", "/assets/index.js", "/project/settings", "/ws/socket.io/?EIO=4"] {
        assert_eq!(connect(&binary).await.get("x.test", path).await.text(), "chainlit", "{path}");
    }
    assert_eq!(connect(&binary).await.get("x.test", "/api/v1").await.text(), "api");
    let chat = connect(&binary).await.get("x.test", "/chat").await;
    assert_eq!((chat.status, chat.header("Location")), (302, Some("/")));
    let config = connect(&binary).await.get("x.test", "/auth/config").await;
    assert!(config.text().contains(r#""requireLogin":false"#));
    assert_eq!(connect(&binary).await.get("x.test", "/auth/user").await.text(), "{}");
    assert_eq!(connect(&binary).await.get("x.test", "/monitor/health").await.status, 200);
}

#[tokio::test]
async fn chainlit_down_falls_back_to_the_api_at_the_root_and_to_a_page_elsewhere() {
    let api = Origin::answering("api").await;
    let binary =
        serve("chainlit.kdl", &[("CHAINLIT_URL", "http://127.0.0.1:1"), ("API_URL", &api.url())]).await;
    assert_eq!(connect(&binary).await.get("x.test", "/").await.text(), "api");
    let elsewhere = connect(&binary).await.get("x.test", "/project/x").await;
    assert_eq!((elsewhere.status, elsewhere.header("Location")), (302, Some("/chat/error")));
    let page = connect(&binary).await.get("x.test", "/chat/error").await;
    assert!(page.text().contains("starting"), "{}", page.text());
    assert_eq!(connect(&binary).await.get("x.test", "/monitor/health").await.status, 200);
}

/// A folder as a build leaves it.
fn built() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    for (name, content) in
        [("index.html", "<div id=app>"), ("assets/app.1a2b.js", "run()"), ("assets/app.1a2b.js.br", "packed")]
    {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_one_page_app_is_served_at_every_path_of_its_own_and_its_api_beside_it() {
    let (api, folder) = (Origin::answering("api").await, built());
    let variables = [("API_URL", &*api.url()), ("APP_FOLDER", folder.path().to_str().unwrap())];
    let binary = serve("one-page-app.kdl", &variables).await;
    for path in ["/", "/orders/17", "/orders/17/edit?tab=2", "/apiary"] {
        let page = connect(&binary).await.get("x.test", path).await;
        assert_eq!((page.status, page.text().as_str()), (200, "<div id=app>"), "{path}");
        assert_eq!(page.header("Cache-Control"), Some("no-cache"), "{path}");
        assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"), "{path}");
    }
    assert_eq!(connect(&binary).await.get("x.test", "/api/orders").await.text(), "api");
    assert_eq!(api.only_request().target(), "/api/orders");
}

#[tokio::test]
async fn a_one_page_apps_assets_are_kept_by_browsers_and_one_that_is_gone_is_no_page() {
    let folder = built();
    let binary = serve("one-page-app.kdl", &[("APP_FOLDER", folder.path().to_str().unwrap())]).await;
    let script = connect(&binary).await.get("x.test", "/assets/app.1a2b.js").await;
    assert_eq!((script.status, script.text().as_str()), (200, "run()"));
    assert_eq!(script.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
    let mut browser = connect(&binary).await;
    browser
        .send("GET /assets/app.1a2b.js HTTP/1.1\r\nHost: x.test\r\nAccept-Encoding: gzip, br\r\n\r\n")
        .await;
    let packed = browser.response().await;
    assert_eq!((packed.text().as_str(), packed.header("Content-Encoding")), ("packed", Some("br")));
    // A script that is a page would be an error that nobody understands.
    let gone = connect(&binary).await.get("x.test", "/assets/app.0000.js").await;
    assert_eq!((gone.status, gone.header("Cache-Control")), (404, None), "and it may come back");
}

#[tokio::test]
async fn a_platforms_port_is_the_one_that_is_listened_on_and_said() {
    let app = Origin::answering("app").await;
    let port = free_port().to_string();
    let binary = serve("platform-port.kdl", &[("PORT", &port), ("APP_URL", &app.url())]).await;
    assert_eq!(binary.address().port().to_string(), port);
    assert_eq!(connect(&binary).await.get("x.test", "/").await.text(), "app");
}

#[tokio::test]
async fn an_app_that_does_not_answer_is_a_504_that_names_the_timeout() {
    let app = Origin::scripted(|mut connection| async move {
        connection.request().await;
        connection.closed().await;
    })
    .await;
    let binary = serve("platform-port.kdl", &[("APP_URL", &app.url()), ("READ_TIMEOUT", "300ms")]).await;
    let response = connect(&binary).await.get("x.test", "/").await;
    assert_eq!(response.status, 504);
    assert!(response.text().contains("timeouts read"), "{}", response.text());
}

#[tokio::test]
async fn browsers_of_agents_are_told_by_a_code_that_the_backend_failed() {
    let backend = Origin::scripted(|mut connection| async move {
        let request = connection.request().await.unwrap();
        connection.send(accepted(&request.head)).await;
        // A masked text of two letters.
        connection.exactly(8).await.unwrap();
    })
    .await;
    let binary = serve("agents.kdl", &[("AGENTS_URL", &backend.url())]).await;
    let mut browsers = Vec::new();
    for _ in 0..10 {
        browsers.push(connect(&binary).await.websocket("agents.example", "/ws", "").await.unwrap());
    }
    assert_eq!(connect(&binary).await.get("agents.example", "/health").await.text(), r#"{"status":"ok"}"#);
    for mut browser in browsers {
        browser.say("go").await;
        assert_eq!(browser.closed().await, Some((1011, String::new())));
    }
}

#[tokio::test]
async fn an_app_in_a_container_is_reached_by_the_url_that_the_compose_file_gives() {
    let app = Origin::answering("app").await;
    let binary = serve("container.kdl", &[("APP_URL", &app.url())]).await;
    assert_eq!(connect(&binary).await.get("x.test", "/").await.text(), "app");
}

#[tokio::test]
async fn the_quickstart_shows_a_page_that_says_what_runs() {
    let binary = serve("quickstart.kdl", &[("ADMIN_PORT", &free_port().to_string())]).await;
    let page = connect(&binary).await.get("localhost", "/").await;
    assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("vordr is running"));
    assert_eq!(connect(&binary).await.get("localhost", "/hello").await.text(), "hello\n");
    assert_eq!(connect(&binary).await.get("localhost", "/docs").await.header("Location"), Some("/"));
    assert_eq!(connect(&binary).await.get("localhost", "/nowhere").await.status, 404);
}

#[tokio::test]
async fn every_link_of_the_quickstart_leads_somewhere_on_whatever_host_the_browser_used() {
    let binary = serve("quickstart.kdl", &[("ADMIN_PORT", &free_port().to_string())]).await;
    let page = connect(&binary).await.get("some-laptop.local:8080", "/").await.text();
    let links: Vec<&str> = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() >= 8, "{links:?}");
    assert!(links.iter().all(|link| link.starts_with(['/', 'd'])), "none names a host: {links:?}");
    for link in links.into_iter().filter(|link| link.starts_with("/admin/")) {
        let answer = connect(&binary).await.get("some-laptop.local:8080", link).await;
        assert_eq!(answer.status, 200, "{link}");
    }
    let status = connect(&binary).await.get("localhost", "/admin/status").await.text();
    assert!(status.contains(env!("CARGO_PKG_VERSION")), "the page shows the version that it finds there");
    let mut writing = connect(&binary).await;
    writing.send("POST /admin/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(writing.response().await.status, 404, "it is for reading alone");
}

//! A request finds its server by host, and its location as nginx would.

use crate::harness::Vordr;

#[tokio::test]
async fn an_exact_host_wins_over_a_wildcard_and_a_wildcard_over_the_default() {
    let vordr = Vordr::running(
        r#"
        server default.test default=on { listen 0; location "/" { respond 200 "default"; } }
        server "*.b.test" { listen 0; location "/" { respond 200 "wildcard"; } }
        server "*.deep.b.test" { listen 0; location "/" { respond 200 "longer wildcard"; } }
        server www.b.test { listen 0; location "/" { respond 200 "exact"; } }
        "#,
    )
    .await;
    for (host, expected) in [
        ("www.b.test", "exact"),
        ("WWW.B.test:8080", "exact"),
        ("www.b.test.", "exact"),
        ("x.b.test", "wildcard"),
        ("x.deep.b.test", "longer wildcard"),
        ("b.test", "default"),
        ("elsewhere", "default"),
    ] {
        assert_eq!(vordr.connect().await.get(host, "/").await.text(), expected, "{host}");
    }
}

#[tokio::test]
async fn without_a_default_the_first_server_takes_an_unknown_host() {
    let vordr = Vordr::running(
        r#"
        server a.test { listen 0; location "/" { respond 200 "first"; } }
        server b.test { listen 0; location "/" { respond 200 "second"; } }
        "#,
    )
    .await;
    assert_eq!(vordr.get("http://c.test/").await.text(), "first");
}

#[tokio::test]
async fn paths_are_searched_exact_then_final_prefix_then_regex_then_prefix() {
    let vordr = Vordr::running(
        r##"server a.test {
            listen 0
            location exact="/v1/x" { respond 200 "exact"; }
            location "/v1/static" final=on { respond 200 "final"; }
            location regex=#"^/v(\d+)/"# { respond 200 "regex"; }
            location "/v1" { respond 200 "prefix"; }
            location "/" { respond 200 "root"; }
        }"##,
    )
    .await;
    for (path, expected) in [
        ("/v1/x", "exact"),
        ("/v1/static/app.js", "final"),
        ("/v1/y", "regex"),
        ("/v22/y", "regex"),
        ("/v1", "prefix"),
        ("/v1x", "root"),
        ("/", "root"),
    ] {
        assert_eq!(vordr.connect().await.get("a.test", path).await.text(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_path_is_matched_after_decoding_and_dot_segments() {
    let vordr = Vordr::running(
        r#"server a.test {
            listen 0
            location "/ws" { respond 200 "ws"; }
            location "/" { respond 200 "root"; }
        }"#,
    )
    .await;
    for (path, expected) in
        [("/%77s", "ws"), ("/a/../ws/x", "ws"), ("/./ws", "ws"), ("/wsx", "root"), ("/ws/..", "root")]
    {
        assert_eq!(vordr.connect().await.get("a.test", path).await.text(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_path_that_climbs_above_the_root_or_holds_a_nul_is_answered_400() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/" { respond 200 "in"; } }"#).await;
    for path in ["/../etc/passwd", "/a/../../b", "/%2e%2e/x", "/a%00b"] {
        assert_eq!(vordr.connect().await.get("a.test", path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn match_narrows_a_location_by_method_header_query_and_cookie() {
    let vordr = Vordr::running(
        r#"server a.test {
            listen 0
            location "/up" {
                match method=POST header="X-Beta=1"
                match query=beta cookie="plan=pro"
                respond 200 "narrow"
            }
            location "/up" { respond 200 "wide"; }
        }"#,
    )
    .await;
    for (head, expected) in [
        ("POST /up HTTP/1.1\r\nX-Beta: 1", "narrow"),
        ("GET /up HTTP/1.1\r\nX-Beta: 1", "wide"),
        ("POST /up HTTP/1.1\r\nX-Beta: 2", "wide"),
        ("GET /up?beta HTTP/1.1\r\nCookie: a=b; plan=pro", "narrow"),
        ("GET /up?beta=1&x=2 HTTP/1.1\r\nCookie: plan=pro", "narrow"),
        ("GET /up?beta HTTP/1.1\r\nCookie: plan=free", "wide"),
        ("GET /up?alphabeta HTTP/1.1\r\nCookie: plan=pro", "wide"),
    ] {
        let request = format!("{head}\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(vordr.send(&request).await.text(), expected, "{head}");
    }
}

#[tokio::test]
async fn the_search_goes_on_where_a_match_fails() {
    let vordr = Vordr::running(
        r#"server a.test {
            listen 0
            location "/a/b" { match method=PUT; respond 200 "longer"; }
            location "/a" { respond 200 "shorter"; }
        }"#,
    )
    .await;
    assert_eq!(vordr.get("http://a.test/a/b").await.text(), "shorter");
}

#[tokio::test]
async fn no_location_is_a_404_that_the_log_and_a_metric_name() {
    let vordr = Vordr::running(r#"server a.test { listen 0; location "/a" { respond 200 "a"; } }"#).await;
    let response = vordr.get("http://a.test/b").await;
    assert_eq!(response.status, 404);
    let line = vordr.log_error("no_route").await;
    assert_eq!((&line["status"], &line["path"]), (&404.into(), &"/b".into()));
    vordr.metrics_show(r#"reason="no_route""#).await;
}

//! Cross-origin requests are answered for by vordr, and by nobody else.

use crate::harness::{Origin, Response, Vordr};

const CORS: &str = r#"cors {
    origins "https://a.example" "https://*.b.example"
    methods GET POST PUT
    headers Authorization Content-Type
    expose Content-Length X-Total
    credentials on
    max-age "20d"
}"#;

async fn preflight(vordr: &Vordr, origin: &str, method: &str) -> Response {
    let request = format!(
        "OPTIONS /api HTTP/1.1\r\nHost: a.test\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n\
         Access-Control-Request-Headers: authorization\r\n\r\n"
    );
    vordr.send(&request).await
}

async fn get_from(vordr: &Vordr, origin: &str) -> Response {
    vordr.send(&format!("GET /api HTTP/1.1\r\nHost: a.test\r\nOrigin: {origin}\r\n\r\n")).await
}

#[tokio::test]
async fn a_preflight_is_answered_before_access_limits_and_the_upstream() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying_with(&origin, &format!("{CORS}\ndeny all")).await;
    let response = preflight(&vordr, "https://a.example", "PUT").await;
    assert_eq!(response.status, 204);
    assert_eq!(response.headers("Access-Control-Allow-Origin"), ["https://a.example"]);
    assert_eq!(response.header("Access-Control-Allow-Methods"), Some("GET, POST, PUT"));
    let headers = response.header("Access-Control-Allow-Headers").unwrap().to_ascii_lowercase();
    assert_eq!(headers, "authorization, content-type");
    assert_eq!(response.header("Access-Control-Allow-Credentials"), Some("true"));
    assert_eq!(response.header("Access-Control-Max-Age"), Some("1728000"));
    assert!(response.headers("Vary").iter().any(|vary| vary.contains("Origin")));
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn a_preflight_from_elsewhere_is_not_granted() {
    let origin = Origin::answering("never").await;
    let vordr = Vordr::proxying_with(&origin, CORS).await;
    for foreign in ["https://evil.example", "https://b.example", "http://a.example", "null"] {
        let response = preflight(&vordr, foreign, "PUT").await;
        assert_eq!(response.status, 204, "{foreign}");
        assert_eq!(response.header("Access-Control-Allow-Origin"), None, "{foreign}");
    }
    let method = preflight(&vordr, "https://a.example", "DELETE").await;
    assert_eq!(method.header("Access-Control-Allow-Methods"), None);
}

#[tokio::test]
async fn a_plain_options_request_reaches_the_upstream() {
    let origin = Origin::answering("options").await;
    let vordr = Vordr::proxying_with(&origin, CORS).await;
    let response = vordr.send("OPTIONS /api HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(response.text(), "options");
}

#[tokio::test]
async fn the_upstreams_own_grant_is_replaced_and_never_doubled() {
    let origin = Origin::responding(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Origin: https://x\r\n\
         Access-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: X-Secret\r\nVary: Origin\r\n\
         Content-Length: 2\r\n\r\nok",
    )
    .await;
    let vordr = Vordr::proxying_with(&origin, CORS).await;
    let granted = get_from(&vordr, "https://www.b.example").await;
    assert_eq!(granted.headers("Access-Control-Allow-Origin"), ["https://www.b.example"]);
    assert_eq!(granted.headers("Access-Control-Allow-Credentials"), ["true"]);
    let exposed = granted.headers("Access-Control-Expose-Headers").join(",").to_ascii_lowercase();
    assert_eq!(exposed, "content-length, x-total");
    assert_eq!(granted.headers("Vary"), ["Origin"]);
    let foreign = get_from(&vordr, "https://evil.example").await;
    assert_eq!((foreign.status, foreign.header("Access-Control-Allow-Origin")), (200, None));
    assert_eq!(foreign.header("Access-Control-Allow-Credentials"), None);
}

#[tokio::test]
async fn an_error_that_vordr_makes_can_be_read_across_origins() {
    let vordr = Vordr::running(&format!(
        r#"server a.test {{ listen 0; location "/" {{ {CORS}; body-limit 1; proxy "http://127.0.0.1:1"; }} }}"#
    ))
    .await;
    let refused = get_from(&vordr, "https://a.example").await;
    assert_eq!(refused.status, 502);
    assert_eq!(refused.headers("Access-Control-Allow-Origin"), ["https://a.example"]);
    let large = vordr
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://a.example\r\nContent-Length: 2\r\n\r\nab")
        .await;
    assert_eq!(large.status, 413);
    assert_eq!(large.headers("Access-Control-Allow-Origin"), ["https://a.example"]);
}

#[tokio::test]
async fn any_origin_is_granted_by_a_star_that_does_not_vary() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, r#"cors { origins "*"; methods GET; }"#).await;
    let response = get_from(&vordr, "https://anybody.example").await;
    assert_eq!(response.headers("Access-Control-Allow-Origin"), ["*"]);
    assert_eq!(response.header("Vary"), None);
}

#[tokio::test]
async fn without_cors_the_upstreams_word_stands() {
    let origin = Origin::responding(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://x\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let vordr = Vordr::proxying(&origin).await;
    let response = get_from(&vordr, "https://x").await;
    assert_eq!(response.headers("Access-Control-Allow-Origin"), ["https://x"]);
    assert_eq!(preflight(&vordr, "https://x", "PUT").await.status, 200);
}

#[tokio::test]
async fn preflights_are_counted_by_their_result() {
    let origin = Origin::answering("ok").await;
    let vordr = Vordr::proxying_with(&origin, CORS).await;
    preflight(&vordr, "https://a.example", "PUT").await;
    preflight(&vordr, "https://evil.example", "PUT").await;
    vordr.metric_becomes(r#"vordr_cors_preflights_total{result="granted",route="/"}"#, 1.0).await;
    vordr.metric_becomes(r#"vordr_cors_preflights_total{result="denied",route="/"}"#, 1.0).await;
}

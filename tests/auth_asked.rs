//! `auth forward` and `auth jwt`: another server decides, or has signed.

use crate::harness::{Origin, Response, Vordr};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

async fn ask(vordr: &Vordr, fields: &str) -> Response {
    vordr.send(&format!("POST /x?y=1 HTTP/1.1\r\nHost: a.test\r\n{fields}Content-Length: 2\r\n\r\nhi")).await
}

#[tokio::test]
async fn a_2xx_lets_in_and_what_it_tells_is_copied() {
    let origin = Origin::answering("in").await;
    let decider = Origin::responding(
        "HTTP/1.1 200 OK\r\nX-User: ann\r\nX-Groups: a\r\nX-Groups: b\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let rules = format!("auth forward=\"{}/verify\" copy=\"X-User X-Groups:X-Teams\"", decider.url());
    let vordr = Vordr::proxying_with(&origin, &rules).await;
    let fields = "Cookie: s=1\r\nX-User: root\r\nX-Teams: root\r\nX-Forwarded-Uri: /evil\r\n";
    assert_eq!(ask(&vordr, fields).await.text(), "in");
    let (question, request) = (decider.only_request(), origin.only_request());
    assert_eq!((question.target(), question.text().as_str()), ("/verify", ""));
    for (name, value) in [
        ("Cookie", "s=1"),
        ("X-Forwarded-Method", "POST"),
        ("X-Forwarded-Uri", "/x?y=1"),
        ("X-Forwarded-Host", "a.test"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-For", "127.0.0.1"),
    ] {
        assert_eq!(question.header(name), Some(value), "{name}");
    }
    assert_eq!(question.header("X-User"), None);
    assert_eq!((request.header("X-User"), request.header("X-Teams")), (Some("ann"), Some("a, b")));
    vordr.log_line(|line| line["user"] == "ann").await;
}

#[tokio::test]
async fn a_refusal_is_passed_on_and_anything_else_is_a_503() {
    let origin = Origin::answering("never").await;
    for (head, status, header) in [
        ("401 Unauthorized\r\nWWW-Authenticate: Bearer", 401, Some(("WWW-Authenticate", "Bearer"))),
        ("403 Forbidden\r\nX-Secret: x", 403, None),
        (
            "302 Found\r\nLocation: https://id.example/login",
            302,
            Some(("Location", "https://id.example/login")),
        ),
        ("500 Oops", 503, None),
        ("404 Not Found", 503, None),
    ] {
        let decider = Origin::responding(&format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\nno")).await;
        let vordr = Vordr::proxying_with(&origin, &format!("auth forward=\"{}\"", decider.url())).await;
        let response = ask(&vordr, "").await;
        assert_eq!(response.status, status, "{head}");
        assert_eq!(response.header("X-Secret"), None);
        if let Some((name, value)) = header {
            assert_eq!(response.header(name), Some(value));
        }
        assert_eq!(vordr.log_error("auth").await["status"], status);
    }
    let vordr = Vordr::proxying_with(&origin, "auth forward=\"http://127.0.0.1:1/\"").await;
    let response = ask(&vordr, "").await;
    assert_eq!(response.status, 503);
    assert!(!response.text().contains("127.0.0.1"), "{}", response.text());
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn a_token_without_an_issuer_to_ask_is_a_503_and_none_a_401() {
    let (origin, id) = (
        Origin::answering("never").await,
        Origin::responding("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").await,
    );
    let vordr = Vordr::proxying_with(&origin, &format!("auth jwt jwks=\"{}/keys\"", id.url())).await;
    let none = ask(&vordr, "").await;
    assert_eq!((none.status, none.header("WWW-Authenticate")), (401, Some("Bearer")));
    for _ in 0..3 {
        assert_eq!(ask(&vordr, "Authorization: Bearer a.b.c\r\n").await.status, 503);
    }
    assert_eq!(id.requests().len(), 1, "it is left in peace for a while");
    assert_eq!(origin.requests().len(), 0);
}

/// The keys that an issuer publishes, as its answer.
fn published(keys: &[(&str, &KeyPair)]) -> String {
    let jwks: Vec<_> = keys
        .iter()
        .map(|(kid, pair)| {
            // An uncompressed point: 4, x, y.
            let point = pair.public_key_raw();
            let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..65]));
            serde_json::json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y })
        })
        .collect();
    serde_json::json!({ "keys": jwks }).to_string()
}

fn token(kid: &str, pair: &KeyPair, audience: &str) -> String {
    let exp = jsonwebtoken::get_current_timestamp() + 60;
    let claims = serde_json::json!({ "sub": "ann", "groups": ["a", "b"], "aud": audience, "exp": exp });
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
    let token = encode(&header, &claims, &EncodingKey::from_ec_der(&pair.serialize_der())).unwrap();
    format!("Authorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn a_token_of_the_issuer_lets_in_and_its_claims_are_copied() {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let (origin, id) =
        (Origin::answering("in").await, Origin::answering(&published(&[("one", &pair)])).await);
    let rules =
        format!("auth jwt jwks=\"{}/keys\" audience=app copy=\"sub:X-User groups:X-Groups\"", id.url());
    let vordr = Vordr::proxying_with(&origin, &rules).await;
    for _ in 0..3 {
        assert_eq!(ask(&vordr, &token("one", &pair, "app")).await.status, 200);
    }
    assert_eq!(id.requests().len(), 1, "keys are kept");
    let request = origin.first_request().await;
    assert_eq!((request.header("X-User"), request.header("X-Groups")), (Some("ann"), Some("a,b")));
    vordr.log_line(|line| line["user"] == "ann").await;
    let refused = ask(&vordr, &token("one", &pair, "other")).await;
    assert_eq!(refused.status, 401);
    let challenge = r#"Bearer error="invalid_token", error_description="the token is for somebody else""#;
    assert_eq!(refused.header("WWW-Authenticate"), Some(challenge));
    let forged = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    assert_eq!(ask(&vordr, &token("one", &forged, "app")).await.status, 401);
}

#[tokio::test]
async fn keys_may_stand_in_a_file_and_be_rotated_there() {
    let pairs = [(); 2].map(|()| KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    let [old, new] = &pairs;
    let origin = Origin::answering("in").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), published(&[("old", old)])).unwrap();
    let vordr = Vordr::proxying_with(&origin, &format!("auth jwt jwks={:?}", file.path())).await;
    assert_eq!(ask(&vordr, &token("old", old, "app")).await.status, 200);
    assert_eq!(ask(&vordr, &token("new", new, "app")).await.status, 401);
    std::fs::write(file.path(), published(&[("new", new)])).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(ask(&vordr, &token("new", new, "app")).await.status, 200);
    assert_eq!(ask(&vordr, &token("old", old, "app")).await.status, 401);
}

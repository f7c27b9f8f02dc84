//! `auth forward` and `auth jwt`: another server decides, or has signed.

use crate::harness::{Origin, Response, Vordr};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

const REJECTED: &str = r#"vordr_http_rejected_total{reason="auth",route="/",server="a.test"}"#;

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
        vordr.metric_becomes(REJECTED, 1.0).await;
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

/// An RSA key as its issuer publishes it.
fn published_rsa(pair: &KeyPair) -> String {
    let der = pair.subject_public_key_info();
    let (_, spki) = SubjectPublicKeyInfo::from_der(&der).unwrap();
    let Ok(PublicKey::RSA(key)) = spki.parsed() else { panic!("an RSA key") };
    let number = |bytes: &[u8]| BASE64.encode(bytes.strip_prefix(&[0]).unwrap_or(bytes));
    let jwk = json!({ "kty": "RSA", "kid": "one", "n": number(key.modulus), "e": number(key.exponent) });
    json!({ "keys": [jwk] }).to_string()
}

fn signed(algorithm: Algorithm, claims: &Value, key: &EncodingKey) -> String {
    encode(&Header { kid: Some("one".to_owned()), ..Header::new(algorithm) }, claims, key).unwrap()
}

#[tokio::test]
async fn a_token_that_is_not_the_issuers_own_or_not_of_now_is_refused() {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let (origin, id) = (Origin::answering("in").await, Origin::answering(&published_rsa(&pair)).await);
    let vordr = Vordr::proxying_with(&origin, &format!("auth jwt jwks=\"{}/keys\"", id.url())).await;
    // What PKCS #8 wraps is the key as PKCS #1 has it.
    let key = EncodingKey::from_rsa_der(&pair.serialize_der()[26..]);
    let now = jsonwebtoken::get_current_timestamp();
    let claims = json!({ "sub": "ann", "exp": now + 600 });
    let whole = signed(Algorithm::RS256, &claims, &key);
    let as_secret = |secret: &[u8]| signed(Algorithm::HS256, &claims, &EncodingKey::from_secret(secret));
    let unsigned = |algorithm: &str| {
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": "one" });
        format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
    };
    let at = |more: Value| signed(Algorithm::RS256, &more, &key);
    let others = BASE64.encode(json!({ "sub": "root", "exp": now + 600 }).to_string());
    let parts: Vec<_> = whole.split('.').collect();
    let another_algorithm = "the token is signed by another algorithm than its key's";
    let refused = [
        (unsigned("none"), "the token is none that is let in here"),
        (unsigned("nOnE"), "the token is none that is let in here"),
        (unsigned("HS256"), another_algorithm),
        (as_secret(pair.public_key_pem().as_bytes()), another_algorithm),
        (as_secret(&pair.subject_public_key_info()), another_algorithm),
        (as_secret(pair.public_key_raw()), another_algorithm),
        (format!("{}.{others}.{}", parts[0], parts[2]), "the token is not signed by its issuer"),
        (format!("{}.{}.", parts[0], parts[1]), "the token is not signed by its issuer"),
        (at(json!({ "exp": now - 90 })), "the token has expired"),
        (at(json!({ "exp": now + 600, "nbf": now + 120 })), "the token does not hold yet"),
        (at(json!({ "sub": "ann" })), "the token lacks a claim that is needed here"),
    ];
    for (token, why) in &refused {
        let response = ask(&vordr, &format!("Authorization: Bearer {token}\r\n")).await;
        assert_eq!(response.status, 401, "{why}: {token}");
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{why}\"");
        assert_eq!(response.header("WWW-Authenticate"), Some(&*challenge));
        vordr.log_line(|line| line["error"] == "auth" && line["error_detail"] == **why).await;
    }
    vordr.metric_becomes(REJECTED, refused.len() as f64).await;
    // Clocks may differ by a minute.
    for token in
        [whole.clone(), at(json!({ "exp": now - 20 })), at(json!({ "exp": now + 600, "nbf": now + 20 }))]
    {
        assert_eq!(ask(&vordr, &format!("Authorization: Bearer {token}\r\n")).await.status, 200);
    }
    assert_eq!(origin.requests().len(), 3);
}

#[tokio::test]
async fn whoever_decides_and_hangs_is_waited_for_no_longer_than_ten_seconds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let rules = format!(
        r#"server a.test {{ listen 0
            location "/forward" {{ auth forward="{url}/verify"; respond 200 in; }}
            location "/jwt" {{ auth jwt jwks="{url}/keys"; respond 200 in; }}
            location "/" {{ respond 200 in; }} }}"#
    );
    let vordr = Vordr::running(&rules).await;
    let status = |path: &'static str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer a.b.c\r\n\r\n");
        let vordr = &vordr;
        async move { vordr.send(&request).await.status }
    };
    // Those who ask for the keys wait together: one after the other they would take longer than this test waits.
    let (forward, one, two, three, meanwhile) =
        tokio::join!(status("/forward"), status("/jwt"), status("/jwt"), status("/jwt"), status("/"));
    assert_eq!((forward, [one, two, three], meanwhile), (503, [503; 3], 200));
    for (route, rejected) in [("/forward", 1.0), ("/jwt", 3.0)] {
        let line = vordr.log_line(|line| line["route"] == route && line["error"] == "auth").await;
        assert_eq!(line["status"], 503);
        let series = format!(r#"vordr_http_rejected_total{{reason="auth",route="{route}",server="a.test"}}"#);
        vordr.metric_becomes(&series, rejected).await;
    }
    let told = vordr.log_line(|line| line["route"] == "/forward").await["error_detail"].to_string();
    assert!(told.contains("no answer within 10s"), "{told}");
}

/// A server with a location that another one decides on.
fn decided_by(origin: &Origin, decider: &str) -> String {
    format!(
        "server a.test {{ listen \"127.0.0.1:0\"
            location \"/\" {{ auth location=\"/verify\" copy=\"X-User\"
                request {{ set X-Team \"{{auth.X-Team}}\"; }}
                proxy \"{}\"; }}
            location exact=\"/verify\" {{ {decider}; }} }}",
        origin.url()
    )
}

#[tokio::test]
async fn a_location_is_asked_without_the_body_and_what_it_tells_is_known() {
    let origin = Origin::answering("in").await;
    let decider =
        Origin::responding("HTTP/1.1 204 Fine\r\nX-User: ann\r\nX-Team: red\r\nContent-Length: 0\r\n\r\n")
            .await;
    let proxy = format!(
        "rewrite \"/check\"; request {{ set X-Asked \"{{method}} {{uri}}\"; }}; proxy \"{}\"",
        decider.url()
    );
    let vordr = Vordr::running(&decided_by(&origin, &proxy)).await;
    assert_eq!(ask(&vordr, "Cookie: s=1\r\nX-User: root\r\n").await.text(), "in");
    let (question, request) = (decider.only_request(), origin.only_request());
    assert_eq!((question.head.method(), question.target(), question.text().as_str()), ("GET", "/check", ""));
    assert_eq!(question.header("X-Asked"), Some("POST /x?y=1"));
    assert_eq!((question.header("Cookie"), question.header("Content-Length")), (Some("s=1"), None));
    assert_eq!((request.header("X-User"), request.header("X-Team")), (Some("ann"), Some("red")));
    vordr.log_line(|line| line["user"] == "ann").await;
}

#[tokio::test]
async fn a_location_that_does_not_let_in_is_answered_as_it_says_or_500() {
    let origin = Origin::answering("never").await;
    for (head, status, challenge) in [
        ("401 No\r\nWWW-Authenticate: Bearer", 401, Some("Bearer")),
        ("401 No", 401, None),
        ("403 No", 403, None),
        ("302 Found\r\nLocation: /login", 500, None),
        ("404 Not Found", 500, None),
    ] {
        let decider = Origin::responding(&format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\n\r\nno")).await;
        let rules = decided_by(&origin, &format!("proxy \"{}\"", decider.url()));
        let vordr = Vordr::running(&rules).await;
        let response = ask(&vordr, "").await;
        assert_eq!((response.status, response.header("WWW-Authenticate")), (status, challenge), "{head}");
        assert_eq!(vordr.log_error("auth").await["status"], status);
        vordr.metric_becomes(REJECTED, 1.0).await;
    }
    for (decider, status) in
        [("respond 200", 200), ("respond 403", 403), ("proxy \"http://127.0.0.1:1\"", 500)]
    {
        let vordr = Vordr::running(&decided_by(&origin, decider)).await;
        assert_eq!(ask(&vordr, "").await.status, status, "{decider}");
    }
    assert_eq!(origin.requests().len(), 1);
}

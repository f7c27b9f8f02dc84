//! Whose tokens are believed.
#![allow(clippy::unwrap_used)]

use super::*;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;

/// An issuer with one key on the curve P-256.
struct Issuer {
    pair: KeyPair,
}

impl Issuer {
    fn new() -> Self {
        Self { pair: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap() }
    }

    fn jwk(&self, more: Value) -> Value {
        // An uncompressed point: 4, x, y.
        let point = self.pair.public_key_raw();
        let mut jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": "one",
            "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..65]),
        });
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    }

    fn keys(&self) -> KeySet {
        KeySet::read(&json!({ "keys": [self.jwk(json!({}))] }).to_string()).unwrap()
    }

    fn sign(&self, kid: Option<&str>, claims: &Value) -> String {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &EncodingKey::from_ec_der(&self.pair.serialize_der())).unwrap()
    }
}

fn now() -> u64 {
    get_current_timestamp()
}

fn judged(keys: &KeySet, token: &str) -> Result<(), Doubt> {
    keys.claims(token, Some("https://id.example"), Some("app")).map(|_| ())
}

#[test]
fn a_token_must_hold_now_and_be_for_us() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let fine =
        json!({ "sub": "ann", "iss": "https://id.example", "aud": ["app", "other"], "exp": now() + 60 });
    for (change, expected) in [
        (json!({}), None),
        (json!({ "aud": "app" }), None),
        (json!({ "exp": now() - 30 }), None),
        (json!({ "nbf": now() + 30 }), None),
        (json!({ "exp": now() - 90 }), Some("the token has expired")),
        (json!({ "nbf": now() + 90 }), Some("the token does not hold yet")),
        (json!({ "aud": "other" }), Some("the token is for somebody else")),
        (json!({ "iss": "https://evil.example" }), Some("the token is from another issuer")),
        (json!({ "exp": null }), Some("the token lacks a claim that is needed here")),
        (json!({ "aud": null }), Some("the token lacks a claim that is needed here")),
        (json!({ "iss": null }), Some("the token lacks a claim that is needed here")),
    ] {
        let mut claims = fine.clone();
        for (name, value) in change.as_object().unwrap() {
            match value.is_null() {
                true => drop(claims.as_object_mut().unwrap().remove(name)),
                false => claims[name] = value.clone(),
            }
        }
        let found = judged(&keys, &issuer.sign(Some("one"), &claims));
        assert_eq!(found, expected.map_or(Ok(()), |why| Err(Doubt::Wrong(why))), "{change}");
    }
}

#[test]
fn only_the_issuers_key_will_do() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let keys = issuer.keys();
    let claims = json!({ "iss": "https://id.example", "aud": "app", "exp": now() + 60 });
    assert_eq!(judged(&keys, &issuer.sign(Some("one"), &claims)), Ok(()));
    assert_eq!(judged(&keys, &issuer.sign(None, &claims)), Ok(()));
    assert_eq!(judged(&keys, &issuer.sign(Some("two"), &claims)), Err(Doubt::UnknownKey));
    let forged = Err(Doubt::Wrong("the token is not signed by its issuer"));
    assert_eq!(judged(&keys, &other.sign(Some("one"), &claims)), forged);
}

#[test]
fn a_token_does_not_choose_its_algorithm() {
    let issuer = Issuer::new();
    let keys = issuer.keys();
    let claims = json!({ "iss": "https://id.example", "aud": "app", "exp": now() + 60 });
    let unsigned = |header: Value| {
        format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
    };
    for algorithm in ["none", "None", "NONE", ""] {
        assert!(judged(&keys, &unsigned(json!({ "alg": algorithm, "kid": "one" }))).is_err());
    }
    // The public key taken for a shared secret.
    let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::HS256) };
    let confused = encode(&header, &claims, &EncodingKey::from_secret(issuer.pair.public_key_raw())).unwrap();
    let other = Err(Doubt::Wrong("the token is signed by another algorithm than its key's"));
    assert_eq!(judged(&keys, &confused), other);
    let critical = unsigned(json!({ "alg": "ES256", "kid": "one", "crit": ["x"] }));
    assert_eq!(judged(&keys, &critical), Err(Doubt::Wrong("the token asks for extensions")));
    for nonsense in ["", "a.b", "a.b.c", "..", "\u{e9}"] {
        assert!(judged(&keys, nonsense).is_err(), "{nonsense:?}");
    }
}

#[test]
fn keys_that_verify_no_signature_are_passed_over() {
    let issuer = Issuer::new();
    let count = |keys: Value| KeySet::read(&json!({ "keys": keys }).to_string()).map(|set| set.0.len());
    let good = issuer.jwk(json!({}));
    assert_eq!(count(json!([good])), Ok(1));
    assert_eq!(
        count(json!([good, { "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }, { "kty": "new" }])),
        Ok(1)
    );
    assert!(count(json!([issuer.jwk(json!({ "use": "enc" }))])).is_err());
    assert!(count(json!([issuer.jwk(json!({ "alg": "RS256" }))])).is_err());
    assert_eq!(count(json!([issuer.jwk(json!({ "alg": "ES256", "use": "sig" }))])), Ok(1));
    assert!(KeySet::read("[]").is_err() && KeySet::read("{").is_err());
}

#[test]
fn a_key_that_is_too_short_or_too_long_is_none() {
    let issuer = Issuer::new();
    let part = |length: usize| BASE64.encode(vec![1; length]);
    let ed = |length| json!({ "kty": "OKP", "crv": "Ed25519", "x": part(length) });
    for (jwk, is_one) in [
        (ed(32), true),
        (ed(21), false),
        (ed(33), false),
        (ed(0), false),
        (issuer.jwk(json!({ "x": part(31) })), false),
        (issuer.jwk(json!({ "y": part(33) })), false),
        (issuer.jwk(json!({ "crv": "P-384" })), false),
    ] {
        assert_eq!(KeySet::read(&json!({ "keys": [jwk] }).to_string()).is_ok(), is_one, "{jwk}");
    }
}

#[test]
fn a_claim_becomes_one_line() {
    for (claim, expected) in [
        (json!("ann"), Some("ann")),
        (json!(7), Some("7")),
        (json!(["a", "b"]), Some("a,b")),
        (json!({ "a": 1 }), None),
        (json!(null), None),
    ] {
        assert_eq!(text(&claim).as_deref(), expected);
    }
}

//! JSON web tokens (RFC 7519), held against the keys of their issuer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

/// How far the clocks of issuer and vordr may be apart, in seconds.
const LEEWAY: u64 = 60;

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// The keys of an issuer (RFC 7517).
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    key: DecodingKey,
    /// Those that this key is for. A token chooses among them and not beyond: never `none`, never a public key taken
    /// for a shared secret.
    algorithms: Vec<Algorithm>,
}

/// Why a token is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// None of the keys is the one that it names: the issuer may have a newer one.
    UnknownKey,
    /// In words for whoever showed it.
    Wrong(&'static str),
}

impl KeySet {
    /// Reads a JWKS document. Keys of other kinds and for other uses are passed over.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
        let keys = document.get("keys").and_then(Value::as_array).ok_or("no JWKS: it has no `keys`")?;
        let keys: Vec<_> = keys.iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            Err("none of its keys can verify a signature".to_owned())
        } else {
            Ok(Self(keys))
        }
    }

    /// What a token says, if one of the keys has signed it, it holds now, and it is for us.
    pub(super) fn claims(
        &self,
        token: &str,
        issuer: Option<&str>,
        audience: Option<&str>,
    ) -> Result<Claims, Doubt> {
        let header =
            decode_header(token).map_err(|_| Doubt::Wrong("the token is none that is let in here"))?;
        if header.crit.is_some() {
            // What must be understood, and is not (RFC 7515, section 4.1.11).
            return Err(Doubt::Wrong("the token asks for extensions"));
        }
        let fits = |key: &&Key| header.kid.is_none() || key.id == header.kid;
        let mut doubt = Doubt::UnknownKey;
        for key in self.0.iter().filter(fits) {
            if !key.algorithms.contains(&header.alg) {
                doubt = Doubt::Wrong("the token is signed by another algorithm than its key's");
                continue;
            }
            match decode::<Claims>(token, &key.key, &validation(header.alg, issuer, audience)) {
                Ok(found) => return Ok(found.claims),
                Err(error) => doubt = Doubt::Wrong(in_words(error.kind())),
            }
        }
        Err(doubt)
    }
}

impl Key {
    fn read(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return None;
        }
        let algorithms = match jwk.common.key_algorithm {
            Some(named) => possible(&jwk).into_iter().filter(|one| named == (*one).into()).collect(),
            None => possible(&jwk),
        };
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| !algorithms.is_empty())?;
        Some(Self { id: jwk.common.key_id, key, algorithms })
    }
}

/// What a key can be for, by its kind. A shared secret is in nobody's public document, and a key that is not as long as its
/// curve has it (RFC 7518, section 6.2.1.2; RFC 8037, section 2) is none.
fn possible(jwk: &Jwk) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key)
            if key.curve == EllipticCurve::P256 && are(&[&key.x, &key.y], 32) =>
        {
            vec![ES256]
        }
        AlgorithmParameters::EllipticCurve(key)
            if key.curve == EllipticCurve::P384 && are(&[&key.x, &key.y], 48) =>
        {
            vec![ES384]
        }
        AlgorithmParameters::OctetKeyPair(key)
            if key.curve == EllipticCurve::Ed25519 && are(&[&key.x], 32) =>
        {
            vec![EdDSA]
        }
        _ => Vec::new(),
    }
}

/// Whether each part of a key has so many bytes.
fn are(parts: &[&String], length: usize) -> bool {
    parts.iter().all(|part| URL_SAFE_NO_PAD.decode(part).is_ok_and(|bytes| bytes.len() == length))
}

fn validation(algorithm: Algorithm, issuer: Option<&str>, audience: Option<&str>) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.validate_aud = audience.is_some();
    let mut required = vec!["exp"];
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    // A claim that is asked about and not there would pass otherwise.
    validation.set_required_spec_claims(&required);
    validation
}

fn in_words(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token does not hold yet",
        ErrorKind::InvalidIssuer => "the token is from another issuer",
        ErrorKind::InvalidAudience => "the token is for somebody else",
        ErrorKind::InvalidSignature => "the token is not signed by its issuer",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks a claim that is needed here",
        _ => "the token is none that is let in here",
    }
}

/// A claim as the value of a header; a list becomes one with commas.
pub(super) fn text(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(items) => {
            items.iter().map(text).collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;

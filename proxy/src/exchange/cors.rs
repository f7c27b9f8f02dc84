//! Cross-origin requests: preflights answered, and the answers' headers (Fetch standard, section 3.2).

use super::answer::Answer;
use super::context::Exchange;
use super::headers::Headers;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use vordr_rules::table::{Cors, Origins};

/// What an upstream may have said, and vordr says in its place.
const REPLACED: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// The method that a preflight asks about; `None` where the request is no preflight.
pub(crate) fn requested_method(method: &Method, headers: &HeaderMap) -> Option<Method> {
    let is_preflight = method == Method::OPTIONS && headers.contains_key(ORIGIN);
    let requested = headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|_| is_preflight)?;
    Method::from_bytes(requested.as_bytes()).ok()
}

/// Whether a preflight with these headers is granted that asks about `method`.
pub(crate) fn grants(cors: &Cors, method: &Method, headers: &HeaderMap) -> bool {
    (is_simple(method) || cors.methods.contains(method)) && allowed_origin(cors, headers).is_some()
}

/// The answer to a preflight, and whether it grants. One that does not is a 204 without a grant: that is what a
/// browser reports best ("No 'Access-Control-Allow-Origin' header is present").
pub(super) fn preflight(exchange: &Exchange, request: &Parts) -> Option<(bool, Answer)> {
    let cors = exchange.settings()?.cors.as_ref()?;
    let method = requested_method(&request.method, &request.headers)?;
    let mut answer = Answer::empty(StatusCode::NO_CONTENT);
    let granted = grants(cors, &method, &request.headers);
    if granted {
        let [methods, headers, _] = &cors.rendered;
        let headers = headers.as_ref().or_else(|| request.headers.get(ACCESS_CONTROL_REQUEST_HEADERS));
        let mut insert =
            |name, value: Option<HeaderValue>| drop(value.map(|value| answer.headers.insert(name, value)));
        insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.cloned());
        insert(ACCESS_CONTROL_MAX_AGE, cors.max_age.map(|age| HeaderValue::from(age.as_secs())));
    }
    Some((granted, answer))
}

/// GET, HEAD and POST need no grant of their own (Fetch standard, section 3.2.2).
fn is_simple(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

/// Puts vordr's word in the place of the upstream's, on any answer.
pub(super) fn apply(cors: &Cors, request: &HeaderMap, message: &mut impl Headers, preflight: bool) {
    if !preflight {
        REPLACED
            .iter()
            .filter(|name| message.headers().contains_key(*name))
            .cloned()
            .collect::<Vec<_>>()
            .iter()
            .for_each(|name| message.remove(name));
    }
    let by_origin = cors.origins != Origins::Any || cors.credentials;
    if by_origin {
        vary_by_origin(message);
    }
    // Where it depends on nothing it is said to everybody, as a cache may keep any answer for all (Fetch, section 3.2.5).
    let granted = if by_origin { allowed_origin(cors, request) } else { Some(HeaderValue::from_static("*")) };
    let Some(origin) = granted else { return };
    message.set(&ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if cors.credentials {
        message.set(&ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    let [_, _, expose] = &cors.rendered;
    if let (Some(expose), false) = (expose, preflight) {
        message.set(&ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
    }
}

/// The request's origin, if it may read the answer.
fn allowed_origin(cors: &Cors, request: &HeaderMap) -> Option<HeaderValue> {
    let origin = request.get(ORIGIN)?;
    let allowed = match &cors.origins {
        Origins::Any => true,
        Origins::Listed(listed) => {
            let asked = origin.to_str().ok()?.to_ascii_lowercase();
            listed.iter().any(|pattern| fits(pattern, &asked))
        }
    };
    allowed.then(|| origin.clone())
}

/// `https://*.b.example` stands for every sub-domain, however deep, and not for `https://b.example`.
fn fits(pattern: &str, origin: &str) -> bool {
    match pattern.split_once("*") {
        None => pattern == origin,
        Some((scheme, domain)) => {
            origin.strip_prefix(scheme).and_then(|host| host.strip_suffix(domain)).is_some_and(|label| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
            })
        }
    }
}

fn vary_by_origin(message: &mut impl Headers) {
    let lists_origin = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| {
            value
                .split(',')
                .any(|name| matches!(name.trim(), "*") || name.trim().eq_ignore_ascii_case("origin"))
        })
    };
    if !message.headers().get_all(VARY).iter().any(lists_origin) {
        message.add(&VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests;

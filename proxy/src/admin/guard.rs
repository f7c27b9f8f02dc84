//! Who is answered: no web page of another site, and where a token is asked for nobody without it.

use super::answer::object;
use super::body::Body;
use http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::json;
use std::net::IpAddr;
use subtle::ConstantTimeEq;
use vordr_rules::table::Address;

/// Why a request is not answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A browser was led here by a name that somebody else chose (DNS rebinding).
    ForeignHost,
    /// A web page writes.
    WebPage,
    /// The token lacks, or is another.
    Token,
}

/// Whether a request to this address is refused.
pub(super) fn refusal(address: &Address, token: Option<&str>, request: &Parts) -> Option<Refusal> {
    if matches!(address, Address::Ip(ip, _) if ip.is_loopback()) && !names_this_machine(request) {
        return Some(Refusal::ForeignHost);
    }
    // A browser names the page that asks, and no page has a reason to.
    if request.method == Method::POST && request.headers.contains_key(ORIGIN) {
        return Some(Refusal::WebPage);
    }
    // A probe has no token, and the page holds nothing until it is given one.
    let open = matches!(request.uri.path(), "/" | "/health");
    match token {
        Some(token) if !open && !bears(request, token) => Some(Refusal::Token),
        _ => None,
    }
}

/// Any address is this machine's, as the request came here; a name is only where it cannot be another's.
fn names_this_machine(request: &Parts) -> bool {
    let Some(host) = request.headers.get(HOST) else { return true };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<http::uri::Authority>().ok())
    else {
        return false;
    };
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok()
}

/// In a time that tells nothing but the token's length.
fn bears(request: &Parts, token: &str) -> bool {
    let given = request.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let (scheme, given) = given.split_at_checked("Bearer ".len()).unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.ct_eq(token.as_bytes()))
}

impl Refusal {
    pub(super) fn response(&self) -> Response<Body> {
        let (status, words) = match self {
            Self::ForeignHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "by this name anybody's web page could ask; use localhost or an address",
            ),
            Self::WebPage => (StatusCode::FORBIDDEN, "no web page may reload the rules"),
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "a token is asked for: `Authorization: Bearer …` with the one of `admin` in the rules",
            ),
        };
        let mut response = object(status, &json!({ "error": words }));
        if *self == Self::Token {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::Request;

    fn asked(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn loopback(host: &str) -> Option<Refusal> {
        refusal(&Address::Ip([127, 0, 0, 1].into(), 9180), None, &asked("GET", "/status", &[("host", host)]))
    }

    #[test]
    fn on_loopback_only_names_that_cannot_be_anothers_are_served() {
        for host in
            ["localhost", "LOCALHOST:9180", "vordr.localhost", "127.0.0.1:9180", "[::1]:9180", "10.0.0.1"]
        {
            assert_eq!(loopback(host), None, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert_eq!(loopback(host), Some(Refusal::ForeignHost), "{host}");
        }
    }

    #[test]
    fn elsewhere_any_name_will_do_and_the_token_decides() {
        let address = Address::Port(9180);
        let token = Some("0123456789abcdef");
        let with = |headers: &[(&str, &str)]| refusal(&address, token, &asked("GET", "/status", headers));
        assert_eq!(with(&[("host", "a.test"), ("authorization", "Bearer 0123456789abcdef")]), None);
        assert_eq!(with(&[("authorization", "bearer 0123456789abcdef")]), None);
        for wrong in ["Bearer 0123456789abcdeX", "Bearer ", "0123456789abcdef", "Basic 0123456789abcdef", ""]
        {
            assert_eq!(with(&[("authorization", wrong)]), Some(Refusal::Token), "{wrong}");
        }
        assert_eq!(with(&[]), Some(Refusal::Token));
    }

    #[test]
    fn a_probe_and_the_empty_page_need_no_token() {
        for path in ["/health", "/"] {
            assert_eq!(refusal(&Address::Port(1), Some("t"), &asked("GET", path, &[])), None);
        }
    }

    #[test]
    fn no_web_page_writes() {
        let posted = asked("POST", "/reload", &[("origin", "http://localhost:9180")]);
        assert_eq!(refusal(&Address::Unix("v.sock".to_owned()), None, &posted), Some(Refusal::WebPage));
    }
}

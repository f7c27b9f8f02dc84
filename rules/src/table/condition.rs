//! `match`: what else must hold of a request for a location to take it.

use super::Request;
use http::{HeaderMap, HeaderName, Method, header::COOKIE};

/// Everything that must hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Condition {
    /// Each must be the method; more than one never is.
    pub methods: Vec<Method>,
    /// Each must be there, with this value where one is given.
    pub headers: Vec<(HeaderName, Option<String>)>,
    /// Each must be there, with this value where one is given.
    pub queries: Vec<(String, Option<String>)>,
    /// Each must be there, with this value where one is given.
    pub cookies: Vec<(String, Option<String>)>,
}

impl Condition {
    /// Whether all of it holds.
    pub(super) fn holds(&self, request: &Request<'_>) -> bool {
        self.methods.iter().all(|method| method == request.method)
            && self.headers.iter().all(|(name, value)| has_header(request.headers, name, value.as_deref()))
            && self.queries.iter().all(|(name, value)| has_query(request.query, name, value.as_deref()))
            && self.cookies.iter().all(|(name, value)| has_cookie(request.headers, name, value.as_deref()))
    }
}

fn has_header(headers: &HeaderMap, name: &HeaderName, value: Option<&str>) -> bool {
    headers.get_all(name).iter().any(|found| value.is_none_or(|value| found.as_bytes() == value.as_bytes()))
}

/// Compared as it came: a query has no one way of being decoded.
fn has_query(query: Option<&str>, name: &str, value: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| is_pair(pair, name, value))
}

/// Of several by one name it is the first that everybody goes by.
fn has_cookie(headers: &HeaderMap, name: &str, value: Option<&str>) -> bool {
    match cookie(headers, name) {
        Some(found) => value.is_none_or(|value| found == value),
        None => cookies(headers).any(|pair| is_pair(pair, name, value)),
    }
}

/// Each `name=value` of a request's cookies (RFC 6265, section 4.2.1).
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| std::str::from_utf8(line.as_bytes()).ok())
        .flat_map(|line| line.split(';'))
        .map(str::trim)
}

fn is_pair(pair: &str, name: &str, value: Option<&str>) -> bool {
    match pair.split_once('=') {
        Some((found, content)) => found == name && value.is_none_or(|value| content == value),
        None => pair == name && value.is_none_or(str::is_empty),
    }
}

/// A cookie's value; of several by one name, the first one's.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    cookies(headers)
        .find_map(|pair| pair.split_once('=').filter(|(found, _)| *found == name).map(|(_, value)| value))
}

/// A cookie's value where there is none of just this name, but one whose letters are of another case, as nginx takes it.
pub fn cookie_of_any_case<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut pairs = cookies(headers).filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn of_several_cookies_by_one_name_the_first_counts_wherever_it_is_asked_for() {
        for (line, value) in [
            ("a=b; plan=pro", Some("pro")),
            ("plan=pro; plan=", Some("pro")),
            ("plan=; plan=pro", Some("")),
            ("plan=free;plan=pro", Some("free")),
            ("planned=pro", None),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(line))]);
            assert_eq!(cookie(&headers, "plan"), value, "{line}");
            assert_eq!(has_cookie(&headers, "plan", None), value.is_some(), "{line}");
            for wanted in ["pro", "free", ""] {
                assert_eq!(
                    has_cookie(&headers, "plan", Some(wanted)),
                    value == Some(wanted),
                    "{line}: {wanted}"
                );
            }
        }
    }

    #[test]
    fn a_cookie_without_a_value_is_there() {
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("a=b; plan"))]);
        assert!(has_cookie(&headers, "plan", None) && has_cookie(&headers, "plan", Some("")));
        assert!(!has_cookie(&headers, "plan", Some("pro")));
    }
}

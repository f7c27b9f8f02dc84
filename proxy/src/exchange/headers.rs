//! A message's headers, whoever holds them.

use http::{HeaderMap, HeaderName, HeaderValue};
use vordr_rules::table::FieldName;

/// Headers that can be edited: a plain map, and Pingora's messages, which also keep how names are spelt.
pub trait Headers {
    /// All of them.
    fn headers(&self) -> &HeaderMap;
    /// Replaces all of that name.
    fn set(&mut self, name: &HeaderName, value: HeaderValue);
    /// Appends one.
    fn add(&mut self, name: &HeaderName, value: HeaderValue);
    /// [`Headers::set`], with the name spelt as the operator wrote it.
    fn set_as(&mut self, name: &FieldName, value: HeaderValue) {
        self.set(name, value);
    }
    /// [`Headers::add`], with the name spelt as the operator wrote it.
    fn add_as(&mut self, name: &FieldName, value: HeaderValue) {
        self.add(name, value);
    }
    /// Deletes all of that name.
    fn remove(&mut self, name: &HeaderName);
}

impl Headers for HeaderMap {
    fn headers(&self) -> &HeaderMap {
        self
    }

    fn set(&mut self, name: &HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }

    fn add(&mut self, name: &HeaderName, value: HeaderValue) {
        self.append(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        HeaderMap::remove(self, name);
    }
}

/// Whether two names are one to those who take `_` for `-`, as CGI's variables cannot tell them apart (RFC 3875, section
/// 4.1.18).
pub(crate) fn reads_as(one: &str, other: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.bytes().map(plain).eq(other.bytes().map(plain))
}

/// Headers of one connection, never passed on (RFC 9110, section 7.6.1), besides those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 7] = [
    http::header::CONNECTION,
    http::header::PROXY_AUTHENTICATE,
    http::header::TE,
    http::header::TRAILER,
    http::header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A message's headers without what belongs to its connection.
pub(crate) fn stripped(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    strip_hop_by_hop(&mut headers);
    headers
}

/// Deletes what belongs to the upstream's connection. `Transfer-Encoding` stays: it frames the message, and
/// whoever writes the message sees to it.
pub(super) fn strip_hop_by_hop(message: &mut impl Headers) {
    let named: Vec<HeaderName> = message
        .headers()
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| name != http::header::TRANSFER_ENCODING && name != http::header::CONTENT_LENGTH)
        .collect();
    let present: Vec<HeaderName> =
        message.headers().keys().filter(|name| HOP_BY_HOP.contains(name)).cloned().collect();
    for name in named.iter().chain(&present) {
        message.remove(name);
    }
}

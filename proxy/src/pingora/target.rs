//! The target of the request that an upstream is sent.

use crate::exchange::Exchange;
use pingora_http::RequestHeader;

/// Path and query for the upstream; `None` where they stay as they came.
pub(super) fn upstream_path(exchange: &Exchange, request: &RequestHeader) -> Option<Vec<u8>> {
    let path = exchange.upstream_path(request).or_else(|| without_authority(request));
    in_ascii(path.as_deref().unwrap_or_else(|| request.raw_path())).or(path)
}

/// Path and query of a target that names a scheme and a host (RFC 9112, section 3.2.2), which is not for the
/// upstream.
fn without_authority(request: &RequestHeader) -> Option<Vec<u8>> {
    let is_absolute = !matches!(request.raw_path().first(), Some(b'/' | b'*' | b'?'));
    is_absolute.then(|| request.uri.path_and_query().map_or("/", |both| both.as_str()).as_bytes().to_vec())
}

/// A path whose bytes beyond ASCII are escaped, as those of a target must be (RFC 3986, section 2.1); `None` where there
/// are none.
fn in_ascii(path: &[u8]) -> Option<Vec<u8>> {
    if path.is_ascii() {
        return None;
    }
    let mut escaped = Vec::with_capacity(path.len() * 3);
    for byte in path {
        match byte.is_ascii() {
            true => escaped.push(*byte),
            false => escaped.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_ascii_are_escaped_and_nothing_else_is() {
        assert_eq!(in_ascii("/é?ü%41".as_bytes()).as_deref(), Some(&b"/%C3%A9?%C3%BC%41"[..]));
        assert_eq!(in_ascii(b"/%c3%a9?x|y"), None);
    }
}

//! Which host a request is for, and what may stand in a `Host`.

use super::context::Exchange;
use http::HeaderValue;
use http::header::HOST;
use http::request::Parts;
use std::net::Ipv6Addr;
use vordr_rules::table::{Server, without_port};

impl Exchange {
    /// The host that is asked for, without its port and its last dot; its server's name where a client of HTTP/1.0 names
    /// none. A `_` stands for no name.
    pub(super) fn host_name(&self) -> &str {
        let host = without_port(self.public.host.to_str().unwrap_or_default());
        match host.strip_suffix('.').unwrap_or(host) {
            "" => self
                .server()
                .map(Server::name)
                .filter(|name| is_host(name.as_bytes()) && !name.starts_with('_'))
                .unwrap_or_default(),
            host => host,
        }
    }
}

/// The host that a request is for: its target's where that names one (RFC 9112, section 3.2.2), else its `Host`.
pub(super) fn host_of(request: &Parts) -> Option<HeaderValue> {
    let named = request.uri.authority().map(|authority| HeaderValue::try_from(authority.as_str()).ok());
    named.unwrap_or_else(|| request.headers.get(HOST).cloned())
}

/// A name or an address, perhaps with a port (RFC 3986, section 3.2.2). Names are those of DNS, without escapes: no two
/// parsers may find two hosts in it.
pub(crate) fn is_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = without_port(host);
    let port = host.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default();
    let in_brackets = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_name = match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(fine) && !name.contains(".."),
    };
    let is_port =
        port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    host.len() <= 255 && is_name && is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for fine in ["a", "a_b.test.", "a.test:", "a.test:80", "127.0.0.1", "[::1]", "[::1]:65535", "~a-b"] {
            assert!(is_host(fine.as_bytes()), "{fine}");
        }
        for wrong in [
            "", ":", ":80", "a:b", "a:65536", "a:80:80", "a:+8", "a b", "a,b", "a@b", "a/b", "a..b", "a%62",
            "[::1", "[a]", "[::1]a", "::1", "é",
        ] {
            assert!(!is_host(wrong.as_bytes()), "{wrong}");
        }
        assert!(!is_host(&[b'a'; 256]));
    }
}

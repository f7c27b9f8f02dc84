//! Which server of a listener a host belongs to: exact, then the longest wildcard, then the first regex, then the default.

use super::find::{Captures, captures};
use super::map::{longest_ending, longest_start};
use super::{Binding, Listener, PathRegex, Server};
use std::borrow::Cow;

/// The longest name that DNS has, in bytes as it is written (RFC 1035, section 2.3.4).
pub(crate) const LONGEST_NAME: usize = 253;

impl Listener {
    /// The server for a `Host`, in any case, with or without a port and a dot at its end.
    pub fn binding(&self, host: &str) -> Binding {
        let name = normal(host);
        if let Some(binding) = self.exact.get(&*name) {
            return *binding;
        }
        let wildcard = longest_ending(&self.wildcard, &name).or_else(|| longest_start(&self.trailing, &name));
        let regex = || self.regexes.iter().find(|(regex, _)| regex.is_match(name.as_bytes()));
        wildcard.or_else(|| regex().map(|(_, binding)| *binding)).unwrap_or(self.default)
    }

    /// The same for a request, which may name no host. A handshake that names none is for the default.
    pub fn binding_of_request(&self, host: &str) -> Binding {
        match self.hostless.filter(|_| host.is_empty()) {
            Some(binding) => binding,
            None => self.binding(host),
        }
    }
}

impl Server {
    /// Whether a regex is among its hosts, and may capture.
    pub fn captures_hosts(&self) -> bool {
        !self.host_regexes.is_empty()
    }

    /// What the regex captured by which a host belongs to it, and that regex; `None` where it has it by its name.
    pub fn host_captures(&self, host: &str) -> Option<(&PathRegex, Captures)> {
        if !self.captures_hosts() {
            return None;
        }
        let name = normal(host);
        let is_written = self.hosts.iter().any(|host| *host == name);
        let mut regexes = self.host_regexes.iter().filter(|_| !is_written);
        let regex = regexes.find(|regex| regex.is_match(name.as_bytes()))?;
        Some((regex, captures(regex, name.as_bytes())))
    }
}

/// A host without its port, without a dot at its end, in lowercase.
fn normal(host: &str) -> Cow<'_, str> {
    let name = without_port(host);
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// A host without its port; an IPv6 address keeps its brackets.
pub fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if host.get(colon..).is_some_and(|rest| !rest.contains(']')) => {
            host.get(..colon).unwrap_or(host)
        }
        _ => host,
    }
}

/// A host as TLS knows it: without its port, and without the brackets of an IPv6 address.
pub fn handshake_name(host: &str) -> &str {
    let host = without_port(host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::table::{Address, ServerId};
    use std::collections::HashMap;

    fn listener(exact: &[(&str, usize)], wildcard: &[(&str, usize)]) -> Listener {
        let bind = |server| Binding { server: ServerId(server), redirect_https: false };
        Listener {
            address: Address::Port(80),
            tls: false,
            proxy_protocol: None,
            exact: exact.iter().map(|(host, server)| ((*host).into(), bind(*server))).collect(),
            wildcard: wildcard.iter().map(|(host, server)| ((*host).into(), bind(*server))).collect(),
            trailing: HashMap::new(),
            regexes: Vec::new(),
            hostless: None,
            every_host: None,
            default: bind(0),
        }
    }

    #[test]
    fn an_address_goes_into_a_handshake_without_its_brackets() {
        for (host, name) in
            [("a.test:443", "a.test"), ("[::1]:443", "::1"), ("[::1]", "::1"), ("192.0.2.1", "192.0.2.1")]
        {
            assert_eq!(handshake_name(host), name);
        }
    }

    #[test]
    fn an_exact_host_wins_over_the_longest_wildcard_over_the_default() {
        let listener = listener(&[("a.b.example", 1)], &[(".example", 2), (".b.example", 3)]);
        let server = |host| listener.binding(host).server.0;
        assert_eq!(server("a.b.example"), 1);
        assert_eq!(server("x.b.example"), 3);
        assert_eq!(server("y.x.b.example"), 3);
        assert_eq!(server("b.example"), 2);
        assert_eq!(server("example"), 0);
        assert_eq!(server(""), 0);
    }

    #[test]
    fn a_request_that_names_no_host_has_a_server_of_its_own_where_one_says_so() {
        let mut listener = listener(&[("a.example", 1)], &[]);
        let server = |listener: &Listener, host| listener.binding_of_request(host).server.0;
        assert_eq!(server(&listener, ""), 0);
        listener.hostless = Some(Binding { server: ServerId(2), redirect_https: false });
        assert_eq!(["", "a.example", "b.example"].map(|host| server(&listener, host)), [2, 1, 0]);
        assert_eq!(listener.binding("").server.0, 0);
    }

    #[test]
    fn a_wildcard_at_the_end_comes_after_one_at_the_front_and_before_a_regex() {
        let mut listener = listener(&[("www.example", 1)], &[(".b.example", 2)]);
        let bind = |server| Binding { server: ServerId(server), redirect_https: false };
        listener.trailing = [("www.".into(), bind(3)), ("www.b.".into(), bind(4))].into();
        listener.regexes = ["^w", "."]
            .map(|written| PathRegex::new(written).unwrap())
            .into_iter()
            .zip([bind(5), bind(6)])
            .collect();
        let server = |host| listener.binding(host).server.0;
        assert_eq!(server("www.example"), 1);
        assert_eq!(server("www.b.example"), 2);
        assert_eq!(server("www.b.other"), 4);
        assert_eq!(server("WWW.c.other:80"), 3);
        assert_eq!(server("web"), 5);
        assert_eq!(server("x"), 6);
        assert_eq!(server(""), 0);
    }

    #[test]
    fn a_name_longer_than_any_in_dns_is_not_searched_for_wildcards() {
        let listener = listener(&[], &[(".b.example", 1)]);
        let labels = |count| format!("{}b.example", "a.".repeat(count));
        assert_eq!(listener.binding(&labels(122)).server.0, 1);
        assert_eq!(listener.binding(&labels(123)).server.0, 0);
    }

    #[test]
    fn case_port_and_final_dot_do_not_matter() {
        let listener = listener(&[("a.example", 1), ("[::1]", 2)], &[]);
        for host in ["A.Example", "a.example:8080", "a.example.", "A.EXAMPLE.:80"] {
            assert_eq!(listener.binding(host).server.0, 1, "{host}");
        }
        assert_eq!(listener.binding("[::1]:80").server.0, 2);
        assert_eq!(listener.binding("[::1]").server.0, 2);
    }
}

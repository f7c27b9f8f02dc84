//! Which server of a listener a host belongs to: exact, then the longest wildcard, then the default.

use super::{Binding, Listener};
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
        // Every suffix is looked up, so a name of thousands of labels must not get there.
        let mut rest = if name.len() > LONGEST_NAME { "" } else { &*name };
        while let Some(dot) = rest.find('.') {
            let suffix = rest.get(dot..).unwrap_or_default();
            if let Some(binding) = self.wildcard.get(suffix) {
                return *binding;
            }
            rest = rest.get(dot + 1..).unwrap_or_default();
        }
        self.default
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Address, ServerId};

    fn listener(exact: &[(&str, usize)], wildcard: &[(&str, usize)]) -> Listener {
        let bind = |server| Binding { server: ServerId(server), redirect_https: false };
        Listener {
            address: Address::Port(80),
            tls: false,
            proxy_protocol: false,
            exact: exact.iter().map(|(host, server)| ((*host).into(), bind(*server))).collect(),
            wildcard: wildcard.iter().map(|(host, server)| ((*host).into(), bind(*server))).collect(),
            every_host: None,
            default: bind(0),
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

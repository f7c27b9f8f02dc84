//! Which certificates the rules ask ACME for.

use vordr_rules::table::{Acme, AcmeChallenge, Table};

/// One certificate that is to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The hosts it is made out to; the first one names it.
    pub names: Vec<String>,
    /// The challenges that can be answered, in the order they are tried; never empty.
    pub challenges: Vec<AcmeChallenge>,
}

impl Wanted {
    /// The server's name in logs and metrics.
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

/// Every certificate. Servers of the same name, on other listeners, have one together.
pub(super) fn wanted(table: &Table) -> Vec<Wanted> {
    let plain = table.listeners.iter().any(|listener| !listener.tls);
    let mut all: Vec<Wanted> = Vec::new();
    for server in &table.servers {
        let Some(acme) = server.tls.as_ref().and_then(|tls| tls.acme.as_ref()) else { continue };
        match all.iter_mut().find(|known| known.name() == server.name()) {
            Some(known) => {
                let more = server.hosts.iter().filter(|host| !known.names.contains(host));
                let more: Vec<_> = more.cloned().collect();
                known.names.extend(more);
            }
            None => all.push(Wanted { names: server.hosts.clone(), challenges: challenges(acme, plain) }),
        }
    }
    all
}

fn challenges(acme: &Acme, plain: bool) -> Vec<AcmeChallenge> {
    match acme.challenge {
        Some(only) => vec![only],
        None if plain => vec![AcmeChallenge::Http01, AcmeChallenge::TlsAlpn01],
        None => vec![AcmeChallenge::TlsAlpn01],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wanted_by(rules: &str) -> Vec<(Vec<String>, Vec<&'static str>)> {
        let loaded = vordr_rules::load("test.kdl", rules, &vordr_rules::InMemory::default()).unwrap();
        let all = wanted(&loaded.table).into_iter();
        all.map(|one| (one.names, one.challenges.into_iter().map(AcmeChallenge::name).collect())).collect()
    }

    #[test]
    fn a_server_has_one_certificate_for_all_its_hosts() {
        let rules = r#"
            server "a.test" "www.a.test" { listen 443 tls=on; tls { acme; }; location "/" { respond 204; }; }
            server "b.test" { listen 443 tls=on; tls { cert "c"; key "k"; }; location "/" { respond 204; }; }
            server "a.test" "b.a.test" { listen 8443 tls=on; tls { acme; }; location "/" { respond 204; }; }
        "#;
        let names = ["a.test", "www.a.test", "b.a.test"].map(str::to_owned).to_vec();
        assert_eq!(wanted_by(rules), [(names, vec!["tls-alpn-01"])]);
    }

    #[test]
    fn http_01_comes_first_where_a_listener_can_answer_it() {
        let rules = r#"
            server "a.test" { listen 443 tls=on; tls { acme; }; location "/" { respond 204; }; }
            server "b.test" { listen 443 tls=on; tls { acme challenge=tls-alpn-01; }; location "/" { respond 204; }; }
            server "*" { listen 80; location "/" { respond 204; }; }
        "#;
        let of = |name: &str, challenges: &[&'static str]| (vec![name.to_owned()], challenges.to_vec());
        let expected = [of("a.test", &["http-01", "tls-alpn-01"]), of("b.test", &["tls-alpn-01"])];
        assert_eq!(wanted_by(rules), expected);
    }
}

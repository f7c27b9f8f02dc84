//! `set_real_ip_from` and its kin: who may say whose address is the client's.

use super::scope::Scope;
use super::settings::network;
use super::tree::Directive;
use super::{Nginx, at};
use crate::source::Spanned;
use crate::table::{Believed, Trust};
use http::HeaderName;
use ipnet::IpNet;

/// What it is said by.
const WORDS: [&str; 3] = ["set_real_ip_from", "real_ip_header", "real_ip_recursive"];

/// Whom a list names.
#[derive(Default)]
pub(super) struct Trusted {
    pub(super) networks: Vec<IpNet>,
    unix: bool,
}

impl Nginx<'_, '_> {
    /// Whether servers and locations say it for themselves, and not `http` for all of them. What comes ahead of a
    /// connection is for whole listeners.
    pub(super) fn trusts_by_place(&self, http: &[Directive], servers: &[&Directive]) -> bool {
        fn is_said_in(block: &[Directive]) -> bool {
            block.iter().any(|directive| {
                WORDS.contains(&directive.name.value.as_str()) || is_said_in(directive.inside())
            })
        }
        let names_sockets = |directive: &Directive| {
            directive.name.value == "set_real_ip_from" && directive.first() == "unix:"
        };
        let is_said = servers.iter().any(|server| is_said_in(server.inside()));
        let has_sockets = self.spoken.has_socket && http.iter().any(names_sockets);
        !self.spoken.has_proxy_headers() && (is_said || has_sockets)
    }

    /// What holds at a place; `own` are its own blocks, which say nothing where it is inherited.
    pub(super) fn read_trust(&mut self, own: &Scope<'_>, scope: &Scope<'_>) -> Option<Spanned<Trust>> {
        if !self.by_place || !WORDS.iter().any(|word| own.find(word).is_some()) {
            return None;
        }
        let list = scope.all("set_real_ip_from");
        let first = list.first()?;
        let Believed::Client { header, recursive } = self.read_believed(scope) else { return None };
        let Trusted { networks, unix } = self.read_trusted(&list);
        let trust = Trust { proxies: networks, unix, header, recursive };
        (unix || !trust.proxies.is_empty()).then(|| at(first, trust))
    }

    /// The client's address alone is taken from a header; the scheme and the host are the connection's own.
    pub(super) fn read_believed(&mut self, scope: &Scope<'_>) -> Believed {
        let recursive = self.switch(scope.find("real_ip_recursive"), false);
        let Some(directive) = scope.find("real_ip_header") else {
            return Believed::Client { header: HeaderName::from_static("x-real-ip"), recursive };
        };
        match directive.first() {
            "proxy_protocol" => Believed::Nothing,
            name => match name.parse() {
                Ok(header) => Believed::Client { header, recursive },
                Err(_) => {
                    self.refuse(
                        directive.span_of(0),
                        format!("\"{name}\" is no header's name"),
                        "write `X-Real-IP`",
                    );
                    Believed::Nothing
                }
            },
        }
    }

    /// Networks, hosts by their addresses of now, and sockets where there are any.
    pub(super) fn read_trusted(&mut self, directives: &[&Directive]) -> Trusted {
        let mut trusted = Trusted::default();
        for directive in directives {
            let written = directive.first();
            if written == "unix:" {
                trusted.unix = self.spoken.has_socket;
                continue;
            }
            if let Some(network) = network(written) {
                trusted.networks.push(network);
                continue;
            }
            let found = self.reading.surroundings.addresses(written);
            if found.is_empty() {
                let message = format!("host not found in {} \"{written}\"", directive.name.value);
                self.refuse(directive.span_of(0), message, "write addresses: `10.0.0.0/8`");
            }
            trusted.networks.extend(found.into_iter().map(IpNet::from));
        }
        trusted
    }
}

//! `set_real_ip_from` and its kin: who may say whose address is the client's.

use super::scope::Scope;
use super::settings::network;
use super::tree::Directive;
use super::{Nginx, at};
use crate::source::Spanned;
use crate::table::{Teller, Trust};
use http::HeaderName;
use ipnet::IpNet;

/// What it is said by.
const WORDS: [&str; 3] = ["set_real_ip_from", "real_ip_header", "real_ip_recursive"];

/// Whom a list names.
#[derive(Default)]
struct Trusted {
    networks: Vec<IpNet>,
    unix: bool,
}

impl Nginx<'_, '_> {
    /// What holds at a place; `own` are its own blocks, which say nothing where it is inherited.
    pub(super) fn read_trust(&mut self, own: &Scope<'_>, scope: &Scope<'_>) -> Option<Spanned<Trust>> {
        if !WORDS.iter().any(|word| own.find(word).is_some()) {
            return None;
        }
        let list = scope.all("set_real_ip_from");
        let first = list.first()?;
        let teller = self.read_teller(scope)?;
        let Trusted { networks, unix } = self.read_trusted(&list);
        (unix || !networks.is_empty()).then(|| at(first, Trust { proxies: networks, unix, teller }))
    }

    /// The client's address alone is told; the scheme and the host are the connection's own.
    fn read_teller(&mut self, scope: &Scope<'_>) -> Option<Teller> {
        let recursive = self.switch(scope.find("real_ip_recursive"), false);
        let Some(directive) = scope.find("real_ip_header") else {
            return Some(Teller::Header { name: HeaderName::from_static("x-real-ip"), recursive });
        };
        match directive.first() {
            "proxy_protocol" => Some(Teller::ProxyProtocol),
            name => match name.parse() {
                Ok(name) => Some(Teller::Header { name, recursive }),
                Err(_) => {
                    let message = format!("\"{name}\" is no header's name");
                    self.refuse(directive.span_of(0), message, "write `X-Real-IP`");
                    None
                }
            },
        }
    }

    /// Networks, hosts by their addresses of now, and whoever comes through a socket.
    fn read_trusted(&mut self, directives: &[&Directive]) -> Trusted {
        let mut trusted = Trusted::default();
        for directive in directives {
            let written = directive.first();
            if written == "unix:" {
                trusted.unix = true;
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

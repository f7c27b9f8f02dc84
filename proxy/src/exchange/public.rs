//! The request as the public knows it, behind whatever stands in front of vordr.

use super::admit::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO};
use super::arrival::Public;
use super::context::Exchange;
use super::host::{host_of, is_host};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use vordr_rules::table::{Believed, Teller};

impl Exchange {
    /// The request as the public knows it: what a trusted proxy says of it is believed.
    pub(super) fn public_of(&self, request: &Parts) -> Public {
        let trusted = &self.table.process.trusted_proxies;
        // A Unix socket's other end counts as 127.0.0.1, which still has to be named to be believed.
        let through_trusted = is_trusted(trusted, self.public.client.address);
        let host = host_of(request).unwrap_or_else(|| self.public.host.clone());
        let mut public = Public { host, through_trusted, ..self.public.clone() };
        if !through_trusted {
            return public;
        }
        let (header, recursive) = match &self.table.process.believed {
            Believed::Forwarded => (&X_FORWARDED_FOR, true),
            Believed::Client { header, recursive } => (header, *recursive),
            Believed::Nothing => return public,
        };
        if let Some((client, port)) = believed_client(&request.headers, header, trusted, recursive) {
            public.client = client.into();
            public.client_port = port;
        }
        if self.table.process.believed != Believed::Forwarded {
            return public;
        }
        if let Some(scheme) = first_of(&request.headers, &X_FORWARDED_PROTO).and_then(known_scheme) {
            public.scheme = scheme;
            public.port = if scheme == "https" { 443 } else { 80 };
        }
        if let Some(port) = first_of(&request.headers, &X_FORWARDED_PORT).and_then(|port| port.parse().ok()) {
            public.port = port;
        }
        let host = first_of(&request.headers, &X_FORWARDED_HOST).filter(|host| is_host(host.as_bytes()));
        if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
            public.host = host;
        }
        public
    }

    /// Takes the client's address from what tells it of those who are trusted here, unless that has been done already.
    pub(super) fn meet_client(&mut self, request: &Parts) {
        let Some(trust) = self.settings().and_then(|settings| settings.trust.as_ref()) else { return };
        let is_meant = match self.arrival.ends {
            Some(_) => is_trusted(&trust.proxies, self.arrival.peer.address),
            None => trust.unix,
        };
        if !is_meant || self.public.is_told {
            return;
        }
        let told = match &trust.teller {
            Teller::Header { name, recursive } => {
                believed_client(&request.headers, name, &trust.proxies, *recursive)
            }
            Teller::ProxyProtocol => {
                let port = |client: SocketAddr| Some(client.port()).filter(|port| *port > 0);
                self.arrival.introduced.map(|(client, _)| (client.ip(), port(client)))
            }
        };
        if let Some((client, port)) = told {
            self.public.client = client.into();
            self.public.client_port = port;
            self.public.is_told = true;
        }
    }
}

pub(super) fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The address, and its port where one is written. Read from the right, the first address that is not a trusted proxy's
/// is the client's: whatever stands left of it, anybody may have written. Not `recursive`, it is the rightmost.
pub(super) fn believed_client(
    headers: &HeaderMap,
    header: &HeaderName,
    trusted: &[IpNet],
    recursive: bool,
) -> Option<(IpAddr, Option<u16>)> {
    let lines: Vec<&[u8]> = headers.get_all(header).iter().map(HeaderValue::as_bytes).collect();
    let mut leftmost = None;
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        // What stands right of what is none is believed all the same.
        let text = std::str::from_utf8(entry.trim_ascii()).ok();
        let Some((address, port)) = text.and_then(parse_address) else { break };
        leftmost = Some((address, port));
        if !recursive || !is_trusted(trusted, address) {
            break;
        }
    }
    leftmost
}

/// An address, perhaps in brackets, perhaps with a port. One of IPv4 that is written as IPv6 is what it was (RFC 4291,
/// section 2.5.5.2): networks of IPv4 are to fit it.
fn parse_address(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.to_canonical(), None));
    }
    let written = vordr_rules::table::without_port(text);
    let port = text.get(written.len()..).and_then(|port| port.strip_prefix(':')?.parse().ok());
    let bare = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(written);
    bare.parse::<IpAddr>().ok().map(|address| (address.to_canonical(), port))
}

fn first_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim)
}

fn known_scheme(scheme: &str) -> Option<&'static str> {
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some("https"),
        "http" | "ws" => Some("http"),
        _ => None,
    }
}

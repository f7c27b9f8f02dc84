//! `listen`: an address, and how it is spoken there.

use super::Nginx;
use super::tree::Directive;
use crate::language::listen::Listen;
use crate::source::Spanned;
use crate::table::{Address, Introduction};
use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What nginx says of a port that is none.
const BAD_PORT: &str = "invalid port";

/// A server's `listen`s.
#[derive(Debug, Default)]
pub(super) struct Listens {
    pub list: Vec<Listen>,
    /// One of them says `default_server`.
    pub default: Option<crate::source::Span>,
}

/// How each address is spoken with, which is a property of its socket.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    tls: HashSet<Address>,
    proxy_protocol: HashSet<Address>,
    /// One of them is a Unix socket.
    pub(super) has_socket: bool,
}

/// Parameters that set up a socket.
const NEEDLESS: [&str; 6] = ["deferred", "bind", "reuseport", "http2", "spdy", "multipath"];
/// Those with a value.
const NEEDLESS_WITH_VALUE: [&str; 8] = [
    "backlog=",
    "rcvbuf=",
    "sndbuf=",
    "accept_filter=",
    "ipv6only=",
    "so_keepalive=",
    "fastopen=",
    "setfib=",
];

impl Nginx<'_, '_> {
    /// The addresses of a server, which listens on port 80 where it names none.
    pub(super) fn read_listens(&mut self, server: &Directive) -> Listens {
        let mut listens = Listens::default();
        let mut any = false;
        for directive in server.inside().iter().filter(|directive| directive.name.value == "listen") {
            any = true;
            self.read_listen(directive, &mut listens);
        }
        if !any {
            let address = Spanned::new(Address::Port(80), server.name.span);
            listens.list.push(Listen { address, tls: None, redirect_https: false, proxy_protocol: None });
        }
        listens
    }

    fn read_listen(&mut self, directive: &Directive, listens: &mut Listens) {
        let written = directive.first();
        let addresses = match addresses(written) {
            Ok(addresses) => addresses,
            Err(problem) => {
                let message = format!("{problem} in \"{written}\" of the \"listen\" directive");
                return self.fault(directive.span_of(0), message);
            }
        };
        for parameter in directive.arguments.iter().skip(1) {
            let span = parameter.span;
            match parameter.value.as_str() {
                "default_server" | "default" => listens.default = Some(span),
                "ssl" | "proxy_protocol" => {}
                "quic" => return self.refuse(span, "vordr does not speak HTTP/3", "leave this `listen` out"),
                known if NEEDLESS.contains(&known) => {}
                known if NEEDLESS_WITH_VALUE.iter().any(|start| known.starts_with(start)) => {}
                unknown => self.fault(span, format!("invalid parameter \"{unknown}\"")),
            }
        }
        for address in addresses {
            let address = Spanned::new(address, directive.span_of(0));
            let is_in = |set: &HashSet<Address>| set.contains(&address.value).then_some(address.span);
            let tls = is_in(&self.spoken.tls).map(|span| Spanned::new(true, span));
            let proxy_protocol = is_in(&self.spoken.proxy_protocol);
            let proxy_protocol = proxy_protocol.map(|span| Spanned::new(Introduction::Told, span));
            // `listen 80` and `listen [::]:80` are one address here.
            if !listens.list.iter().any(|known| known.address.value == address.value) {
                listens.list.push(Listen { address, tls, redirect_https: false, proxy_protocol });
            }
        }
    }
}

impl Spoken {
    /// What any of the servers says of an address holds for all of them on it.
    pub(super) fn by(servers: &[&Directive]) -> Self {
        let mut spoken = Self::default();
        let listens = servers.iter().flat_map(|server| server.inside());
        for listen in listens.filter(|directive| directive.name.value == "listen") {
            for address in addresses(listen.first()).unwrap_or_default() {
                let says = |word: &str| listen.arguments.iter().any(|argument| argument.value == word);
                spoken.has_socket |= matches!(address, Address::Unix(_));
                if says("ssl") {
                    spoken.tls.insert(address.clone());
                }
                if says("proxy_protocol") {
                    spoken.proxy_protocol.insert(address);
                }
            }
        }
        spoken
    }
}

/// `80`, `*:80`, `127.0.0.1`, `[::]:80`, `unix:/path`, each with several ports where they are written `80-82`; without
/// a port it is 80.
fn addresses(written: &str) -> Result<Vec<Address>, &'static str> {
    if let Some(path) = written.strip_prefix("unix:") {
        return if path.is_empty() {
            Err("no path in the unix domain socket")
        } else {
            Ok(vec![Address::Unix(path.to_owned())])
        };
    }
    let is_ports =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_ports(written) {
        return Ok(ports(written)?.map(Address::Port).collect());
    }
    let (host, number) = match written.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("invalid host")?;
            (host, if after.is_empty() { 80..=80 } else { ports(after.strip_prefix(':').ok_or(BAD_PORT)?)? })
        }
        None => match written.rsplit_once(':') {
            Some((host, number)) => (host, ports(number)?),
            None => (written, 80..=80),
        },
    };
    let ip = match host {
        "*" | "0.0.0.0" | "::" => return Ok(number.map(Address::Port).collect()),
        "localhost" => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        host => host.parse().map_err(|_| "host not found")?,
    };
    Ok(number.map(|port| Address::Ip(ip, port)).collect())
}

/// `80`, or `80-82`.
fn ports(written: &str) -> Result<RangeInclusive<u16>, &'static str> {
    let port = |text: &str| text.parse::<u16>().map_err(|_| BAD_PORT);
    let (first, last) = written.split_once('-').unwrap_or((written, written));
    let (first, last) = (port(first)?, port(last)?);
    if first <= last { Ok(first..=last) } else { Err("invalid port range") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_each_of_nginx_forms() {
        let text = |written| {
            let found = addresses(written)?;
            Ok::<_, &str>(found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(text("8080").as_deref(), Ok(":8080"));
        assert_eq!(text("*:8080").as_deref(), Ok(":8080"));
        assert_eq!(text("[::]:80").as_deref(), Ok(":80"));
        assert_eq!(text("[::1]").as_deref(), Ok("[::1]:80"));
        assert_eq!(text("127.0.0.1").as_deref(), Ok("127.0.0.1:80"));
        assert_eq!(text("localhost:81").as_deref(), Ok("127.0.0.1:81"));
        assert_eq!(text("unix:/run/a.sock").as_deref(), Ok("unix:/run/a.sock"));
        assert_eq!(text("8085-8086").as_deref(), Ok(":8085 :8086"));
        assert_eq!(text("127.0.0.1:8085-8085").as_deref(), Ok("127.0.0.1:8085"));
        assert_eq!(text("[::1]:8085-8086").as_deref(), Ok("[::1]:8085 [::1]:8086"));
        for wrong in [
            "",
            "81-80",
            "80-",
            "-80",
            "80-81-82",
            "1.2.3.4:80-99999",
            "80x",
            "99999",
            "a.example:80",
            "[::1",
            "unix:",
            "1.2.3.4:x",
        ] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}

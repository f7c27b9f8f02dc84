//! `listen`: an address, and how it is spoken there.

use super::Nginx;
use super::tree::Directive;
use crate::language::listen::Listen;
use crate::source::Spanned;
use crate::table::Address;
use std::net::IpAddr;

/// A server's `listen`s.
#[derive(Debug, Default)]
pub(super) struct Listens {
    pub list: Vec<Listen>,
    /// One of them says `default_server`.
    pub default: Option<crate::source::Span>,
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
        let address = match address(written) {
            Ok(address) => address,
            Err(problem) => {
                let message = format!("{problem} in \"{written}\" of the \"listen\" directive");
                return self.fault(directive.span_of(0), message);
            }
        };
        let mut listen = Listen {
            address: Spanned::new(address, directive.span_of(0)),
            tls: None,
            redirect_https: false,
            proxy_protocol: None,
        };
        for parameter in directive.arguments.iter().skip(1) {
            let span = parameter.span;
            match parameter.value.as_str() {
                "default_server" | "default" => listens.default = Some(span),
                "ssl" => listen.tls = Some(Spanned::new(true, span)),
                "proxy_protocol" => listen.proxy_protocol = Some(Spanned::new(true, span)),
                "quic" => return self.refuse(span, "vordr does not speak HTTP/3", "leave this `listen` out"),
                known if NEEDLESS.contains(&known) => {}
                known if NEEDLESS_WITH_VALUE.iter().any(|start| known.starts_with(start)) => {}
                unknown => self.fault(span, format!("invalid parameter \"{unknown}\"")),
            }
        }
        // `listen 80` and `listen [::]:80` are one address here.
        match listens.list.iter_mut().find(|known| known.address.value == listen.address.value) {
            Some(known) => {
                known.tls = known.tls.take().or(listen.tls);
                known.proxy_protocol = known.proxy_protocol.take().or(listen.proxy_protocol);
            }
            None => listens.list.push(listen),
        }
    }
}

/// `80`, `*:80`, `127.0.0.1`, `[::]:80`, `unix:/path`; without a port it is 80.
fn address(written: &str) -> Result<Address, &'static str> {
    if let Some(path) = written.strip_prefix("unix:") {
        return if path.is_empty() {
            Err("no path in the unix domain socket")
        } else {
            Ok(Address::Unix(path.to_owned()))
        };
    }
    let port = |text: &str| text.parse::<u16>().map_err(|_| "invalid port");
    if !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit()) {
        return port(written).map(Address::Port);
    }
    let (host, number) = match written.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("invalid host")?;
            (host, if after.is_empty() { 80 } else { port(after.strip_prefix(':').ok_or("invalid port")?)? })
        }
        None => match written.rsplit_once(':') {
            Some((host, number)) => (host, port(number)?),
            None => (written, 80),
        },
    };
    match host {
        "*" | "0.0.0.0" | "::" => Ok(Address::Port(number)),
        "localhost" => Ok(Address::Ip(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), number)),
        host => host.parse().map(|ip| Address::Ip(ip, number)).map_err(|_| "host not found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_each_of_nginx_forms() {
        let text = |written| address(written).map(|address| address.to_string());
        assert_eq!(text("8080").as_deref(), Ok(":8080"));
        assert_eq!(text("*:8080").as_deref(), Ok(":8080"));
        assert_eq!(text("[::]:80").as_deref(), Ok(":80"));
        assert_eq!(text("[::1]").as_deref(), Ok("[::1]:80"));
        assert_eq!(text("127.0.0.1").as_deref(), Ok("127.0.0.1:80"));
        assert_eq!(text("localhost:81").as_deref(), Ok("127.0.0.1:81"));
        assert_eq!(text("unix:/run/a.sock").as_deref(), Ok("unix:/run/a.sock"));
        for wrong in ["", "80x", "99999", "a.example:80", "[::1", "unix:", "1.2.3.4:x"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}

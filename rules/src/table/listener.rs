//! An address to listen on, and which servers answer there.

use super::{PathRegex, ServerId};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// Where a socket listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A bare port: IPv4 and IPv6.
    Port(u16),
    /// One IP address.
    Ip(IpAddr, u16),
    /// A Unix socket's path.
    Unix(String),
}

impl Address {
    /// The port; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Port(port) | Self::Ip(_, port) => Some(*port),
            Self::Unix(_) => None,
        }
    }
}

/// As an operator writes it: `:80`, `127.0.0.1:80`, `[::1]:80`, `unix:/run/v.sock`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, ":{port}"),
            Self::Ip(ip, port) => write!(f, "{}", std::net::SocketAddr::new(*ip, *port)),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// What the PROXY header counts for that each connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introduction {
    /// `on`: whom it names is the client, and only trusted proxies may connect.
    Believed,
    /// `told`: anybody may connect and name anybody; the client is whoever connected.
    Told,
}

impl Introduction {
    /// Every one, the believed first.
    pub const ALL: [Self; 2] = [Self::Believed, Self::Told];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Believed => "on",
            Self::Told => "told",
        }
    }
}

/// One address with every server that listens on it.
#[derive(Debug, PartialEq)]
pub struct Listener {
    /// The address.
    pub address: Address,
    /// Whether clients speak TLS here.
    pub tls: bool,
    /// What the PROXY header counts for that comes first; `None` where none comes.
    pub proxy_protocol: Option<Introduction>,
    /// Exact hosts, lowercase.
    pub(crate) exact: HashMap<Box<str>, Binding>,
    /// Wildcards without their `*` (`.example.org`), lowercase.
    pub(crate) wildcard: HashMap<Box<str>, Binding>,
    /// Wildcards at the end without their `*` (`www.`), lowercase.
    pub(crate) trailing: HashMap<Box<str>, Binding>,
    /// Regexes of hosts, in file order.
    pub(crate) regexes: Vec<(PathRegex, Binding)>,
    /// `server ""`: who names no host.
    pub(crate) hostless: Option<Binding>,
    /// `server "*"`, which is the default unless another one is.
    pub(crate) every_host: Option<Binding>,
    /// The server for every other host.
    pub default: Binding,
}

/// A server on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The server.
    pub server: ServerId,
    /// `redirect=https`: requests are sent to the https address.
    pub redirect_https: bool,
}

impl Listener {
    /// Every server here, once for each of its hosts.
    pub fn bindings(&self) -> impl Iterator<Item = Binding> {
        let wildcards = self.wildcard.values().chain(self.trailing.values());
        let hosts = self.exact.values().chain(wildcards).chain(&self.every_host).chain(&self.hostless);
        let regexes = self.regexes.iter().map(|(_, binding)| *binding);
        hosts.copied().chain(regexes).chain([self.default])
    }
}

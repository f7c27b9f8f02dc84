//! A pool of servers behind vordr.

use super::Place;
use crate::placeholder::Template;
use http::{HeaderValue, Method, StatusCode};
use std::net::IpAddr;
use std::time::Duration;

/// A pool: `upstream NAME { … }`, or written in place.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Its name; one written in place is named after its first server: `chat.example.org`, `127.0.0.1:8000`.
    pub name: String,
    /// Whether it has a name of its own, or was written in place.
    pub named: bool,
    /// Whether its servers are https ones.
    pub tls: bool,
    /// Its servers, in file order; never empty.
    pub servers: Vec<UpstreamServer>,
    /// How one is chosen.
    pub balance: Balance,
    /// How a client stays with one.
    pub sticky: Option<Sticky>,
    /// Active checks.
    pub health: Option<Health>,
    /// What is learnt from live requests.
    pub passive: Option<Passive>,
    /// When a request is tried again.
    pub retry: Retry,
    /// How long a request waits while no server is up.
    pub try_for: Option<Duration>,
    /// How long a server that is back takes to have its whole share of requests again; `None` is at once.
    pub slow_start: Option<Duration>,
    /// Idle connections kept to each server, over all workers; 0 is none. Default 128.
    pub keepalive: usize,
    /// How long an idle connection is kept; `None` is for ever. Default 60 s.
    pub keepalive_idle: Option<Duration>,
    /// Connections open at once to a server that has no such limit of its own; `None` is no limit.
    pub connections: Option<usize>,
    /// Where it is written.
    pub place: Place,
}

/// One `server` of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamServer {
    /// Where it is.
    pub address: ServerAddress,
    /// Its share of requests, from 1.
    pub weight: u32,
    /// Used only while no other is up.
    pub backup: bool,
    /// Never used.
    pub down: bool,
    /// Connections open to it at once; `None` is no limit.
    pub connections: Option<usize>,
}

/// Where an upstream server is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// An IP address.
    Ip(IpAddr, u16),
    /// A name that is resolved while vordr runs.
    Name(String, u16),
    /// An SRV name: `srv://_http._tcp.example.org`.
    Srv(String),
    /// A Unix socket's path.
    Unix(String),
}

impl ServerAddress {
    /// The name that is resolved, where it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name, _) => Some(name),
            Self::Ip(..) | Self::Srv(_) | Self::Unix(_) => None,
        }
    }

    /// The host and port of a URL; `None` where it is none, or a Unix socket.
    pub fn of_authority(authority: &str, usual_port: u16) -> Option<Self> {
        crate::language::upstream::host_and_port(authority, Some(usual_port)).ok()
    }
}

/// `host:port` as it stands in a URL, IPv6 in brackets; a Unix socket as `unix:/path`.
impl std::fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip, port) => write!(f, "{}", std::net::SocketAddr::new(*ip, *port)),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Srv(name) => write!(f, "srv://{name}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// `balance`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
    /// The one with the fewest requests.
    LeastConn,
    /// The better of two at random.
    Random,
    /// By client address.
    IpHash,
    /// By a key, consistently.
    Hash(Template),
}

/// `sticky`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sticky {
    /// A cookie of vordr's own.
    Cookie {
        /// Its name.
        name: String,
        /// What its value is made with, so that nobody else can make it.
        secret: Option<String>,
    },
    /// A request header.
    Header(String),
    /// A query parameter.
    Query(String),
}

/// `health`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is asked.
    pub check: Check,
    /// How often. Default 10 s.
    pub every: Duration,
    /// How long an answer may take. Default 2 s.
    pub timeout: Duration,
    /// Failures in a row that take a server out. Default 3.
    pub fall: u32,
    /// Successes in a row that bring it back. Default 2.
    pub rise: u32,
}

/// What an active check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// A path.
    Http(HttpCheck),
    /// A connection.
    Tcp,
    /// The gRPC health protocol, about this service; empty is the server as a whole.
    Grpc(String),
}

/// An active check by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// The path asked for.
    pub path: String,
    /// The method. Default GET.
    pub method: Method,
    /// The Host that is sent; `None` is the server's own authority.
    pub host: Option<HeaderValue>,
    /// The status expected. Default 200.
    pub status: StatusCode,
    /// What the body must contain.
    pub contains: Option<String>,
}

/// `passive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passive {
    /// Failures that take a server out.
    pub fails: u32,
    /// Counted over this span.
    pub within: Duration,
    /// Out for this long.
    pub pause: Duration,
}

/// `retry`: by default once, when a kept-alive connection fails before any response byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Attempts beyond the first.
    pub times: u32,
    /// On a failure to connect.
    pub connect: bool,
    /// On a kept-alive connection that turns out closed.
    pub reused: bool,
    /// On a connection that breaks before there is an answer.
    pub closed: bool,
    /// On a timeout.
    pub timeout: bool,
    /// On an answer that is not HTTP.
    pub protocol: bool,
    /// On these statuses, of the upstream or of vordr's making.
    pub statuses: Vec<StatusCode>,
    /// A request that is not idempotent too, though the server may have acted on it.
    pub non_idempotent: bool,
    /// No further attempt begins later than this after the first. Default 2 min.
    pub within: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            times: 1,
            connect: false,
            reused: true,
            closed: false,
            timeout: false,
            protocol: false,
            statuses: Vec::new(),
            non_idempotent: false,
            within: Duration::from_secs(120),
        }
    }
}

/// `http`: the version spoken upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 only.
    Http2,
    /// By ALPN.
    Auto,
}

/// A TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// TLS towards an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamTls {
    /// Whether the certificate is checked.
    pub verify: bool,
    /// The name asked for and checked; the host that is sent, where there is none or nothing is filled in.
    pub sni: Option<Template>,
    /// The lowest version accepted.
    pub min: TlsVersion,
    /// CA file; `None` is the system's.
    pub ca: Option<String>,
    /// The files of vordr's own certificate and its key, shown where the upstream asks.
    pub client: Option<(String, String)>,
    /// The file of passwords that its key may be encrypted with.
    pub passwords: Option<String>,
}

//! `vordr { … }`: what concerns the process as a whole.

use super::{AcmeAccount, Address, LimitStore, Trace};
use http::HeaderName;
use ipnet::IpNet;
use std::time::Duration;

/// What of a trusted proxy's word is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Believed {
    /// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.
    #[default]
    Forwarded,
    /// The client's address alone, as this header has it.
    Client {
        /// The header.
        header: HeaderName,
        /// Whether it is read past every trusted proxy, or its last address is the client's.
        recursive: bool,
    },
    /// No header.
    Nothing,
}

/// The process's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Worker threads; `None` is one per core that the cgroup's quota allows.
    pub workers: Option<usize>,
    /// How long open streams may live after a stop is asked for; `None` is for ever.
    pub drain: Option<Duration>,
    /// How long connections are still accepted after a stop is asked for; 0 is not at all.
    pub drain_delay: Duration,
    /// Whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Which of them.
    pub believed: Believed,
    /// Where `/health`, `/status` and the rest are served.
    pub admin: Option<Address>,
    /// Whoever asks at `admin` must bear this (`admin … token=`); always there where others than this machine may.
    pub admin_token: Option<String>,
    /// Where `/metrics` is served, besides `admin`.
    pub metrics: Option<Address>,
    /// Whether nginx-exporter's names are served too (`metrics … compat=nginx`).
    pub metrics_compat_nginx: bool,
    /// The access log; `None` is off.
    pub access_log: Option<AccessLog>,
    /// The error logs; a line goes to each whose level lets it.
    pub error_logs: Vec<ErrorLog>,
    /// Where spans go, where they go anywhere.
    pub trace: Option<Trace>,
    /// Folder for certificates and accounts.
    pub state: String,
    /// Limits on connections and request heads.
    pub limits: Limits,
    /// Where rate limits are counted, if not in memory.
    pub limit_store: Option<LimitStore>,
    /// The ACME account for every server that asks for one.
    pub acme: Option<AcmeAccount>,
    /// `error-detail on`: error pages name addresses.
    pub error_detail: bool,
}

/// `access-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// Where lines go.
    pub target: LogTarget,
    /// Their form, where one is asked for; else words on a terminal, and JSON anywhere else.
    pub format: Option<LogFormat>,
    /// Whether the query is written.
    pub query: bool,
}

/// Where a log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(String),
}

/// The form of an access log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// nginx's and Apache's `combined`.
    Combined,
}

/// `error-log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLog {
    /// Where lines go.
    pub target: LogTarget,
    /// The lowest level written.
    pub level: Level,
    /// Their form, where one is asked for; else words on a terminal, and JSON anywhere else.
    pub format: Option<ErrorFormat>,
}

/// The form of an error log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorFormat {
    /// One JSON object a line.
    Json,
    /// As nginx writes it, with a line for each request that failed.
    Nginx,
}

/// A log level, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing goes on as it is.
    Crit,
    /// Something failed.
    Error,
    /// Something will fail, or was worked around.
    Warn,
    /// What vordr does: it starts, listens, takes rules in, stops.
    Notice,
    /// What clients make of it.
    Info,
    /// What is going on inside.
    Debug,
}

impl Level {
    /// Every one, gravest first.
    pub const ALL: [Self; 6] = [Self::Crit, Self::Error, Self::Warn, Self::Notice, Self::Info, Self::Debug];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crit => "crit",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// `limits { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The whole request head must arrive within this; `None` is no limit.
    pub header_timeout: Option<Duration>,
    /// The largest request head, in bytes.
    pub header_size: u64,
    /// How many fields a request's head may have.
    pub header_count: u32,
    /// The longest request line, in bytes.
    pub request_line: u64,
    /// How long an idle connection is kept; `None` closes after each response.
    pub keepalive: Option<Duration>,
    /// How many requests one connection may carry.
    pub keepalive_requests: Option<u32>,
    /// How many client connections may be open.
    pub connections: Option<u64>,
    /// How many of them one client may have; an IPv6 client is its /64.
    pub connections_per_client: Option<u64>,
    /// How many bytes a second a client has to send of a body, or take of an answer, in the long run.
    pub min_rate: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Some(Duration::from_secs(30)),
            header_size: 32 * 1024,
            header_count: 128,
            request_line: 8 * 1024,
            keepalive: Some(Duration::from_secs(75)),
            keepalive_requests: Some(1000),
            connections: Some(20_000),
            connections_per_client: None,
            min_rate: Some(128),
        }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self {
            workers: None,
            drain: Some(Duration::from_secs(8)),
            drain_delay: Duration::ZERO,
            trusted_proxies: Vec::new(),
            believed: Believed::Forwarded,
            admin: None,
            admin_token: None,
            metrics: None,
            metrics_compat_nginx: false,
            access_log: Some(AccessLog { target: LogTarget::Stdout, format: None, query: true }),
            error_logs: vec![ErrorLog { target: LogTarget::Stderr, level: Level::Info, format: None }],
            trace: None,
            state: "/var/lib/vordr".to_owned(),
            limits: Limits::default(),
            limit_store: None,
            acme: None,
            error_detail: false,
        }
    }
}

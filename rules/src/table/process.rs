//! `vordr { … }`: what concerns the process as a whole.

use super::{
    AccessLog, AcmeAccount, Address, Browsers, ErrorLog, Level, LimitStore, LineFormat, LogTarget, Resolver,
    Trace,
};
use http::HeaderName;
use ipnet::IpNet;
use std::sync::Arc;
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
    /// The name servers that are asked, if not the system's.
    pub resolver: Option<Resolver>,
    /// Where `/health`, `/status` and the rest are served.
    pub admin: Option<Address>,
    /// Whoever asks at `admin` must bear this (`admin … token=`); always there where others than this machine may.
    pub admin_token: Option<String>,
    /// Where `/metrics` is served, besides `admin`.
    pub metrics: Option<Address>,
    /// Whether nginx-exporter's names are served too (`metrics … compat=nginx`).
    pub metrics_compat_nginx: bool,
    /// The formats of access logs that are the rules' own.
    pub log_formats: Vec<Arc<LineFormat>>,
    /// The access logs of what has none of its own; none is off.
    pub access_logs: Vec<AccessLog>,
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

/// `keepalive`, of a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// How long it waits for its next request; `None` closes after each answer. Default 75 s.
    pub idle: Option<Duration>,
    /// How many requests it may carry. Default 1000.
    pub requests: Option<u32>,
    /// How old it may be for a further request. Default any age.
    pub age: Option<Duration>,
    /// What `Keep-Alive: timeout=` says, in whole seconds; `None` says nothing.
    pub told: Option<Duration>,
    /// Whose is closed after each answer all the same. Default nobody's.
    pub except: Browsers,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            idle: Some(Duration::from_secs(75)),
            requests: Some(1000),
            age: None,
            told: None,
            except: Browsers::default(),
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
    /// How long connections are kept, where no setting says otherwise.
    pub keepalive: Keepalive,
    /// How many client connections may be open.
    pub connections: Option<u64>,
    /// How many of them one client may have; an IPv6 client is its /64.
    pub connections_per_client: Option<u64>,
    /// How many bytes a second a client has to send of a body, or take of an answer, in the long run.
    pub min_rate: Option<u64>,
    /// Whether a line of a head may end in LF without CR (RFC 9112, section 2.2), and a URL as the target may name another
    /// host than `Host` does (section 3.2.2).
    pub lenient_heads: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Some(Duration::from_secs(30)),
            header_size: 32 * 1024,
            header_count: 128,
            request_line: 8 * 1024,
            keepalive: Keepalive::default(),
            connections: Some(20_000),
            connections_per_client: None,
            min_rate: Some(128),
            lenient_heads: false,
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
            resolver: None,
            admin: None,
            admin_token: None,
            metrics: None,
            metrics_compat_nginx: false,
            log_formats: Vec::new(),
            access_logs: vec![AccessLog::default()],
            error_logs: vec![ErrorLog {
                target: LogTarget::Stderr,
                number: 0,
                level: Level::Info,
                format: None,
            }],
            trace: None,
            state: "/var/lib/vordr".to_owned(),
            limits: Limits::default(),
            limit_store: None,
            acme: None,
            error_detail: false,
        }
    }
}

//! What runs: the rules compiled into a form that a request is looked up in.
//!
//! A [`Table`] holds no reference to the text it came from; places survive as [`Place`]s, for `show`,
//! `explain` and the log. Ids are indices into the table's own lists and mean nothing outside it.

mod acme;
mod action;
mod browsers;
mod buffering;
mod condition;
mod expires;
mod field_name;
mod files;
mod find;
mod fix;
mod gate;
mod host;
mod limit_store;
mod listener;
mod log;
mod map;
mod media;
mod path;
mod paths;
mod pattern;
mod process;
mod regex;
mod resolver;
mod segments;
mod send_rate;
mod settings;
mod steps;
mod store;
mod substitute;
mod syslog;
mod tls;
mod trace;
mod trust;
mod upstream;
pub(crate) mod usual_types;

pub use acme::{Acme, AcmeAccount, AcmeChallenge, ExternalAccount};
pub use action::{Action, AskedBy, Body, FilledTarget, HostHeader, Proxy, Redirect, Respond, own_address};
pub use browsers::Browsers;
pub use buffering::{BodyFile, Buffering, TemporaryFolder};
pub use condition::{Condition, cookie, cookie_of_any_case};
pub use expires::{Expires, Lifetime, NoLifetime};
pub use field_name::{FieldName, usual_spelling};
pub use files::{Files, Listing, Since, Symlinks, Ways};
pub use find::{Captures, Match, Outcome, Request, Way};
pub use fix::{CookieFix, CookieFlags, LocationFix, Replacement, SameSite, Wanted};
pub use gate::{Access, AccessRule, Auth, AuthKind, Satisfy, Whom};
pub(crate) use host::LONGEST_NAME;
pub use host::{handshake_name, without_port};
pub use limit_store::{LimitStore, OnFailure, StoreAddress};
pub use listener::{Address, Binding, Introduction, Listener};
pub use log::{AccessLog, ErrorFormat, ErrorLog, Escape, Level, LineFormat, LogFormat, LogTarget};
pub use map::{Case, CaseKey, Map, Through};
pub use media::{Bodies, Charset, Recode, Said, Types};
pub use path::{normal_of_decoded, normal_path};
pub(crate) use paths::Paths;
pub use pattern::Pattern;
pub use process::{Believed, Keepalive, Limits, Process};
pub use regex::{Matched, PathRegex, RegexError};
pub use resolver::Resolver;
pub use send_rate::{Pace, SendRate};
pub use settings::{
    Afterwards, AnswerStatus, Compress, Concurrency, Cors, HeaderNames, HeaderOperation, OnError,
    OnErrorFrom, Origins, RateLimit, Settings, Steering, Timeouts, WebSocket,
};
pub use steps::{FileKind, Rewrite, Step, Test, Then, When};
pub use store::Store;
pub use substitute::Substitute;
pub use syslog::{Syslog, SyslogAddress};
pub use tls::{CertificateFiles, ClientCa, ClientFailure, Hsts, ServerTls, Sessions};
pub use trace::{Ratio, Trace, TraceParent, TraceProtocol};
pub use trust::{Teller, Trust};
pub use upstream::{
    Balance, Check, Health, HttpCheck, HttpVersion, Passive, Retry, ServerAddress, Sticky, TlsVersion,
    Upstream, UpstreamServer, UpstreamTls,
};

use http::HeaderName;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A whole configuration, ready to run.
#[derive(Debug, PartialEq)]
pub struct Table {
    /// What concerns the process as a whole.
    pub process: Process,
    /// Every address that is listened on, in the order it first appears.
    pub listeners: Vec<Listener>,
    /// Every server, in file order.
    pub servers: Vec<Server>,
    /// Every pool: the named ones, then those written in place.
    pub upstreams: Vec<Upstream>,
    /// Every `map`, by the variable that it makes. None of them asks for itself, not even by way of others.
    pub maps: BTreeMap<String, Map>,
    /// Where access logs go, each once: what an [`AccessLog`] has the number of.
    pub log_targets: Vec<LogTarget>,
    /// The headers of upstreams' answers that are asked for, and so have to be remembered.
    pub upstream_headers: Vec<HeaderName>,
    /// Whether the bodies of requests are asked for, and so have to be kept while they pass.
    pub keeps_bodies: bool,
    /// Whether it is asked how large the heads are that are exchanged with upstreams.
    pub weighs_heads: bool,
    /// Whether the rules ask how many connections there are.
    pub counts_connections: bool,
}

impl Table {
    /// The same rules without a word on where they stand: for telling whether two texts come to the same.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        let nowhere = Place { file: "".into(), line: 0, column: 0 };
        for upstream in &mut self.upstreams {
            upstream.place = nowhere.clone();
        }
        for map in self.maps.values_mut() {
            map.place = nowhere.clone();
        }
        for server in &mut self.servers {
            server.place = nowhere.clone();
            server.settings.places.clear();
            server.early.iter_mut().for_each(|early| early.places.clear());
            for location in &mut server.locations {
                location.place = nowhere.clone();
                location.settings.places.clear();
            }
        }
        self
    }
}

/// Index of a [`Listener`] in [`Table::listeners`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenerId(pub usize);

/// Index of a [`Server`] in [`Table::servers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub usize);

/// Index of a [`Location`] in [`Server::locations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocationId(pub usize);

/// Index of an [`Upstream`] in [`Table::upstreams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UpstreamId(pub usize);

/// Where a word stands: the file's name as it was given, and its line and column, both from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One `server`: hosts that share locations and a certificate.
#[derive(Debug, PartialEq)]
pub struct Server {
    /// The hosts as written, lowercase; the first one is the server's name in logs and metrics.
    pub hosts: Vec<String>,
    pub(crate) host_regexes: Vec<PathRegex>,
    /// The `tls` block, where there is one.
    pub tls: Option<ServerTls>,
    /// Its locations, in file order.
    pub locations: Vec<Location>,
    /// Settings that hold where no location does: for answers of vordr's own making (404, 400).
    pub settings: Settings,
    /// `early`: those in their place for what is refused before it has a location.
    pub early: Option<Box<Settings>>,
    /// What is done before a location is looked for.
    pub steps: Vec<Step>,
    /// Whether several `/` side by side are one to it.
    pub merges_slashes: bool,
    /// Whether it answers preflights of CORS anywhere.
    pub has_cors: bool,
    /// The headers by which any `auth` of it tells upstreams who asks: no client's own reach one, wherever it asks.
    pub vouched_for: Vec<HeaderName>,
    pub(crate) paths: Paths,
    /// Where the `server` node stands.
    pub place: Place,
}

impl Server {
    /// The server's name in logs and metrics: its first host; `_` where that is none.
    pub fn name(&self) -> &str {
        self.hosts.iter().find(|host| !host.is_empty()).map_or("_", String::as_str)
    }

    /// The settings of a request that has no location.
    pub fn first_settings(&self) -> &Settings {
        self.early.as_deref().unwrap_or(&self.settings)
    }

    /// Every settings of it: its own and those of its locations.
    pub fn every_settings(&self) -> impl Iterator<Item = &Settings> {
        let of_locations = self.locations.iter().map(|location| &location.settings);
        [&self.settings].into_iter().chain(self.early.as_deref()).chain(of_locations)
    }
}

/// One `location`: which requests it takes, what is done with them, and under which settings.
#[derive(Debug, PartialEq)]
pub struct Location {
    /// As written, for logs and metrics: `/a`, `/a /b`, `= /x`, `~ ^/v(\d+)/`, `@app`.
    pub name: String,
    /// By which `enter` finds it; then it takes no path.
    pub called: Option<String>,
    /// The paths it takes.
    pub patterns: Vec<Pattern>,
    /// `final=on`: no regex is asked when one of its prefixes is the longest.
    pub is_final: bool,
    /// `internal=on`: it answers 404 unless `search` leads to it.
    pub is_internal: bool,
    /// `within=…`: it is asked only where the search has come to this location.
    pub within: Option<LocationId>,
    /// Alternatives; empty is always.
    pub conditions: Vec<Condition>,
    /// What is done before its action, and may change that.
    pub steps: Vec<Step>,
    /// What is done.
    pub action: Action,
    /// Every setting that holds here, inheritance done.
    pub settings: Settings,
    /// Which of its limits are its server's.
    pub shared: Shared,
    /// Where the `location` node stands.
    pub place: Place,
}

/// Which limits a location has from its server: those are counted over all of that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shared {
    /// Those on how often.
    pub limits: bool,
    /// Those on how many at once.
    pub concurrent: bool,
}

impl Location {
    /// How many bytes of a path, in its normal form, the longest of its own prefixes takes; all of an exact path, and
    /// nothing of what a regex matches.
    pub fn prefix_length(&self, path: &[u8]) -> usize {
        let length = |pattern: &Pattern| match pattern {
            Pattern::Exact(prefix) | Pattern::Prefix(prefix) | Pattern::RawPrefix(prefix) => prefix.len(),
            Pattern::Regex(_) => 0,
        };
        self.patterns.iter().filter(|pattern| pattern.takes(path)).map(length).max().unwrap_or(0)
    }

    /// Whether one of its conditions holds.
    fn admits(&self, request: &Request<'_>) -> bool {
        self.conditions.is_empty() || self.conditions.iter().any(|condition| condition.holds(request))
    }
}

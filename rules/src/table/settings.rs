//! The settings that hold in a location, inheritance done.

use super::{
    Access, AccessLog, Action, Auth, Bodies, Buffering, Charset, ErrorLog, Expires, FieldName, Keepalive,
    Level, LocationId, Place, Satisfy, SendRate, Substitute, Trust, Types,
};
use crate::placeholder::Template;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Where a request goes on once it has been answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Afterwards {
    /// In the location that a path leads to.
    Search(Template),
    /// In this location; the path stays.
    Enter(LocationId),
}

/// Everything that holds in one location.
#[derive(Debug, PartialEq)]
pub struct Settings {
    /// Limits on silence.
    pub timeouts: Timeouts,
    /// WebSockets.
    pub websocket: WebSocket,
    /// How long the client's connection is kept behind the answer.
    pub keepalive: Keepalive,
    /// How a request is read whole before it is sent; `None` is that it is not.
    pub buffering: Option<Arc<Buffering>>,
    /// The largest request body, in bytes; `None` is no limit.
    pub body_limit: Option<u64>,
    /// The path, and perhaps query, that the upstream sees.
    pub rewrite: Option<Template>,
    /// Whether vordr's own headers are added: who asked and for what, and the request's id.
    pub forwarded: bool,
    /// How fast the body of an answer goes to the client; `None` is as fast as it can.
    pub send_rate: Option<SendRate>,
    /// Where a request goes on once it has been answered.
    pub afterwards: Option<Afterwards>,
    /// What an upstream's headers decide.
    pub steering: Steering,
    /// Which request headers are passed on at all, by the letters of their names.
    pub header_names: HeaderNames,
    /// What is done to request headers, in order, after vordr's own changes.
    pub request: Vec<HeaderOperation>,
    /// What is done to response headers, in order, after the upstream's and CORS.
    pub response: Vec<HeaderOperation>,
    /// Cross-origin requests; `None` leaves them to the upstream.
    pub cors: Option<Cors>,
    /// Who may say whose address is the client's; `None` is whoever may for the process.
    pub trust: Option<Trust>,
    /// Who may come, by address.
    pub access: Access,
    /// Who may come, by credentials; every one must agree.
    pub auth: Vec<Auth>,
    /// Whether `access` and `auth` must both agree.
    pub satisfy: Satisfy,
    /// How often; every one must agree.
    pub limits: Vec<RateLimit>,
    /// How many at once; every one must agree.
    pub concurrent: Vec<Concurrency>,
    /// How answers are packed; `None` is not at all.
    pub compress: Option<Compress>,
    /// What in bodies other texts take the place of.
    pub substitute: Option<Substitute>,
    /// The types of bodies by the endings of their names; `None` is vordr's own list.
    pub types: Option<Arc<Types>>,
    /// The charset that is said of text.
    pub charset: Option<Charset>,
    /// For how long answers may be used again.
    pub expires: Option<Expires>,
    /// How redirects, and failures of vordr's own, look.
    pub bodies: Bodies,
    /// Where a line for each request goes; none is nowhere, and `None` wherever the process's go.
    pub access_logs: Option<Vec<AccessLog>>,
    /// Where is told what goes wrong with requests; `None` is wherever the process tells of itself.
    pub error_logs: Option<Vec<ErrorLog>>,
    /// What is done in the place of a failure.
    pub on_error: Vec<OnError>,
    /// Where each word that does not have its default was written.
    pub places: Vec<(&'static str, Place)>,
}

/// Limits on silence; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP and TLS together, for each attempt. Default 5 s.
    pub connect: Option<Duration>,
    /// No progress towards the upstream. Default 60 s.
    pub send: Option<Duration>,
    /// No progress from the upstream. Default 60 s.
    pub read: Option<Duration>,
    /// No progress from or towards the client while a message is under way. Default 60 s.
    pub client: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minute = Some(Duration::from_secs(60));
        Self { connect: Some(Duration::from_secs(5)), send: minute, read: minute, client: minute }
    }
}

/// `websocket`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocket {
    /// Whether upgrades are forwarded; if not, they are answered 426.
    pub allowed: bool,
    /// Silence in both directions that ends a stream; an event stream's limit too. Default 1 h.
    pub idle: Option<Duration>,
    /// Silence after which vordr sends a ping.
    pub ping: Option<Duration>,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self { allowed: true, idle: Some(Duration::from_secs(3600)), ping: None }
    }
}

/// `steering`: what an upstream's headers decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steering {
    /// `X-Accel-Redirect` leads to another location.
    pub redirect: bool,
    /// `X-Accel-Limit-Rate` says how fast the answer goes.
    pub rate: bool,
}

impl Steering {
    /// All of them, by the words of the rules.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("off", Self { redirect: false, rate: false }),
        ("on", Self { redirect: true, rate: true }),
        ("redirect", Self { redirect: true, rate: false }),
        ("rate", Self { redirect: false, rate: true }),
    ];

    /// The word of the rules.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("off", |(name, _)| name)
    }
}

/// `header-names`: request headers whose names have other letters are dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HeaderNames {
    /// Whatever HTTP allows (RFC 9110, section 5.6.2).
    #[default]
    Any,
    /// Letters, digits, `-` and `_`.
    Underscores,
    /// Letters, digits and `-`.
    Plain,
}

impl HeaderNames {
    /// All of them, by the words of the rules.
    pub const NAMES: [(&'static str, Self); 3] =
        [("any", Self::Any), ("underscores", Self::Underscores), ("plain", Self::Plain)];

    /// The word of the rules.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("any", |(name, _)| name)
    }

    /// Whether a header of this name is passed on.
    pub fn allows(self, name: &str) -> bool {
        let fits = |byte: u8| match (self, byte) {
            (Self::Any, _) | (_, b'-') | (Self::Underscores, b'_') => true,
            (_, byte) => byte.is_ascii_alphanumeric(),
        };
        name.bytes().all(fits)
    }
}

/// One change to a message's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderOperation {
    /// Replace all of that name.
    Set(FieldName, Template),
    /// Append one.
    Add(FieldName, Template),
    /// Set it where there is none.
    Default(FieldName, Template),
    /// Send one behind the body, where the client's HTTP has a place for it.
    Trailer(FieldName, Template),
    /// Delete all of that name.
    Remove(HeaderName),
    /// Delete all whose lowercase name starts with this.
    RemovePrefix(String),
    /// The same, on answers whose status is from 200 to 399 alone.
    OnSuccess(Box<HeaderOperation>),
}

/// `cors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Who may ask.
    pub origins: Origins,
    /// `Access-Control-Allow-Methods`.
    pub methods: Vec<Method>,
    /// `Access-Control-Allow-Headers`; empty echoes what was asked for.
    pub headers: Vec<HeaderName>,
    /// `Access-Control-Expose-Headers`.
    pub expose: Vec<HeaderName>,
    /// `Access-Control-Allow-Credentials`.
    pub credentials: bool,
    /// `Access-Control-Max-Age`.
    pub max_age: Option<Duration>,
    /// Joined once, for the answer: methods, headers, exposed headers.
    pub rendered: [Option<HeaderValue>; 3],
}

/// Which origins `cors` admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// `*`.
    Any,
    /// Exact ones, and those with a `*` as their leftmost label: `https://*.b.example`. Lowercase.
    Listed(Vec<String>),
}

/// `compress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compress {
    /// Codings offered, most wanted first; never empty.
    pub codings: Vec<String>,
    /// The types of content that are packed, in lower case, `*` for all of them; `None` is those that shrink.
    pub types: Option<Vec<String>>,
    /// The smallest answer that is packed, in bytes, where its length is known.
    pub min_size: u64,
    /// Whether answers that another client would have got packed say so in `Vary`.
    pub vary: bool,
    /// Whether requests that came through another proxy, with `Via`, get packed answers.
    pub proxied: bool,
}

/// `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests that are let through in `per`.
    pub requests: u32,
    /// The span of time that `requests` counts for.
    pub per: Duration,
    /// How many may come at once beyond the rate.
    pub burst: u32,
    /// How many of the burst are let through at once, while the others wait for their turn; `None` is all.
    pub at_once: Option<u32>,
    /// Whether what the rate allows comes one by one, instead of any time within its span.
    pub spaced: bool,
    /// Whose requests are counted together.
    pub key: Template,
    /// What else counts together with it, by a name; a request whose key is empty is not counted then.
    pub zone: Option<String>,
    /// What a request beyond it is answered.
    pub status: StatusCode,
    /// Whether what is beyond it is let through all the same, and only told of in the error log.
    pub dry: bool,
    /// How grave that is to the error log.
    pub level: Level,
}

impl RateLimit {
    /// How many requests may come at once beyond those of the burst.
    pub fn together(&self) -> u32 {
        if self.spaced { 1 } else { self.requests }
    }
}

/// `concurrent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// How many requests may be under way at once.
    pub most: u32,
    /// Whose requests are counted together.
    pub key: Template,
    /// What else counts together with it, by a name; a request whose key is empty is not counted then.
    pub zone: Option<String>,
    /// What a request beyond it is answered.
    pub status: StatusCode,
    /// Whether what is beyond it is let through all the same, and only told of in the error log.
    pub dry: bool,
    /// How grave that is to the error log.
    pub level: Level,
}

/// `on-error`.
#[derive(Debug, PartialEq)]
pub struct OnError {
    /// Which statuses.
    pub statuses: Vec<StatusCode>,
    /// Whose failures.
    pub from: OnErrorFrom,
    /// The answer's status.
    pub status: AnswerStatus,
    /// Whether a failure of what is done is replaced too.
    pub again: bool,
    /// What is done.
    pub action: Action,
}

/// Whose failures an `on-error` is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnErrorFrom {
    /// Those of who was to answer: an upstream that was not reached, a file that is not there.
    #[default]
    Failures,
    /// The same, and the upstream's own answers with such a status.
    Upstream,
    /// The first, and what the rules refuse.
    Rules,
    /// All of them.
    All,
}

impl OnErrorFrom {
    /// Whether an upstream's own answers count.
    pub fn takes_answers(self) -> bool {
        matches!(self, Self::Upstream | Self::All)
    }

    /// Whether what the rules refuse counts.
    pub fn takes_refusals(self) -> bool {
        matches!(self, Self::Rules | Self::All)
    }
}

/// The status of an answer in the place of a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AnswerStatus {
    /// The failure's, where a file answers; else what the action gives.
    #[default]
    Usual,
    /// The failure's.
    Failure,
    /// What the action gives.
    Own,
    /// This one.
    Fixed(StatusCode),
}

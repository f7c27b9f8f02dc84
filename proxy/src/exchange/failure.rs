//! What went wrong: its name in logs and metrics, the status it becomes, and the words for it.

mod words;

use http::{HeaderValue, StatusCode};

/// Why an exchange did not end as its client and upstream meant it to.
///
/// The names ([`Failure::reason`]) are those of `vordr_upstream_errors_total{reason}` and
/// `vordr_http_rejected_total{reason}`, and of the access log's `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    // Of the upstream.
    /// The upstream's name has not been resolved (yet): 503.
    Dns(String),
    /// What the request says is no upstream's host, or one that does not resolve: 502.
    NoUpstream(String),
    /// The connection was refused, or the address cannot be reached: 502.
    Refused,
    /// `timeouts connect`: 504.
    ConnectTimeout,
    /// The TLS handshake or the certificate, in rustls's words: 502.
    Tls(String),
    /// `timeouts send`: 504.
    WriteTimeout,
    /// `timeouts read`: 504.
    ReadTimeout,
    /// The connection broke: 502.
    Reset,
    /// The upstream closed before its answer was whole: 502.
    EarlyClose,
    /// The upstream's answer is not HTTP: 502.
    Protocol(String),
    /// No server of the pool is up: 503.
    NoneUp,
    /// `try-for`: no server of the pool came up: 503.
    NeverUp,
    /// The same, and no server has room either, where answers are nginx's: 502.
    NoneLive,
    /// Each server has as many requests as `connections` allows, and no more wait: 503.
    QueueFull,
    /// The upstream itself answered with a status that `on-error … from=upstream` names.
    Status(StatusCode),
    /// The upstream leads to another location by `X-Accel-Redirect`: 500 where that cannot be done any more.
    Elsewhere,
    // Of the client, or by the rules.
    /// No location takes the request: 404.
    NoRoute,
    /// A location that is `internal=on`, and no search led there: 404.
    InternalLocation,
    /// Malformed, with what is wrong in words: 400.
    BadRequest(&'static str),
    /// A later version of HTTP than 1.1, in the form of the first: 505.
    Version,
    /// A transfer coding that is not known, so that nobody can say where the body ends: 501.
    Coding,
    /// Newer rules do not listen on the address that it came by, and it was no request yet when they came: 503.
    AddressGone,
    /// The connection was made for a server that asks for other client certificates: 421.
    Misdirected,
    /// HTTP in the clear where TLS is spoken: 400, or what an `on-error 497` says.
    PlainHttp,
    /// The client's certificate does not hold, with why: 400, or what an `on-error 495` says.
    ClientCertificate(&'static str),
    /// The client showed no certificate, and has to: 400, or what an `on-error 496` says.
    NoClientCertificate,
    /// `limits header-timeout`: 408.
    HeaderTimeout,
    /// `limits header-size`: 431.
    HeaderSize,
    /// `limits header-count`: 431.
    HeaderCount,
    /// `limits request-line`: 414.
    RequestLine,
    /// `listen … proxy-protocol=on`: whom the connection is for is not said, wrongly, or by a stranger. Not answered: 400.
    ProxyHeader(&'static str),
    /// `body-limit`: 413.
    BodyLimit,
    /// `deny`: 403.
    Address,
    /// `limit`: 429, or the status that it names.
    RateLimit(StatusCode),
    /// `concurrent`: 503, or the status that it names.
    Concurrency(StatusCode),
    /// `limit-store … on-failure=closed`, and the store is down: 503.
    Uncounted,
    /// `auth`: 401.
    Auth {
        /// What is wrong, in words.
        why: &'static str,
        /// `WWW-Authenticate`: what is asked for, one of them or the other.
        challenges: Vec<HeaderValue>,
    },
    /// `auth location`: it does not let the request in, or cannot tell; the status, and why.
    Decided(StatusCode, String),
    /// Whatever decides on credentials cannot be asked: 503.
    Undecided(String),
    /// `files`: there is no such file, or none that may be seen, with the reason: 404.
    NoFile(&'static str),
    /// `files`: the system does not let vordr read the file: 403.
    FileAccess,
    /// `files`: the file cannot be read, or became shorter while it was sent: 500.
    Unreadable(String),
    /// `files`: the folder has no index, and is not shown: 403.
    NoIndex,
    /// A method that `files` does not know: 405.
    Method,
    /// A method that is served nowhere: 405.
    Barred(&'static str),
    /// What `respond … failure=on` says.
    Responded(StatusCode),
    /// `timeouts client`: 408.
    ClientTimeout,
    /// `limits min-rate`, of a body: 408.
    SlowUpload,
    /// `limits min-rate`, of an answer: it is cut.
    SlowDownload,
    /// The client went away: 499 in the log, nothing on the wire.
    ClientGone,
    /// `websocket off`: 426.
    WebSocketOff,
    /// `limits connections`: 503.
    ConnectionLimit,
    /// `limits connections … per-client=`: 429.
    ClientConnections,
    /// An HTTP/2 connection with too much of what costs and brings nothing: it is ended.
    Flood(&'static str),
    /// An HTTP/2 connection whose answers are not read within `limits keepalive`: it is ended.
    Untaken,
    /// `websocket idle` ran out: the stream is closed.
    Idle,
    /// vordr stops, and `drain` is over: 503, or the stream is cut.
    Shutdown,
    /// A regex takes too long over what it looks at: 500.
    RegexTooLong,
    /// `search` and `enter` lead from one location to the next, without an end: 500.
    RewriteLoop,
    /// A fault of vordr's own: 500.
    Internal(String),
}

/// A status beside those of RFC 9110.
fn own_status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST)
}

/// What a client is told of a status by which rules know a failure: 494 to 497 are nginx's names for bad requests.
pub(super) fn shown(status: StatusCode) -> StatusCode {
    match status.as_u16() {
        494..=497 => StatusCode::BAD_REQUEST,
        _ => status,
    }
}

/// Who is at the other end of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The upstream.
    Upstream,
    /// The client, or what the rules ask of it.
    Client,
    /// vordr.
    Own,
}

impl Failure {
    /// Its stable name.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::NoUpstream(_) => "no_upstream",
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls(_) => "tls",
            Self::WriteTimeout => "write_timeout",
            Self::ReadTimeout => "read_timeout",
            Self::Reset => "reset",
            Self::EarlyClose => "early_close",
            Self::Protocol(_) => "protocol",
            Self::NoneUp | Self::NeverUp | Self::NoneLive => "none_up",
            Self::QueueFull => "queue_full",
            Self::Status(_) => "status",
            Self::Elsewhere => "elsewhere",
            Self::NoRoute => "no_route",
            Self::InternalLocation => "internal_location",
            Self::BadRequest(_) => "bad_request",
            Self::Version => "version",
            Self::Coding => "transfer_coding",
            Self::AddressGone => "address_gone",
            Self::Misdirected => "misdirected",
            Self::PlainHttp => "plain_http",
            Self::ClientCertificate(_) => "client_certificate",
            Self::NoClientCertificate => "no_client_certificate",
            Self::HeaderTimeout => "header_timeout",
            Self::HeaderSize => "header_size",
            Self::HeaderCount => "header_count",
            Self::RequestLine => "request_line",
            Self::ProxyHeader(_) => "proxy_protocol",
            Self::BodyLimit => "body_limit",
            Self::Address => "address",
            Self::RateLimit(_) => "rate_limit",
            Self::Concurrency(_) => "concurrency",
            Self::Uncounted => "limit_store",
            Self::Auth { .. } | Self::Decided(..) | Self::Undecided(_) => "auth",
            Self::NoFile(_) => "no_file",
            Self::FileAccess => "file_access",
            Self::Unreadable(_) => "file_unreadable",
            Self::NoIndex => "no_index",
            Self::Method | Self::Barred(_) => "method",
            Self::Responded(_) => "respond",
            Self::ClientTimeout => "client_timeout",
            Self::SlowUpload => "slow_upload",
            Self::SlowDownload => "slow_download",
            Self::ClientGone => "client_gone",
            Self::WebSocketOff => "websocket_off",
            Self::ConnectionLimit | Self::ClientConnections => "connection_limit",
            Self::Flood(_) => "flood",
            Self::Untaken => "untaken",
            Self::Idle => "idle",
            Self::Shutdown => "shutdown",
            Self::RegexTooLong => "regex_too_long",
            Self::RewriteLoop => "rewrite_loop",
            Self::Internal(_) => "internal",
        }
    }

    /// The status that its page has.
    pub fn shown_status(&self) -> StatusCode {
        shown(self.status())
    }

    /// The status by which `error_page` knows it: nginx has one of its own for a head that is too large.
    pub(super) fn status_to_nginx(&self) -> StatusCode {
        match self {
            Self::HeaderSize | Self::HeaderCount => own_status(494),
            _ => self.status(),
        }
    }

    /// The status by which rules know it, and that a client is answered, or that the log notes where nothing can be
    /// answered.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoUpstream(_)
            | Self::NoneLive
            | Self::Refused
            | Self::Tls(_)
            | Self::Reset
            | Self::EarlyClose
            | Self::Protocol(_) => StatusCode::BAD_GATEWAY,
            Self::Dns(_)
            | Self::NoneUp
            | Self::NeverUp
            | Self::QueueFull
            | Self::ConnectionLimit
            | Self::Uncounted
            | Self::Undecided(_)
            | Self::AddressGone
            | Self::Shutdown => StatusCode::SERVICE_UNAVAILABLE,
            Self::ConnectTimeout | Self::WriteTimeout | Self::ReadTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Status(status) | Self::Responded(status) => *status,
            Self::NoRoute | Self::InternalLocation | Self::NoFile(_) => StatusCode::NOT_FOUND,
            Self::Method | Self::Barred(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest(_) | Self::ProxyHeader(_) => StatusCode::BAD_REQUEST,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            // nginx's own, for what `error_page` shall tell from other bad requests.
            Self::ClientCertificate(_) => own_status(495),
            Self::NoClientCertificate => own_status(496),
            Self::PlainHttp => own_status(497),
            Self::HeaderTimeout
            | Self::ClientTimeout
            | Self::SlowUpload
            | Self::SlowDownload
            | Self::Untaken => StatusCode::REQUEST_TIMEOUT,
            Self::RateLimit(status) | Self::Concurrency(status) | Self::Decided(status, _) => *status,
            Self::ClientConnections | Self::Flood(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::HeaderSize | Self::HeaderCount => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RequestLine => StatusCode::URI_TOO_LONG,
            Self::BodyLimit => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Address | Self::FileAccess | Self::NoIndex => StatusCode::FORBIDDEN,
            Self::Auth { .. } => StatusCode::UNAUTHORIZED,
            // nginx's own, and by now everybody's, for a client that did not wait.
            Self::ClientGone => own_status(499),
            Self::WebSocketOff => StatusCode::UPGRADE_REQUIRED,
            Self::Elsewhere
            | Self::Idle
            | Self::Unreadable(_)
            | Self::RegexTooLong
            | Self::RewriteLoop
            | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Who is at the other end.
    pub fn party(&self) -> Party {
        match self {
            Self::Dns(_)
            | Self::NoUpstream(_)
            | Self::Refused
            | Self::ConnectTimeout
            | Self::Tls(_)
            | Self::WriteTimeout
            | Self::ReadTimeout
            | Self::Reset
            | Self::EarlyClose
            | Self::Protocol(_)
            | Self::NoneUp
            | Self::NeverUp
            | Self::NoneLive
            | Self::QueueFull
            | Self::Status(_)
            | Self::Elsewhere => Party::Upstream,
            Self::Idle
            | Self::AddressGone
            | Self::Shutdown
            | Self::Unreadable(_)
            | Self::RegexTooLong
            | Self::RewriteLoop
            | Self::Internal(_) => Party::Own,
            _ => Party::Client,
        }
    }

    /// Whether nothing further is to come by the same connection.
    pub fn ends_connection(&self) -> bool {
        self.is_of_tls() || matches!(self, Self::Barred(_) | Self::AddressGone)
    }

    fn is_of_tls(&self) -> bool {
        matches!(self, Self::PlainHttp | Self::ClientCertificate(_) | Self::NoClientCertificate)
    }

    /// Whether it happens all day long and nobody has to mend anything: a client goes away, a file is not there.
    pub fn is_everyday(&self) -> bool {
        matches!(self, Self::ClientGone | Self::NoFile(_))
    }

    /// Whether `on-error` may do something in its place: whoever has the answer did not give it.
    pub fn is_replaceable(&self) -> bool {
        let of_files = matches!(
            self,
            Self::NoFile(_) | Self::FileAccess | Self::NoIndex | Self::Unreadable(_) | Self::Method
        );
        of_files || self.is_of_tls() || matches!(self, Self::Responded(_)) || self.party() == Party::Upstream
    }

    /// The setting that ran out, as an operator writes it.
    pub fn timeout(&self) -> Option<&'static str> {
        match self {
            Self::ConnectTimeout => Some("timeouts connect"),
            Self::WriteTimeout => Some("timeouts send"),
            Self::ReadTimeout => Some("timeouts read"),
            Self::ClientTimeout => Some("timeouts client"),
            Self::HeaderTimeout => Some("limits header-timeout"),
            Self::SlowUpload | Self::SlowDownload => Some("limits min-rate"),
            Self::Untaken => Some("limits keepalive"),
            Self::Idle => Some("websocket idle"),
            Self::Shutdown => Some("drain"),
            Self::NeverUp => Some("try-for"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

//! What went wrong: its name in logs and metrics, the status it becomes, whether it may be tried again.

/// Why an exchange did not end as its client and upstream meant it to.
///
/// The names ([`Failure::reason`]) are those of `vordr_upstream_errors_total{reason}` and
/// `vordr_http_rejected_total{reason}`, and of the access log's `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    // Of the upstream.
    /// The upstream's name has not been resolved (yet): 503.
    Dns,
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
    // Of the client, or by the rules.
    /// No location takes the request: 404.
    NoRoute,
    /// Malformed, with what is wrong in words: 400.
    BadRequest(&'static str),
    /// `limits header-timeout`: 408.
    HeaderTimeout,
    /// `limits header-size`: 431.
    HeaderSize,
    /// `body-limit`: 413.
    BodyLimit,
    /// `timeouts client`: 408.
    ClientTimeout,
    /// The client went away: 499 in the log, nothing on the wire.
    ClientGone,
    /// `websocket off`: 426.
    WebSocketOff,
    /// `limits connections`: 503.
    ConnectionLimit,
    /// `websocket idle` ran out: the stream is closed.
    Idle,
    /// vordr is stopping: the stream is closed.
    Shutdown,
    /// A fault of vordr's own: 500.
    Internal(String),
}

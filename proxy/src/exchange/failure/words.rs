//! What went wrong, in words for whoever asked.

use super::Failure;
use http::StatusCode;

impl Failure {
    /// What happened, in words; `upstream` is the pool's name.
    pub fn detail(&self, upstream: Option<&str>) -> String {
        let upstream = upstream.map_or_else(|| "the upstream".to_owned(), |name| format!("upstream {name}"));
        match self {
            Self::Dns(reason) => format!("{upstream}: its name is not resolved: {reason}"),
            Self::NoUpstream(reason) => format!("{upstream}: it leads nowhere: {reason}"),
            Self::Refused => format!("{upstream}: connection refused"),
            Self::ConnectTimeout => format!("{upstream}: no connection within `timeouts connect`"),
            Self::Tls(reason) => format!("{upstream}: TLS failed: {reason}"),
            Self::WriteTimeout => format!("{upstream}: takes nothing more within `timeouts send`"),
            Self::ReadTimeout => format!("{upstream}: no answer within `timeouts read`"),
            Self::Reset => format!("{upstream}: the connection was reset"),
            Self::EarlyClose => format!("{upstream}: the connection was closed before the answer was whole"),
            Self::Protocol(reason) => format!("{upstream}: its answer cannot be read: {reason}"),
            Self::NoneUp | Self::NoneLive => format!("{upstream}: no server is up"),
            Self::NeverUp => format!("{upstream}: no server came up within `try-for`"),
            Self::QueueFull => {
                format!("{upstream}: each server has as many requests as `connections` allows")
            }
            Self::Status(status) => format!("{upstream}: answered {}", status.as_u16()),
            Self::Elsewhere => format!("{upstream}: leads to a location that cannot be gone to any more"),
            // Who asks is not told that there is something.
            Self::NoRoute | Self::InternalLocation => "no location takes this request".to_owned(),
            Self::BadRequest(reason) | Self::ProxyHeader(reason) => (*reason).to_owned(),
            Self::Version => "the HTTP version is neither 1.0 nor 1.1".to_owned(),
            Self::Coding => "Transfer-Encoding is not just `chunked`".to_owned(),
            Self::AddressGone => "newer rules do not listen on this address: ask again".to_owned(),
            Self::Misdirected => {
                "this connection was made for a server that asks for other client certificates".to_owned()
            }
            Self::PlainHttp => "this port speaks TLS: ask it with https://".to_owned(),
            Self::ClientCertificate(why) => format!("the client certificate is not accepted: {why}"),
            Self::NoClientCertificate => "a client certificate is needed, and none was shown".to_owned(),
            Self::HeaderTimeout => "the request head was not whole within `limits header-timeout`".to_owned(),
            Self::HeaderSize => "the request head is larger than `limits header-size`".to_owned(),
            Self::HeaderCount => "the request has more header fields than `limits header-count`".to_owned(),
            Self::RequestLine => "the request line is longer than `limits request-line`".to_owned(),
            Self::BodyLimit => "the request body is larger than `body-limit`".to_owned(),
            Self::Address => "this address is not allowed here".to_owned(),
            Self::RateLimit(_) => "more requests than `limit` allows".to_owned(),
            Self::Concurrency(_) => "more requests at once than `concurrent` allows".to_owned(),
            Self::Uncounted => "requests cannot be counted now".to_owned(),
            Self::Auth { why, .. } => (*why).to_owned(),
            Self::Decided(StatusCode::FORBIDDEN, _) => "whoever decides does not let it in".to_owned(),
            Self::Decided(..) | Self::Undecided(_) => "credentials cannot be checked now".to_owned(),
            Self::NoFile(_) => "there is no such file".to_owned(),
            Self::FileAccess => "this file may not be read".to_owned(),
            Self::Unreadable(_) => "the file cannot be read".to_owned(),
            Self::NoIndex => "this folder is not shown".to_owned(),
            Self::Responded(_) => "so the rules say".to_owned(),
            Self::Barred(method) => format!("{method} is served nowhere here"),
            Self::Method => "here are files, which GET and HEAD alone ask for".to_owned(),
            Self::ClientTimeout => "the client did not go on within `timeouts client`".to_owned(),
            Self::SlowUpload => "the request body came more slowly than `limits min-rate`".to_owned(),
            Self::SlowDownload => "the client took the answer more slowly than `limits min-rate`".to_owned(),
            Self::ClientGone => "the client went away before the answer was whole".to_owned(),
            Self::WebSocketOff => "WebSockets are off here".to_owned(),
            Self::ConnectionLimit => "more connections than `limits connections`".to_owned(),
            Self::ClientConnections => {
                "more connections from this address than `limits connections` allows `per-client`".to_owned()
            }
            Self::Flood(what) => format!("too many {what} on one HTTP/2 connection"),
            Self::Untaken => "the client did not read its answers within `limits keepalive`".to_owned(),
            Self::Idle => "the stream was silent for longer than `websocket idle`".to_owned(),
            Self::Shutdown => "vordr stops, and `drain` is over".to_owned(),
            Self::RegexTooLong => "a regex takes too long over this request".to_owned(),
            Self::RewriteLoop => "`search`, `enter` and `rewrite` lead in a circle".to_owned(),
            Self::Internal(reason) => format!("a fault of vordr's own: {reason}"),
        }
    }
}

//! The failures and what is told of them.

use super::*;

#[test]
fn each_failure_has_the_status_and_the_name_that_the_documentation_gives_it() {
    let text = || "x".to_owned();
    for (failure, status, reason, timeout) in [
        (Failure::Dns(text()), 503, "dns", None),
        (Failure::NoUpstream(text()), 502, "no_upstream", None),
        (Failure::Refused, 502, "refused", None),
        (Failure::ConnectTimeout, 504, "connect_timeout", Some("timeouts connect")),
        (Failure::Tls(text()), 502, "tls", None),
        (Failure::WriteTimeout, 504, "write_timeout", Some("timeouts send")),
        (Failure::ReadTimeout, 504, "read_timeout", Some("timeouts read")),
        (Failure::Reset, 502, "reset", None),
        (Failure::EarlyClose, 502, "early_close", None),
        (Failure::Protocol(text()), 502, "protocol", None),
        (Failure::NoneUp, 503, "none_up", None),
        (Failure::NeverUp, 503, "none_up", Some("try-for")),
        (Failure::QueueFull, 503, "queue_full", None),
        (Failure::NoRoute, 404, "no_route", None),
        (Failure::InternalLocation, 404, "internal_location", None),
        (Failure::RegexTooLong, 500, "regex_too_long", None),
        (Failure::RewriteLoop, 500, "rewrite_loop", None),
        (Failure::BadRequest("x"), 400, "bad_request", None),
        (Failure::Version, 505, "version", None),
        (Failure::Coding, 501, "transfer_coding", None),
        (Failure::AddressGone, 503, "address_gone", None),
        (Failure::Misdirected, 421, "misdirected", None),
        (Failure::HeaderTimeout, 408, "header_timeout", Some("limits header-timeout")),
        (Failure::HeaderSize, 431, "header_size", None),
        (Failure::HeaderCount, 431, "header_count", None),
        (Failure::RequestLine, 414, "request_line", None),
        (Failure::ProxyHeader("x"), 400, "proxy_protocol", None),
        (Failure::BodyLimit, 413, "body_limit", None),
        (Failure::Address, 403, "address", None),
        (Failure::RateLimit(StatusCode::TOO_MANY_REQUESTS), 429, "rate_limit", None),
        (Failure::Concurrency(StatusCode::SERVICE_UNAVAILABLE), 503, "concurrency", None),
        (Failure::Uncounted, 503, "limit_store", None),
        (Failure::Auth { why: "x", challenges: vec![HeaderValue::from_static("x")] }, 401, "auth", None),
        (Failure::Undecided(text()), 503, "auth", None),
        (Failure::NoFile("x"), 404, "no_file", None),
        (Failure::FileAccess, 403, "file_access", None),
        (Failure::Unreadable(text()), 500, "file_unreadable", None),
        (Failure::Method, 405, "method", None),
        (Failure::ClientTimeout, 408, "client_timeout", Some("timeouts client")),
        (Failure::SlowUpload, 408, "slow_upload", Some("limits min-rate")),
        (Failure::SlowDownload, 408, "slow_download", Some("limits min-rate")),
        (Failure::ClientGone, 499, "client_gone", None),
        (Failure::WebSocketOff, 426, "websocket_off", None),
        (Failure::ConnectionLimit, 503, "connection_limit", None),
        (Failure::ClientConnections, 429, "connection_limit", None),
        (Failure::Shutdown, 503, "shutdown", Some("drain")),
        (Failure::Flood("x"), 429, "flood", None),
        (Failure::Untaken, 408, "untaken", Some("limits keepalive")),
    ] {
        assert_eq!(
            (failure.status().as_u16(), failure.reason(), failure.timeout()),
            (status, reason, timeout)
        );
        // A setting that ran out is named to whoever asked, too.
        let detail = failure.detail(None);
        assert!(timeout.is_none_or(|timeout| detail.contains(timeout)), "{detail}");
    }
}

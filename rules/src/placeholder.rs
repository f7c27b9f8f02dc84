//! `{client_ip}` and its kin: what is filled into texts for each request.

mod certificate;
mod template;

pub use certificate::CertificatePart;
pub use template::{Part, Template, TemplateError};

use crate::diagnostic::nearest;
use http::HeaderName;
use std::fmt;

/// What can be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Placeholder {
    /// `{host}`: the request's host without its port, in small letters.
    Host,
    /// `{uri}`: path and query as they came.
    Uri,
    /// `{path}`: the path as it came.
    Path,
    /// `{query}`: without the `?`; empty where there is none.
    Query,
    /// `{?}`: a `?` where there is a query.
    QueryMark,
    /// `{rest}`: what of the path stands behind the location's prefix, decoded, without dot segments, escaped again.
    Rest,
    /// `{port}`: the port that was connected to.
    Port,
    /// `{forwarded_for}`: the request's `X-Forwarded-For` with the client's address at its end.
    ForwardedFor,
    /// `{method}`
    Method,
    /// `{scheme}`: `http` or `https`, as the client sees it.
    Scheme,
    /// `{client_ip}`: the believed one.
    ClientIp,
    /// `{client_network}`: the believed address, or of IPv6 the network of 64 bits that it is in.
    ClientNetwork,
    /// `{peer_ip}`: the address at the other end of the connection, whatever headers say; a PROXY header is believed,
    /// where the listener believes it.
    PeerIp,
    /// `{peer_port}`: the port at that end.
    PeerPort,
    /// `{introduced_ip}`: the client's address by the PROXY header that the connection began with, believed or not.
    IntroducedIp,
    /// `{introduced_port}`: the client's port by it.
    IntroducedPort,
    /// `{introduced_server_ip}`: the address that the client connected to, by it.
    IntroducedServerIp,
    /// `{introduced_server_port}`: the port of that.
    IntroducedServerPort,
    /// `{request_id}`
    RequestId,
    /// `{client_subject}`: whose verified certificate the client showed; empty where it showed none.
    ClientSubject,
    /// `{normal_path}`: the path as it is served: decoded, without dot segments; escaped again in a URL.
    NormalPath,
    /// `{server_name}`: the first host of the server.
    ServerName,
    /// `{protocol}`: `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    Protocol,
    /// `{https}`: `on` over TLS, else nothing.
    Https,
    /// `{server_ip}`: the address that was connected to.
    ServerIp,
    /// `{client_port}`: the port that the client's connection comes from; nothing where who tells its address tells none.
    ClientPort,
    /// `{user}`: who the credentials say it is.
    User,
    /// `{claimed_user}`: `{user}`, or where nobody checked them, who the credentials of `Basic` claim it is.
    ClaimedUser,
    /// `{request_line}`: method, target and protocol as they came.
    RequestLine,
    /// `{status}`: the status of the answer, once it is known.
    Status,
    /// `{bytes_out}`: the bytes of the answer's body so far.
    BytesOut,
    /// `{duration}`: seconds since the request began, as `0.012`.
    Duration,
    /// `{time}`: now, as `2026-11-21T10:00:00+00:00`.
    Time,
    /// `{time_local}`: now, as `21/Nov/2026:10:00:00 +0000`.
    TimeLocal,
    /// `{time_unix}`: now, in seconds since 1970, as `1795255200.123`.
    TimeUnix,
    /// `{upstream_address}`: the upstream's server that answered, or was to.
    UpstreamAddress,
    /// `{upstream_status}`: what the upstream answered.
    UpstreamStatus,
    /// `{upstream_duration}`: seconds since the upstream's server was chosen.
    UpstreamDuration,
    /// `{upstream_connect}`: seconds that the connection to it took.
    UpstreamConnect,
    /// `{upstream_first_byte}`: seconds until its answer's head came.
    UpstreamFirstByte,
    /// `{tls_version}`: `TLSv1.3`; nothing in the clear.
    TlsVersion,
    /// `{client_verify}`: `SUCCESS` where the client showed a certificate that holds, `FAILED:` and why where it does not,
    /// `NONE` where it showed none; nothing in the clear.
    ClientVerify,
    /// `{client_cert.PART}`: what the certificate that it showed says, whether or not it holds.
    ClientCert(CertificatePart),
    /// `{hostname}`: this machine's name.
    Hostname,
    /// `{pid}`: the number of vordr's process.
    Pid,
    /// `{upstream.header.NAME}`: a header of the upstream's answer, as it came.
    UpstreamHeader(HeaderName),
    /// `{auth.NAME}`: a header of the answer by which `auth forward` or `auth location` let the request in.
    Auth(HeaderName),
    /// `{header.NAME}`
    Header(HeaderName),
    /// `{cookie.NAME}`
    Cookie(String),
    /// `{arg.NAME}`: a parameter of the query, as it came.
    Argument(String),
    /// `{1}`: a capture of the location's regex, from 1.
    Capture(usize),
    /// `{var.NAME}`: what a `map` makes of the request.
    Variable(String),
    /// `{bytes_sent}`: the bytes of the answer so far, its head among them.
    BytesSent,
    /// `{bytes_received}`: the bytes of the request so far, its head among them.
    BytesReceived,
    /// `{connection}`: the number of the client's connection.
    Connection,
    /// `{connection_requests}`: how many requests have come on it, this one among them.
    ConnectionRequests,
    /// `{connection_duration}`: seconds since it was accepted.
    ConnectionDuration,
    /// `{pipelined}`: `p` where the request came before the answer to the one before it was over, else `.`.
    Pipelined,
    /// `{connections_active}`: how many clients' connections there are.
    ConnectionsActive,
    /// `{connections_reading}`: on how many of them a head is being read.
    ConnectionsReading,
    /// `{connections_writing}`: how many requests are under way.
    ConnectionsWriting,
    /// `{connections_waiting}`: how many connections wait for a request.
    ConnectionsWaiting,
    /// `{completion}`: `OK` where the whole answer was sent.
    Completion,
    /// `{tls_cipher}`: the cipher that is spoken with the client, by OpenSSL's name; nothing in the clear.
    TlsCipher,
    /// `{tls_name}`: the host that the client named in its handshake.
    TlsName,
    /// `{tls_group}`: the group by which keys were agreed upon; nothing in the clear.
    TlsGroup,
    /// `{tls_resumed}`: `r` where the client took up an earlier session, else `.`; nothing in the clear.
    TlsResumed,
    /// `{upstream_length}`: the bytes of the upstream's body that came.
    UpstreamLength,
    /// `{upstream_received}`: the bytes of the upstream's answer that came, its head among them.
    UpstreamReceived,
    /// `{upstream_sent}`: the bytes of the request that went to the upstream, its head among them.
    UpstreamSent,
    /// `{request_body}`: the body that went to the upstream, as far as it has; nothing of one beyond 16 KiB.
    RequestBody,
    /// `{request_body_file}`: the file that the body was put into; nothing where it was not.
    RequestBodyFile,
    /// `{limit_status}`: what `limit` made of the request: `PASSED`, `DELAYED`, `REJECTED`, or what it would have been
    /// under a dry one, `DELAYED_DRY_RUN` or `REJECTED_DRY_RUN`; nothing where there is none.
    LimitStatus,
    /// `{concurrent_status}`: what `concurrent` made of it, in the same words.
    ConcurrentStatus,
    /// `{packing_ratio}`: how many times smaller its packing has made the body.
    PackingRatio,
    /// `{upstream.cookie.NAME}`: a cookie that the upstream's answer sets.
    UpstreamCookie(String),
    /// `{response.header.NAME}`: a header of the answer, as it is sent.
    SentHeader(HeaderName),
    /// `{real_path.PATH}`: where a path of this machine leads, by way of whatever links; nothing where nothing is there.
    RealPath(String),
}

/// The names without an argument, in the order they are offered.
const PLAIN: &[(&str, Placeholder)] = &[
    ("host", Placeholder::Host),
    ("uri", Placeholder::Uri),
    ("path", Placeholder::Path),
    ("query", Placeholder::Query),
    ("?", Placeholder::QueryMark),
    ("rest", Placeholder::Rest),
    ("port", Placeholder::Port),
    ("forwarded_for", Placeholder::ForwardedFor),
    ("method", Placeholder::Method),
    ("scheme", Placeholder::Scheme),
    ("client_ip", Placeholder::ClientIp),
    ("client_network", Placeholder::ClientNetwork),
    ("peer_ip", Placeholder::PeerIp),
    ("peer_port", Placeholder::PeerPort),
    ("introduced_ip", Placeholder::IntroducedIp),
    ("introduced_port", Placeholder::IntroducedPort),
    ("introduced_server_ip", Placeholder::IntroducedServerIp),
    ("introduced_server_port", Placeholder::IntroducedServerPort),
    ("request_id", Placeholder::RequestId),
    ("client_subject", Placeholder::ClientSubject),
    ("normal_path", Placeholder::NormalPath),
    ("server_name", Placeholder::ServerName),
    ("protocol", Placeholder::Protocol),
    ("https", Placeholder::Https),
    ("server_ip", Placeholder::ServerIp),
    ("client_port", Placeholder::ClientPort),
    ("user", Placeholder::User),
    ("claimed_user", Placeholder::ClaimedUser),
    ("request_line", Placeholder::RequestLine),
    ("status", Placeholder::Status),
    ("bytes_out", Placeholder::BytesOut),
    ("duration", Placeholder::Duration),
    ("time", Placeholder::Time),
    ("time_local", Placeholder::TimeLocal),
    ("time_unix", Placeholder::TimeUnix),
    ("upstream_address", Placeholder::UpstreamAddress),
    ("upstream_status", Placeholder::UpstreamStatus),
    ("upstream_duration", Placeholder::UpstreamDuration),
    ("upstream_connect", Placeholder::UpstreamConnect),
    ("upstream_first_byte", Placeholder::UpstreamFirstByte),
    ("tls_version", Placeholder::TlsVersion),
    ("client_verify", Placeholder::ClientVerify),
    ("hostname", Placeholder::Hostname),
    ("pid", Placeholder::Pid),
    ("bytes_sent", Placeholder::BytesSent),
    ("bytes_received", Placeholder::BytesReceived),
    ("connection", Placeholder::Connection),
    ("connection_requests", Placeholder::ConnectionRequests),
    ("connection_duration", Placeholder::ConnectionDuration),
    ("pipelined", Placeholder::Pipelined),
    ("connections_active", Placeholder::ConnectionsActive),
    ("connections_reading", Placeholder::ConnectionsReading),
    ("connections_writing", Placeholder::ConnectionsWriting),
    ("connections_waiting", Placeholder::ConnectionsWaiting),
    ("completion", Placeholder::Completion),
    ("tls_cipher", Placeholder::TlsCipher),
    ("tls_name", Placeholder::TlsName),
    ("tls_group", Placeholder::TlsGroup),
    ("tls_resumed", Placeholder::TlsResumed),
    ("upstream_length", Placeholder::UpstreamLength),
    ("upstream_received", Placeholder::UpstreamReceived),
    ("upstream_sent", Placeholder::UpstreamSent),
    ("request_body", Placeholder::RequestBody),
    ("request_body_file", Placeholder::RequestBodyFile),
    ("limit_status", Placeholder::LimitStatus),
    ("concurrent_status", Placeholder::ConcurrentStatus),
    ("packing_ratio", Placeholder::PackingRatio),
];

impl Placeholder {
    fn named(name: &str) -> Result<Self, TemplateError> {
        if let Some((_, plain)) = PLAIN.iter().find(|(known, _)| *known == name) {
            return Ok(plain.clone());
        }
        let unknown = || TemplateError::Unknown { name: name.to_owned(), nearest: nearest(name, offered()) };
        match name.split_once('.') {
            Some(("header", header)) => header.parse().map(Self::Header).map_err(|_| unknown()),
            Some(("upstream", of)) => match of.split_once('.') {
                Some(("header", header)) => header.parse().map(Self::UpstreamHeader).map_err(|_| unknown()),
                Some(("cookie", name)) if !name.is_empty() => Ok(Self::UpstreamCookie(name.to_owned())),
                _ => Err(unknown()),
            },
            Some(("response", header)) => {
                let header = header.strip_prefix("header.").and_then(|header| header.parse().ok());
                header.map(Self::SentHeader).ok_or_else(unknown)
            }
            Some(("client_cert", part)) => {
                CertificatePart::named(part).map(Self::ClientCert).ok_or_else(unknown)
            }
            Some(("auth", header)) => header.parse().map(Self::Auth).map_err(|_| unknown()),
            Some(("cookie", cookie)) if !cookie.is_empty() => Ok(Self::Cookie(cookie.to_owned())),
            Some(("arg", argument)) if !argument.is_empty() => Ok(Self::Argument(argument.to_owned())),
            Some(("real_path", path)) if !path.is_empty() => Ok(Self::RealPath(path.to_owned())),
            Some(("var", variable)) if is_variable(variable) => Ok(Self::Variable(variable.to_owned())),
            _ => match name.parse() {
                Ok(number @ 1..=99) => Ok(Self::Capture(number)),
                _ => Err(unknown()),
            },
        }
    }
}

/// As it stands between the braces.
impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auth(name) => write!(f, "auth.{name}"),
            Self::Header(name) => write!(f, "header.{name}"),
            Self::UpstreamHeader(name) => write!(f, "upstream.header.{name}"),
            Self::UpstreamCookie(name) => write!(f, "upstream.cookie.{name}"),
            Self::SentHeader(name) => write!(f, "response.header.{name}"),
            Self::Cookie(name) => write!(f, "cookie.{name}"),
            Self::Argument(name) => write!(f, "arg.{name}"),
            Self::ClientCert(part) => write!(f, "client_cert.{}", part.name()),
            Self::Capture(number) => write!(f, "{number}"),
            Self::RealPath(path) => write!(f, "real_path.{path}"),
            Self::Variable(name) => write!(f, "var.{name}"),
            plain => f.write_str(PLAIN.iter().find(|(_, known)| known == plain).map_or("", |(name, _)| name)),
        }
    }
}

fn offered() -> impl Iterator<Item = &'static str> {
    PLAIN.iter().map(|(name, _)| *name).chain([
        "header.NAME",
        "cookie.NAME",
        "arg.NAME",
        "var.NAME",
        "auth.NAME",
        "upstream.header.NAME",
        "upstream.cookie.NAME",
        "response.header.NAME",
        "client_cert.PART",
        "real_path.PATH",
    ])
}

/// Whether a variable may have this name.
pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

//! A line of the error log in nginx's form, for the programs and people that know that one.

use super::record::{Record, Rejection};
use crate::exchange::{Exchange, Failure, Limited, Party};
use crate::gate::claimed_user;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::thread::gettid;
use std::fmt::Write;
use std::sync::LazyLock;
use vordr_rules::table::{Action, Level};

/// The machine's time zone, which nginx writes its times in.
static ZONE: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);

/// A request that failed, or an attempt of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed<'a> {
    pub exchange: &'a Exchange,
    pub request: &'a Parts,
    pub failure: &'a Failure,
    /// What a limit says of it, where one does.
    pub limited: Option<&'a Limited>,
}

impl<'a> Failed<'a> {
    /// What went wrong with an exchange, if nginx has a line for it.
    pub(super) fn of(record: &Record<'a>) -> Option<Self> {
        let failure = record.exchange.failure.as_ref()?;
        let is_limited = matches!(failure, Failure::RateLimit(_) | Failure::Concurrency(_));
        let limited = record.exchange.limited.as_deref().filter(|_| is_limited);
        Some(Self { exchange: record.exchange, request: record.request, failure, limited })
    }

    /// How grave it is; `None` where it is no matter of the error log: the access log tells of the status.
    pub(super) fn level(&self) -> Option<Level> {
        // A password that is wrong may be one of many that are tried.
        let is_tried = matches!(self.failure, Failure::Auth { .. }) && claimed_user(self.request).is_some();
        let level = if is_tried { Some(Level::Error) } else { level(self.failure) };
        self.limited.map(|limited| limited.level).or(level)
    }

    /// Whose request it was, and what it is about.
    pub(super) fn about(&self) -> [(&'static str, &str); 4] {
        let (server, route) = super::record::labels(self.exchange);
        [
            ("reason", self.failure.reason()),
            ("client", self.exchange.public.client.as_str()),
            ("server", server),
            ("route", route),
        ]
    }

    /// What went wrong, with what is at stake.
    fn what(&self) -> String {
        let Self { exchange, request, failure, limited } = self;
        let answered = exchange.reached.as_ref().is_some_and(|reached| reached.status.is_some());
        let length = request.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        match (limited, failure, length) {
            (Some(limited), ..) => limited.to_string(),
            (None, Failure::BodyLimit, Some(length)) => {
                format!("{}: {length} bytes", words(failure, answered))
            }
            (None, Failure::NoFile("there is none"), _) => {
                format!("open() \"{}\" failed (2: No such file or directory)", looked_for(exchange, request))
            }
            (None, Failure::RewriteLoop, _) => {
                let path = exchange.current_path(request);
                let path = String::from_utf8_lossy(&path);
                format!("rewrite or internal redirection cycle while processing \"{path}\"")
            }
            (None, Failure::NoIndex, _) => {
                format!("directory index of \"{}\" is forbidden", looked_for(exchange, request))
            }
            (None, Failure::Auth { challenges, .. }, _) if challenges.iter().any(asks_for_a_password) => {
                match claimed_user(request) {
                    Some(user) => format!("user \"{user}\": password mismatch"),
                    None => "no user/password was provided for basic authentication".to_owned(),
                }
            }
            _ => words(failure, answered),
        }
    }

    /// `2026/11/21 10:00:00 [error] 7#9: *3 connect() failed …, client: 192.0.2.1, server: a.test, request: "GET / HTTP/1.1", …`
    pub(super) fn line(&self, level: Level) -> String {
        let Self { exchange, request, .. } = self;
        let (mut line, what) = (head(level), self.what());
        let server = exchange.server().map_or("", |server| server.name());
        let version = if exchange.arrival.http2 { http::Version::HTTP_2 } else { request.version };
        let (number, client) = (exchange.arrival.connection, exchange.public.client.as_str());
        let _ = write!(line, "*{number} {}, client: {client}, server: {server}, request: \"", clean(&what));
        let queries = exchange.tells_queries();
        let without = |text: &str| clean(if queries { text } else { text.split('?').next().unwrap_or(text) });
        let _ = match exchange.refused_line() {
            Some(refused) => write!(line, "{}\"", without(&String::from_utf8_lossy(refused))),
            None if exchange.is_unread() => write!(line, "\""),
            None => {
                write!(
                    line,
                    "{} {} {}\"",
                    request.method,
                    without(&request.uri.to_string()),
                    protocol(version)
                )
            }
        };
        if let Some(reached) = &exchange.reached {
            let scheme = if reached.tls { "https" } else { "http" };
            let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
            let _ = write!(line, ", upstream: \"{scheme}://{}{}\"", reached.endpoint.peer, without(path));
        }
        let header = |name: http::HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
        for (name, value) in
            [("host", header(http::header::HOST)), ("referrer", header(http::header::REFERER))]
        {
            if let Some(value) = value {
                let _ = write!(line, ", {name}: \"{}\"", without(value));
            }
        }
        line + "\n"
    }
}

/// A request that never reached a server; `server` is the name of the one that takes every other host, and `queries`
/// whether that one's logs tell them.
pub(super) fn rejected(level: Level, rejection: &Rejection, server: &str, queries: bool) -> String {
    let (what, number, client) = (words(&rejection.failure, false), rejection.connection, rejection.client());
    let mut line = format!("{}*{number} {}, client: {client}, server: {server}", head(level), clean(&what));
    if let Some(first) = rejection.line.as_ref().filter(|line| queries || !line.contains(&b'?')) {
        let _ = write!(line, ", request: \"{}\"", clean(&String::from_utf8_lossy(first)));
    }
    line + "\n"
}

/// Something that vordr itself has to say.
pub(super) fn event(level: Level, message: &str, fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!(", {name}: {}", clean(value)));
    format!("{}{}{}\n", head(level), clean(message), fields.collect::<String>())
}

fn head(level: Level) -> String {
    let time = Timestamp::now().to_zoned(ZONE.clone()).strftime("%Y/%m/%d %H:%M:%S").to_string();
    format!("{time} [{}] {}#{}: ", level.name(), std::process::id(), gettid().as_raw_nonzero())
}

/// nginx's levels: what a client does, or does not wait for, is no error.
pub(super) fn level(failure: &Failure) -> Option<Level> {
    match failure {
        // A status like others: of an upstream, or of nobody.
        Failure::Status(_)
        | Failure::Elsewhere
        | Failure::NoRoute
        | Failure::WebSocketOff
        | Failure::AddressGone
        | Failure::Misdirected => None,
        Failure::Address
        | Failure::RateLimit(_)
        | Failure::Concurrency(_)
        | Failure::Decided(..)
        | Failure::ClientConnections
        | Failure::BodyLimit
        | Failure::NoFile(_)
        | Failure::NoIndex
        | Failure::FileAccess
        | Failure::Uncounted
        | Failure::Undecided(_) => Some(Level::Error),
        Failure::Unreadable(_) | Failure::Internal(_) => Some(Level::Crit),
        failure if failure.party() == Party::Client => Some(Level::Info),
        _ => Some(Level::Error),
    }
}

fn asks_for_a_password(challenge: &http::HeaderValue) -> bool {
    challenge.as_bytes().starts_with(b"Basic ")
}

/// The file, as far as it is told from others by the rules and the path; else the path. Where an `on-error` led elsewhere
/// since, the path that came.
fn looked_for(exchange: &Exchange, request: &Parts) -> String {
    if exchange.is_instead() {
        return request.uri.path().to_owned();
    }
    let path = exchange.current_path(request);
    let path = String::from_utf8_lossy(&path);
    match exchange.action() {
        Some(Action::Files(files)) if files.within.is_none() && files.path.is_none() => {
            let prefix = files.strip_prefix.as_deref().unwrap_or_default();
            let rest = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')).unwrap_or(&path);
            format!("{}{rest}", files.root.trim_end_matches('/'))
        }
        _ => path.into_owned(),
    }
}

/// What went wrong as nginx says it, where nginx knows it; `answered`: the upstream's answer had begun.
fn words(failure: &Failure, answered: bool) -> String {
    let reading =
        if answered { "while reading upstream" } else { "while reading response header from upstream" };
    match failure {
        Failure::Dns(reason) => format!("the upstream's name could not be resolved ({reason})"),
        Failure::Refused => {
            "connect() failed (111: Connection refused) while connecting to upstream".to_owned()
        }
        Failure::ConnectTimeout => {
            "upstream timed out (110: Connection timed out) while connecting to upstream".to_owned()
        }
        Failure::Tls(reason) => {
            format!("SSL_do_handshake() failed ({reason}) while SSL handshaking to upstream")
        }
        Failure::WriteTimeout => {
            "upstream timed out (110: Connection timed out) while sending request to upstream".to_owned()
        }
        Failure::ReadTimeout => format!("upstream timed out (110: Connection timed out) {reading}"),
        Failure::Idle => {
            "upstream timed out (110: Connection timed out) while proxying upgraded connection".to_owned()
        }
        Failure::Reset => format!("recv() failed (104: Connection reset by peer) {reading}"),
        Failure::EarlyClose => format!("upstream prematurely closed connection {reading}"),
        Failure::Protocol(reason) => format!("upstream sent invalid header ({reason}) {reading}"),
        Failure::NoneUp | Failure::NeverUp | Failure::NoneLive => {
            "no live upstreams while connecting to upstream".to_owned()
        }
        Failure::BadRequest(reason) => format!("client sent invalid request ({reason})"),
        Failure::HeaderSize => {
            "client sent too long header line while reading client request headers".to_owned()
        }
        Failure::RequestLine => "client sent too long URI while reading client request line".to_owned(),
        Failure::HeaderTimeout => {
            "client timed out (110: Connection timed out) while reading client request headers".to_owned()
        }
        Failure::ClientTimeout => "client timed out (110: Connection timed out)".to_owned(),
        Failure::ClientGone => "client prematurely closed connection".to_owned(),
        Failure::BodyLimit => "client intended to send too large body".to_owned(),
        Failure::Address => "access forbidden by rule".to_owned(),
        Failure::RateLimit(_) => "limiting requests".to_owned(),
        Failure::Concurrency(_) | Failure::ClientConnections => "limiting connections".to_owned(),
        Failure::NoFile(reason) => format!("open() failed ({reason})"),
        Failure::FileAccess => "open() failed (13: Permission denied)".to_owned(),
        Failure::Undecided(reason) | Failure::Decided(_, reason) | Failure::Unreadable(reason) => {
            format!("{}: {reason}", failure.detail(None))
        }
        other => other.detail(None),
    }
}

fn protocol(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_2 => "HTTP/2.0",
        http::Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// What a client or an upstream says must not end the line.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => drop(write!(cleaned, "\\x{:02X}", u32::from(letter))),
            false => cleaned.push(letter),
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Without the time, the process and the thread.
    fn rest(line: &str) -> &str {
        let (time, rest) = line.split_at(20);
        let digits = time.bytes().filter(u8::is_ascii_digit).count();
        assert_eq!((digits, time.as_bytes()[4], time.as_bytes()[10]), (14, b'/', b' '), "{line}");
        rest
    }

    #[test]
    fn a_line_begins_as_nginxs_does() {
        let line = event(Level::Notice, "listening", &[("address", "127.0.0.1:80")]);
        let (level, rest) = rest(&line).split_once(' ').unwrap();
        let (process, rest) = rest.split_once(": ").unwrap();
        let (pid, thread) = process.split_once('#').unwrap();
        assert_eq!(level, "[notice]");
        assert_eq!(pid, std::process::id().to_string());
        assert!(thread.parse::<u32>().is_ok(), "{line}");
        assert_eq!(rest, "listening, address: 127.0.0.1:80\n");
    }

    #[test]
    fn nobody_ends_a_line_from_outside() {
        let line = event(Level::Error, "a\nb\u{1b}[2J", &[("reason", "c\r\nd")]);
        assert!(line.ends_with("a\\x0Ab\\x1B[2J, reason: c\\x0D\\x0Ad\n"), "{line}");
    }

    #[test]
    fn what_a_client_does_is_no_error_and_a_status_no_line() {
        assert_eq!(level(&Failure::ClientGone), Some(Level::Info));
        assert_eq!(level(&Failure::Refused), Some(Level::Error));
        assert_eq!(level(&Failure::Address), Some(Level::Error));
        assert_eq!(level(&Failure::NoRoute), None);
        assert_eq!(level(&Failure::Status(http::StatusCode::BAD_GATEWAY)), None);
    }
}

//! Placeholders about the connection, the answer and the time, as text.

use super::client_cert;
use super::context::Exchange;
use super::fill::{all_lines, path_and_query};
use crate::files::real_path;
use crate::gate::claimed_user;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use ipnet::{IpNet, Ipv6Net};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vordr_rules::placeholder::Placeholder;
use vordr_rules::table::Server;

/// This machine's name, which does not change while vordr runs.
pub(crate) static HOSTNAME: LazyLock<String> = LazyLock::new(|| {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim_end().to_ascii_lowercase()
});

thread_local! {
    /// The texts of the present second, as many lines are written in one.
    static SECOND: RefCell<(Option<i64>, [String; 2])> = RefCell::default();
}

impl Exchange {
    /// What such a placeholder is; nothing where it is not known, or not yet.
    pub(super) fn told(&self, placeholder: &Placeholder, request: &Parts) -> Vec<u8> {
        match placeholder {
            Placeholder::ServerName => self.server().map(Server::name).unwrap_or_default().into(),
            Placeholder::Protocol => self.protocol(request).into(),
            Placeholder::Https if self.public.scheme == "https" => "on".into(),
            Placeholder::ServerIp => {
                self.arrival.ends.map_or_else(Vec::new, |(_, own)| text(own.ip().to_canonical()))
            }
            Placeholder::ClientPort => self.public.client_port.map_or_else(Vec::new, text),
            Placeholder::User => self.learnt.user.clone().unwrap_or_default().into(),
            Placeholder::ClaimedUser => {
                self.learnt.user.clone().or_else(|| claimed_user(request)).unwrap_or_default().into()
            }
            Placeholder::RequestLine if self.refused_line().is_some() => {
                self.refused_line().unwrap_or_default().to_vec()
            }
            Placeholder::RequestLine => {
                let target = path_and_query(request);
                text(format_args!("{} {target} {}", request.method, self.protocol(request)))
            }
            Placeholder::Status => self.status.map_or_else(Vec::new, |status| text(status.as_u16())),
            Placeholder::BytesOut => text(self.bytes_out),
            Placeholder::Duration => seconds(self.arrival.started.elapsed()),
            Placeholder::TlsVersion => {
                self.arrival.tls.as_ref().map(|tls| tls.version).unwrap_or_default().into()
            }
            Placeholder::RequestBody => self.kept_body.clone().unwrap_or_default(),
            Placeholder::RequestBodyFile => {
                let file = self.body_file.as_ref().map(|file| file.path().as_os_str().as_bytes());
                file.unwrap_or_default().to_vec()
            }
            Placeholder::Hostname => HOSTNAME.as_bytes().to_vec(),
            Placeholder::Pid => text(std::process::id()),
            Placeholder::RealPath(path) => real_path(path),
            Placeholder::UpstreamHeader(name) => all_lines(&self.upstream_headers, name).into_owned(),
            _ => self
                .told_of_connection(placeholder)
                .or_else(|| time(placeholder))
                .or_else(|| self.told_of_upstream(placeholder))
                .unwrap_or_default(),
        }
    }

    fn told_of_connection(&self, placeholder: &Placeholder) -> Option<Vec<u8>> {
        let arrival = &self.arrival;
        let tls = arrival.tls.as_ref();
        // As in nginx, there is no port 0.
        let port = |end: SocketAddr| Some(end.port()).filter(|port| *port > 0).map(text);
        match placeholder {
            Placeholder::PeerPort => arrival.ends.and_then(|(peer, _)| port(peer)),
            Placeholder::IntroducedIp => arrival.introduced.map(|(client, _)| text(client.ip())),
            Placeholder::IntroducedPort => arrival.introduced.and_then(|(client, _)| port(client)),
            Placeholder::IntroducedServerIp => arrival.introduced.map(|(_, to)| text(to.ip())),
            Placeholder::IntroducedServerPort => arrival.introduced.and_then(|(_, to)| port(to)),
            Placeholder::ClientNetwork => Some(self.client_network()),
            Placeholder::BytesSent => Some(text(self.sent.bytes)),
            Placeholder::BytesReceived => Some(text(arrival.head.saturating_add(self.bytes_in))),
            Placeholder::Connection => Some(text(arrival.connection)),
            Placeholder::ConnectionRequests => Some(text(arrival.requests)),
            Placeholder::ConnectionDuration => Some(seconds(arrival.opened.elapsed())),
            Placeholder::ConnectionsActive => self.connections.map(|counts| text(counts.active)),
            Placeholder::ConnectionsReading => self.connections.map(|counts| text(counts.reading)),
            Placeholder::ConnectionsWriting => self.connections.map(|counts| text(counts.writing)),
            Placeholder::ConnectionsWaiting => self.connections.map(|counts| text(counts.waiting)),
            Placeholder::Pipelined => Some(if arrival.pipelined { "p" } else { "." }.into()),
            Placeholder::Completion => self.sent.whole.then(|| "OK".into()),
            Placeholder::TlsCipher => tls.map(|tls| tls.cipher.into()),
            Placeholder::TlsGroup => tls.map(|tls| tls.group.into()),
            Placeholder::ClientVerify => tls.map(|tls| tls.verdict.text().into_bytes()),
            Placeholder::ClientCert(part) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                let now = i64::try_from(now).unwrap_or(i64::MAX);
                client_cert::told(tls?.shown.as_ref()?, *part, now).map(String::into_bytes)
            }
            Placeholder::TlsName => tls.map(|tls| tls.name.clone().into()),
            Placeholder::TlsResumed => tls.map(|tls| if tls.resumed { "r" } else { "." }.into()),
            Placeholder::LimitStatus => self.rate_verdict.map(|verdict| verdict.name().into()),
            Placeholder::ConcurrentStatus => self.concurrent_verdict.map(|verdict| verdict.name().into()),
            Placeholder::PackingRatio => self.packing.and_then(|_| self.packing_ratio()),
            _ => None,
        }
    }

    /// Of an IPv6 address the 64 bits that its owner cannot choose.
    fn client_network(&self) -> Vec<u8> {
        match self.public.client.address {
            IpAddr::V4(_) => self.public.client.text.as_bytes().to_vec(),
            IpAddr::V6(address) => text(IpNet::from(Ipv6Net::new_assert(address, 64)).trunc()),
        }
    }

    /// To two digits behind the point.
    fn packing_ratio(&self) -> Option<Vec<u8>> {
        let hundredths = self.bytes_unpacked.saturating_mul(100).checked_div(self.bytes_out)?;
        Some(text(format_args!("{}.{:02}", hundredths / 100, hundredths % 100)))
    }

    /// As the request says it, and HTTP/2 where it came by that.
    fn protocol(&self, request: &Parts) -> &'static str {
        match request.version {
            _ if self.arrival.http2 => "HTTP/2.0",
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        }
    }

    /// Remembers what of an upstream's answer the rules ask for later on.
    pub(super) fn remember(&mut self, headers: &HeaderMap) {
        self.forget_answer();
        for name in &self.table.upstream_headers {
            for value in headers.get_all(name) {
                self.upstream_headers.append(name.clone(), HeaderValue::clone(value));
            }
        }
    }

    /// An answer is not the one that the client gets. What asks for credentials is passed on all the same where another
    /// answer takes its place, as nginx does it.
    pub(crate) fn give_up(&mut self, status: StatusCode, headers: &HeaderMap, is_tried_again: bool) {
        self.remember(headers);
        if status == StatusCode::UNAUTHORIZED && !is_tried_again {
            self.challenges = headers.get_all(WWW_AUTHENTICATE).iter().cloned().collect();
        }
    }

    /// Another server is asked: what was remembered is of an answer that nobody is given.
    pub(crate) fn forget_answer(&mut self) {
        self.upstream_headers.clear();
    }
}

fn time(placeholder: &Placeholder) -> Option<Vec<u8>> {
    let form = match placeholder {
        Placeholder::Time => 0,
        Placeholder::TimeLocal => 1,
        Placeholder::TimeUnix => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            return Some(seconds(since));
        }
        _ => return None,
    };
    let now = jiff::Timestamp::now();
    SECOND.with_borrow_mut(|(second, texts)| {
        if *second != Some(now.as_second()) {
            let forms = ["%Y-%m-%dT%H:%M:%S+00:00", "%d/%b/%Y:%H:%M:%S +0000"];
            (*second, *texts) = (Some(now.as_second()), forms.map(|form| now.strftime(form).to_string()));
        }
        texts.get(form).map(|text| text.clone().into_bytes())
    })
}

/// Seconds to the millisecond.
pub(super) fn seconds(duration: Duration) -> Vec<u8> {
    text(format_args!("{}.{:03}", duration.as_secs(), duration.subsec_millis()))
}

pub(super) fn text(value: impl std::fmt::Display) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::scene::{Scene, values};

    #[test]
    fn what_is_not_known_yet_is_nothing() {
        let words = r#"request { set X-V "<{status}{upstream_address}{upstream.header.x-a}{https}>"; }
            response { set X-V "{status} {upstream_address} {upstream.header.x-a} {server_name} {protocol}"; remove X-A; }
            proxy "http://app.example:81""#;
        let mut scene = Scene::of(words, "GET /");
        assert_eq!(values(&scene.forwarded(), "x-v"), ["<>"]);
        let headers = Scene::of(words, "GET /").delivered(&[("x-a", "b")]);
        assert_eq!(values(&headers, "x-v"), ["200 app.example:81 b a.test HTTP/1.1"]);
    }

    #[test]
    fn a_header_that_is_taken_away_is_remembered_where_it_is_asked_for() {
        let words =
            r#"response { remove X-A; set X-V "{upstream.header.x-a}"; }; proxy "http://app.example""#;
        let headers = Scene::of(words, "GET /").delivered(&[("x-a", "b"), ("x-c", "d")]);
        assert_eq!((values(&headers, "x-v"), values(&headers, "x-a")), (vec!["b"], vec![]));
        let mut scene = Scene::of(words, "GET /");
        scene.delivered(&[("x-c", "d")]);
        assert!(scene.exchange.upstream_headers.is_empty());
    }

    #[test]
    fn a_body_is_filled_in_as_it_is() {
        let words = r#"respond 200 template="{normal_path}|{path}|{request_line}|{header.x-a}|{{}}""#;
        let answer = Scene::of(words, "GET /a%20b/../c%22?d=e\nX-A: <f>").answer();
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        assert_eq!(body, "/c\"|/c\"|GET /a%20b/../c%22?d=e HTTP/1.1|<f>|{}");
        assert_eq!(values(&answer.headers, "content-length"), [body.len().to_string()]);
    }

    #[test]
    fn a_decoded_path_is_escaped_again_in_a_url() {
        let mut scene =
            Scene::of(r#"redirect "https://b.test{normal_path}" query=off"#, "GET /a%20b/./c%3Fd");
        assert_eq!(values(&scene.answer().headers, "location"), ["https://b.test/a%20b/c%3Fd"]);
    }
}

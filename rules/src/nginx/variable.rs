//! nginx's variables: text with `$name` in it becomes text with placeholders.

use super::Nginx;
use super::steps::ARGS;
use super::tree::Directive;
use crate::diagnostic::{Diagnostic, nearest};
use crate::placeholder::{CertificatePart, Part, Placeholder, Template};
use crate::source::Spanned;
use http::HeaderName;
use std::collections::HashMap;

/// The variables that have a value of their own at a place: what `set` made, the server's name, a port.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    known: HashMap<String, Template>,
}

impl Variables {
    /// Gives a variable, without its `$`, a value.
    pub(super) fn set(&mut self, name: &str, value: Template) {
        self.known.insert(name.to_owned(), value);
    }

    /// A variable's value, where that has no placeholders.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.known.get(name)?.as_text()
    }

    /// Whether it has a value here.
    pub(super) fn is_known(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Leaves a variable's value to each request.
    pub(super) fn set_by_request(&mut self, name: &str) {
        let placeholder = Part::Placeholder(Placeholder::Variable(name.to_owned()));
        self.set(name, Template { parts: vec![placeholder] });
    }

    /// Gives a variable a value without placeholders.
    pub(super) fn set_text(&mut self, name: &str, value: &str) {
        self.set(name, literal(value));
    }
}

/// What is `set` somewhere in these blocks.
pub(super) fn set_in(directives: &[Directive]) -> Variables {
    let mut variables = Variables::default();
    let mut waiting: Vec<&Directive> = directives.iter().collect();
    while let Some(directive) = waiting.pop() {
        waiting.extend(directive.inside());
        if let ("set", Some(name)) = (directive.name.value.as_str(), directive.first().strip_prefix('$'))
            && name != ARGS
        {
            variables.set_by_request(name);
        }
    }
    variables
}

/// Text as it stands.
pub(super) fn literal(text: &str) -> Template {
    let parts = if text.is_empty() { Vec::new() } else { vec![Part::Text(text.to_owned())] };
    Template { parts }
}

/// The nginx that vordr stands for, by its version.
pub const NGINX: &str = "1.28.0";

/// The variables that are a placeholder's other name.
#[rustfmt::skip]
const PLAIN: &[(&str, Placeholder)] = &[
    ("host", Placeholder::Host),
    ("request_uri", Placeholder::Uri),
    ("uri", Placeholder::NormalPath),
    ("document_uri", Placeholder::NormalPath),
    ("args", Placeholder::Query),
    ("query_string", Placeholder::Query),
    ("is_args", Placeholder::QueryMark),
    ("request_method", Placeholder::Method),
    ("scheme", Placeholder::Scheme),
    ("remote_addr", Placeholder::ClientIp),
    ("realip_remote_addr", Placeholder::PeerIp),
    ("realip_remote_port", Placeholder::PeerPort),
    ("proxy_protocol_addr", Placeholder::IntroducedIp),
    ("proxy_protocol_port", Placeholder::IntroducedPort),
    ("proxy_protocol_server_addr", Placeholder::IntroducedServerIp),
    ("proxy_protocol_server_port", Placeholder::IntroducedServerPort),
    ("binary_remote_addr", Placeholder::ClientIp),
    ("proxy_add_x_forwarded_for", Placeholder::ForwardedFor),
    ("request_id", Placeholder::RequestId),
    ("ssl_client_s_dn", Placeholder::ClientCert(CertificatePart::Subject)),
    ("ssl_client_i_dn", Placeholder::ClientCert(CertificatePart::Issuer)),
    ("ssl_client_serial", Placeholder::ClientCert(CertificatePart::Serial)),
    ("ssl_client_fingerprint", Placeholder::ClientCert(CertificatePart::Fingerprint)),
    ("ssl_client_cert", Placeholder::ClientCert(CertificatePart::PemLines)),
    ("ssl_client_raw_cert", Placeholder::ClientCert(CertificatePart::Pem)),
    ("ssl_client_escaped_cert", Placeholder::ClientCert(CertificatePart::PemEscaped)),
    ("ssl_client_v_start", Placeholder::ClientCert(CertificatePart::From)),
    ("ssl_client_v_end", Placeholder::ClientCert(CertificatePart::Until)),
    ("ssl_client_v_remain", Placeholder::ClientCert(CertificatePart::DaysLeft)),
    ("ssl_curve", Placeholder::TlsGroup),
    ("server_port", Placeholder::Port),
    ("http_host", Placeholder::Header(http::header::HOST)),
    ("server_name", Placeholder::ServerName),
    ("server_protocol", Placeholder::Protocol),
    ("https", Placeholder::Https),
    ("server_addr", Placeholder::ServerIp),
    ("remote_port", Placeholder::ClientPort),
    ("remote_user", Placeholder::ClaimedUser),
    ("request", Placeholder::RequestLine),
    ("status", Placeholder::Status),
    ("body_bytes_sent", Placeholder::BytesOut),
    ("request_time", Placeholder::Duration),
    ("time_iso8601", Placeholder::Time),
    ("time_local", Placeholder::TimeLocal),
    ("msec", Placeholder::TimeUnix),
    ("upstream_addr", Placeholder::UpstreamAddress),
    ("upstream_status", Placeholder::UpstreamStatus),
    ("upstream_response_time", Placeholder::UpstreamDuration),
    ("upstream_connect_time", Placeholder::UpstreamConnect),
    ("upstream_header_time", Placeholder::UpstreamFirstByte),
    ("ssl_protocol", Placeholder::TlsVersion),
    ("ssl_client_verify", Placeholder::ClientVerify),
    ("hostname", Placeholder::Hostname),
    ("pid", Placeholder::Pid),
    ("bytes_sent", Placeholder::BytesSent),
    ("request_length", Placeholder::BytesReceived),
    ("connection", Placeholder::Connection),
    ("connection_requests", Placeholder::ConnectionRequests),
    ("connection_time", Placeholder::ConnectionDuration),
    ("pipe", Placeholder::Pipelined),
    ("connections_active", Placeholder::ConnectionsActive),
    ("connections_reading", Placeholder::ConnectionsReading),
    ("connections_writing", Placeholder::ConnectionsWriting),
    ("connections_waiting", Placeholder::ConnectionsWaiting),
    ("request_completion", Placeholder::Completion),
    ("ssl_cipher", Placeholder::TlsCipher),
    ("ssl_server_name", Placeholder::TlsName),
    ("ssl_session_reused", Placeholder::TlsResumed),
    ("upstream_response_length", Placeholder::UpstreamLength),
    ("upstream_bytes_received", Placeholder::UpstreamReceived),
    ("upstream_bytes_sent", Placeholder::UpstreamSent),
    ("request_body", Placeholder::RequestBody),
    ("request_body_file", Placeholder::RequestBodyFile),
    ("limit_req_status", Placeholder::LimitStatus),
    ("limit_conn_status", Placeholder::ConcurrentStatus),
    ("gzip_ratio", Placeholder::PackingRatio),
];

/// The variables that are a request header.
const HEADERS: [(&str, &str); 2] = [("content_type", "content-type"), ("content_length", "content-length")];

/// The variables of a family, by how their names begin.
const FAMILIES: [&str; 3] = ["http_", "cookie_", "arg_"];

/// What stands in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    /// Without its `$` and braces.
    Variable(&'t str),
    /// A `$` that names nothing.
    Nameless,
}

/// Takes a text apart, as `ngx_http_script_compile` does.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, behind) = match after.strip_prefix('{') {
            Some(inside) => {
                inside.split_once('}').filter(|(name, _)| name.chars().all(is_name)).unwrap_or(("", ""))
            }
            None if after.starts_with(|c: char| ('1'..='9').contains(&c)) => after.split_at(1),
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        pieces.push(if name.is_empty() { Piece::Nameless } else { Piece::Variable(name) });
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// nginx's variables in a text that is not nginx's, and what stands for each of them.
pub(crate) fn variables_in(text: &str) -> impl Iterator<Item = (&str, Placeholder)> {
    let names = pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Variable(name) => Some(name),
        Piece::Text(_) | Piece::Nameless => None,
    });
    names.filter_map(|name| Some((name, placeholder(name)?)))
}

impl Nginx<'_, '_> {
    /// A text with its variables; what cannot be had is reported.
    pub(super) fn template(&mut self, text: &Spanned<String>, variables: &Variables) -> Option<Template> {
        let mut parts: Vec<Part> = Vec::new();
        let mut fine = true;
        for piece in pieces(&text.value) {
            match piece {
                Piece::Text(text) => push(&mut parts, Part::Text(text.to_owned())),
                Piece::Nameless => {
                    self.fault(text.span, "invalid variable name");
                    fine = false;
                }
                Piece::Variable(name) => match self.variable(name, text, variables) {
                    Some(value) => value.parts.into_iter().for_each(|part| push(&mut parts, part)),
                    None => fine = false,
                },
            }
        }
        fine.then_some(Template { parts })
    }

    /// Text that is known at load, such as an upstream's address; `None` where it is not, and that has been reported.
    pub(super) fn constant(
        &mut self,
        text: &Spanned<String>,
        variables: &Variables,
    ) -> Option<Spanned<String>> {
        let template = self.template(text, variables)?;
        match template.as_text() {
            Some(value) => Some(Spanned::new(value.to_owned(), text.span)),
            None => {
                let message = format!("\"{}\" is not known before there is a request", text.value);
                self.refuse(text.span, message, "write it out");
                None
            }
        }
    }

    fn variable(&mut self, name: &str, text: &Spanned<String>, variables: &Variables) -> Option<Template> {
        if let Some(known) = variables.known.get(name) {
            return Some(known.clone());
        }
        // No answer comes from a cache, no request before its handshake is done, and where nothing says which referers are
        // valid, all are.
        if matches!(name, "upstream_cache_status" | "ssl_early_data" | "invalid_referer") {
            return Some(literal(""));
        }
        if name == "nginx_version" {
            return Some(literal(NGINX));
        }
        if let Some(placeholder) = placeholder(name) {
            let template = Template { parts: vec![Part::Placeholder(placeholder)] };
            let asked = template.upstream_headers().map(|name| name.as_str().to_owned());
            self.reading.upstream_headers.extend(asked);
            self.reading.keeps_bodies |= template.asks_for_body();
            self.reading.weighs_heads |= template.weighs_heads();
            self.reading.counts_connections |= template.counts_connections();
            return Some(template);
        }
        if let Some(made) = self.made_by_map(name) {
            return Some(made);
        }
        if let Some(made) = self.made_by_auth(name, text.span) {
            return Some(made);
        }
        if self.set_by_requests.is_known(name) {
            // Another server makes it, and here it is nothing.
            return Some(literal(""));
        }
        if name == "realpath_root" {
            let remedy = "it is known in a location whose root has no variables";
            self.refuse(text.span, "\"$realpath_root\" is not known here", remedy);
            return None;
        }
        if NOT_HAD.iter().any(|known| {
            name == *known || known.strip_suffix('*').is_some_and(|start| name.starts_with(start))
        }) {
            self.refuse(text.span, format!("vordr does not know \"${name}\""), "leave it out");
            return None;
        }
        let error = Diagnostic::error("nginx-syntax", text.span, format!("unknown \"{name}\" variable"));
        let known = PLAIN.iter().map(|(known, _)| *known).chain(self.maps.keys().map(String::as_str));
        let error = match nearest(name, known) {
            Some(meant) => error.label(format!("did you mean `${meant}`?")),
            None => error.label("no `set` and no `map` makes it"),
        };
        self.report(error);
        None
    }
}

/// Variables of nginx's that have no counterpart.
const NOT_HAD: &[&str] = &[
    "upstream_*",
    "ssl_*",
    "sent_http_*",
    "proxy_*",
    "realip_*",
    "connection*",
    "tcpinfo_*",
    "geoip_*",
    "date_*",
    "time_*",
    "limit_*",
    "secure_link*",
    "jwt_*",
    "document_root",
    "request_filename",
    "uid_*",
    "fastcgi_*",
    "http2",
    "memcached_key",
];

fn placeholder(name: &str) -> Option<Placeholder> {
    if let Some((_, plain)) = PLAIN.iter().find(|(known, _)| *known == name) {
        return Some(plain.clone());
    }
    if let Ok(number @ 1..=9) = name.parse::<usize>() {
        return Some(Placeholder::Capture(number));
    }
    if let Some((_, header)) = HEADERS.iter().find(|(known, _)| *known == name) {
        return Some(Placeholder::Header(HeaderName::from_static(header)));
    }
    if let Some(header) = name.strip_prefix("upstream_http_").filter(|header| !header.is_empty()) {
        return header.replace('_', "-").parse().ok().map(Placeholder::UpstreamHeader);
    }
    if let Some(header) = name.strip_prefix("sent_http_").filter(|header| !header.is_empty()) {
        return header.replace('_', "-").parse().ok().map(Placeholder::SentHeader);
    }
    if let Some(cookie) = name.strip_prefix("upstream_cookie_").filter(|cookie| !cookie.is_empty()) {
        return Some(Placeholder::UpstreamCookie(cookie.to_owned()));
    }
    let [header, cookie, argument] =
        FAMILIES.map(|family| name.strip_prefix(family).filter(|rest| !rest.is_empty()));
    match (header, cookie, argument) {
        (Some(header), ..) => header.replace('_', "-").parse().ok().map(Placeholder::Header),
        (_, Some(cookie), _) => Some(Placeholder::Cookie(cookie.to_owned())),
        (.., Some(argument)) => Some(Placeholder::Argument(argument.to_owned())),
        _ => None,
    }
}

/// Neighbouring text is one part.
pub(super) fn push(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
        (_, part) => parts.push(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_where_nginx_ends_it() {
        use Piece::{Nameless, Text, Variable};
        assert_eq!(pieces("a$host:b"), [Text("a"), Variable("host"), Text(":b")]);
        assert_eq!(
            pieces("${host}s$1$12"),
            [Variable("host"), Text("s"), Variable("1"), Variable("1"), Text("2")]
        );
        assert_eq!(pieces("a$"), [Text("a"), Nameless]);
        assert_eq!(pieces("${a"), [Nameless]);
        assert_eq!(pieces("^/x$"), [Text("^/x"), Nameless]);
    }
}

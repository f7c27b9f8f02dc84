//! `proxy_pass`: where a request goes, and what becomes of its path.

use super::location::Kind;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use super::{Nginx, answer};
use crate::language::pool::Pool;
use crate::language::proxy::{Proxy, Target};
use crate::language::settings::Settings;
use crate::language::upstream::Endpoint;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{HeaderOperation, HostHeader, Retry, ServerAddress};
use http::{HeaderValue, StatusCode};
use std::time::Duration;

/// A `proxy_pass`, taken apart.
#[derive(Debug)]
struct Pass {
    tls: bool,
    /// `app:8000`, or `unix:/path`.
    authority: String,
    /// From the `/` on; `None` where the URL ends before it.
    path: Option<Template>,
    /// Whether it has a variable: then its path is all that the upstream sees.
    has_variables: bool,
    span: Span,
}

impl Nginx<'_, '_> {
    /// The proxy of a location; what it asks of the path and of headers goes into `settings`.
    pub(super) fn read_proxy(
        &mut self,
        directive: &Directive,
        kind: &Kind,
        scope: &Scope<'_>,
        variables: &Variables,
        settings: &mut Settings,
    ) -> Option<Proxy> {
        let pass = self.read_pass(directive, variables)?;
        let retry = self.read_retry(scope, &pass);
        let target = self.read_target(&pass, retry.clone())?;
        let called = self.called(&pass);
        let mut variables = variables.clone();
        variables.set_text("proxy_host", &called);
        let headers = self.read_request_headers(scope, &variables);
        if let Some(path) = &pass.path {
            settings.rewrite = self.read_path(path, pass.has_variables, kind, pass.span);
        }
        settings.request = headers.operations;
        if headers.upgrades {
            settings.websocket.allowed = Some(Spanned::new(true, directive.name.span));
        }
        self.check_version(scope, headers.upgrades);
        let host = self.read_host(headers.host.as_ref(), &called, &target, &variables, settings);
        let name = called.split(':').next().unwrap_or_default().to_owned();
        let tls = pass
            .tls
            .then(|| Spanned::new(self.read_upstream_tls(scope, &name, &variables), directive.name.span));
        let pool = match &target {
            Target::Inline(_) => {
                Pool { retry: retry.map(|retry| Spanned::new(retry, pass.span)), ..Pool::default() }
            }
            Target::Named(_) => Pool::default(),
        };
        Some(Proxy {
            span: directive.name.span,
            target,
            host: Some(Spanned::new(host, directive.name.span)),
            origin_fix: Some(false),
            fix: self.read_fix((directive, kind), scope, &variables),
            strip_prefix: None,
            method: self.read_method(scope, &variables),
            pass_headers: scope.find("proxy_pass_request_headers").map(|on| self.switch(Some(on), true)),
            pass_body: scope.find("proxy_pass_request_body").map(|on| self.switch(Some(on), true)),
            pass_server: self.passes(scope, "Server").then_some(true),
            http: None,
            tls,
            resolve: None,
            proxy_protocol: None,
            pool,
        })
    }

    fn read_pass(&mut self, directive: &Directive, variables: &Variables) -> Option<Pass> {
        let written = directive.arguments.first()?;
        let whole = self.template(written, variables)?;
        // What stands behind the address may well be known at run time alone.
        let mut parts = whole.parts.into_iter();
        let url = match parts.next() {
            Some(Part::Text(url)) => url,
            _ => return self.unknown_address(written),
        };
        let (address, inner) = split_path(&url);
        let mut path: Vec<Part> = Some(inner)
            .filter(|inner| !inner.is_empty())
            .map(|inner| Part::Text(inner.to_owned()))
            .into_iter()
            .collect();
        path.extend(parts);
        let is_path = match path.first() {
            None | Some(Part::Text(_)) => true,
            Some(Part::Placeholder(first)) => matches!(first, Placeholder::Uri | Placeholder::Path),
        };
        if !is_path {
            return self.unknown_address(written);
        }
        let path = Some(path).filter(|path| !path.is_empty()).map(|parts| Template { parts });
        let (tls, authority) = match (address.strip_prefix("http://"), address.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => {
                self.fault(written.span, "invalid URL prefix");
                return None;
            }
        };
        if authority.is_empty() {
            self.fault(written.span, format!("no host in upstream \"{url}\""));
            return None;
        }
        let has_variables = written.value.contains('$');
        let authority = authority.trim_end_matches(':').to_owned();
        Some(Pass { tls, authority, path, has_variables, span: written.span })
    }

    fn unknown_address(&mut self, written: &Spanned<String>) -> Option<Pass> {
        let message = format!("\"{}\" is not known before there is a request", written.value);
        self.refuse(written.span, message, "write it out");
        None
    }

    fn read_target(&mut self, pass: &Pass, retry: Option<Retry>) -> Option<Target> {
        if let Some(name) = self.pool(&pass.authority, pass.tls, retry) {
            return Some(Target::Named(Spanned::new(name, pass.span)));
        }
        let port = if pass.tls { 443 } else { 80 };
        let text = match pass.authority.as_str() {
            unix if unix.starts_with("unix:") => unix.to_owned(),
            plain if plain.ends_with(']') || !plain.contains(':') => format!("{plain}:{port}"),
            plain => plain.to_owned(),
        };
        let endpoint = self.address(&text, pass.span)?;
        let endpoint = Endpoint { tls: pass.tls, address: endpoint.value.address };
        Some(Target::Inline(vec![Spanned::new(endpoint, pass.span)]))
    }

    /// `$proxy_host`: the host as the URL has it, without the port that its scheme implies.
    fn called(&self, pass: &Pass) -> String {
        let usual = if pass.tls { ":443" } else { ":80" };
        match pass.authority.starts_with("unix:") {
            true => "localhost".to_owned(),
            false => pass.authority.strip_suffix(usual).unwrap_or(&pass.authority).to_owned(),
        }
    }

    /// A path in the URL takes the place of the location's prefix, byte by byte.
    fn read_path(
        &mut self,
        path: &Template,
        has_variables: bool,
        kind: &Kind,
        span: Span,
    ) -> Option<Spanned<Template>> {
        if has_variables {
            // The query is the one that is written, or none.
            let parts = path.parts.iter().cloned().chain([Part::Text("?".to_owned())]).collect();
            return Some(Spanned::new(Template { parts: answer::joined(parts) }, span));
        }
        let path = path.as_text().unwrap_or_default();
        if !kind.is_plain() {
            let message = "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside named \
                           location, or inside \"if\" statement, or inside \"limit_except\" block";
            self.fault(span, message);
            return None;
        }
        if let Kind::Prefix { path: prefix, .. } = kind
            && prefix.ends_with('/') != path.ends_with('/')
        {
            let message = format!(
                "\"{path}\" takes the place of \"{prefix}\" byte by byte, so a slash is lost or doubled"
            );
            self.trap(span, message, "end both with `/`, or neither");
        }
        let parts = vec![Part::Text(path.to_owned()), Part::Placeholder(Placeholder::Rest)];
        Some(Spanned::new(Template { parts }, span))
    }

    /// `proxy_set_header Host`; without one it is the host of the URL.
    fn read_host(
        &mut self,
        written: Option<&Spanned<String>>,
        called: &str,
        target: &Target,
        variables: &Variables,
        settings: &mut Settings,
    ) -> HostHeader {
        let by_default = match target {
            Target::Inline(endpoints) if !is_unix(endpoints) => HostHeader::Upstream,
            _ => fixed(called),
        };
        let Some(written) = written.filter(|written| !written.value.is_empty()) else { return by_default };
        if matches!(written.value.as_str(), "$proxy_host" | "${proxy_host}") {
            return by_default;
        }
        let Some(value) = self.template(written, variables) else { return by_default };
        match (value.as_text(), value.parts.as_slice()) {
            (Some(text), _) => fixed(text),
            (_, [Part::Placeholder(Placeholder::Header(name))]) if name == http::header::HOST => {
                HostHeader::Preserve
            }
            _ => {
                let operation = HeaderOperation::Set(http::header::HOST, value);
                settings.request.insert(0, Spanned::new(operation, written.span));
                HostHeader::Preserve
            }
        }
    }

    /// HTTP/1.1 is spoken whatever is said, as nginx does since 1.29.7.
    fn check_version(&mut self, scope: &Scope<'_>, upgrades: bool) {
        let Some(version) = scope.find("proxy_http_version") else { return };
        match version.first() {
            "1.1" => {}
            "1.0" if upgrades => self.trap(
                version.span_of(0),
                "with HTTP/1.0 no WebSocket gets through; vordr speaks HTTP/1.1 all the same",
                "write `1.1`",
            ),
            "1.0" => self.trap(version.span_of(0), "vordr speaks HTTP/1.1 all the same", "write `1.1`"),
            "2" => self.refuse(version.span_of(0), "HTTP/2 upstreams are written in KDL", "write `1.1`"),
            other => self.fault(version.span_of(0), format!("invalid value \"{other}\"")),
        }
    }

    /// `proxy_next_upstream`, where there is more than one server to try.
    fn read_retry(&mut self, scope: &Scope<'_>, pass: &Pass) -> Option<Retry> {
        let servers = self.upstreams.get(&pass.authority).map_or(1, |upstream| upstream.size());
        let others = u32::try_from(servers.saturating_sub(1)).unwrap_or(u32::MAX);
        let within = scope.find("proxy_next_upstream_timeout").and_then(|time| self.time(time, 0));
        let tries =
            scope.find("proxy_next_upstream_tries").and_then(|tries| tries.first().parse::<u32>().ok());
        let times = match tries {
            Some(tries @ 1..) => others.min(tries - 1),
            _ => others,
        };
        if others == 0 {
            return None;
        }
        let within = within.map(|time| time.value).filter(|time| !time.is_zero());
        let mut retry = Retry {
            times,
            connect: true,
            reused: true,
            timeout: true,
            within: within.unwrap_or(Duration::from_secs(365 * 24 * 3600)),
            ..Retry::default()
        };
        if let Some(directive) = scope.find("proxy_next_upstream") {
            self.read_next(directive, &mut retry);
        }
        Some(retry)
    }

    fn read_next(&mut self, directive: &Directive, retry: &mut Retry) {
        (retry.connect, retry.reused, retry.timeout) = (false, false, false);
        for (number, word) in directive.arguments.iter().enumerate() {
            match word.value.as_str() {
                "error" => (retry.connect, retry.reused) = (true, true),
                "timeout" => retry.timeout = true,
                "non_idempotent" => retry.non_idempotent = true,
                "off" => retry.times = 0,
                "invalid_header" | "updating" => {}
                word => {
                    let status = word.strip_prefix("http_").and_then(|status| status.parse::<u16>().ok());
                    match status.and_then(|status| StatusCode::from_u16(status).ok()) {
                        Some(status) => retry.statuses.push(status),
                        None => self.fault(directive.span_of(number), format!("invalid value \"{word}\"")),
                    }
                }
            }
        }
    }
}

fn is_unix(endpoints: &[Spanned<Endpoint>]) -> bool {
    endpoints.iter().any(|endpoint| matches!(endpoint.value.address, ServerAddress::Unix(_)))
}

fn fixed(host: &str) -> HostHeader {
    HeaderValue::from_str(host).map_or(HostHeader::Upstream, HostHeader::Fixed)
}

/// An address, and the path behind it. `http://unix:/run/a.sock:/path` has its path behind the second `:`.
pub(super) fn split_path(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..).unwrap_or_default();
    let end = match rest.strip_prefix("unix:") {
        Some(socket) => socket.find(':').map_or(rest.len(), |at| "unix:".len() + at + 1),
        None => rest.find('/').unwrap_or(rest.len()),
    };
    url.split_at_checked(start + end).unwrap_or((url, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_ends_where_its_path_begins() {
        assert_eq!(split_path("http://a:80/x/y"), ("http://a:80", "/x/y"));
        assert_eq!(split_path("http://a"), ("http://a", ""));
        assert_eq!(split_path("http://unix:/run/a.sock"), ("http://unix:/run/a.sock", ""));
        assert_eq!(split_path("http://unix:/run/a.sock:/x"), ("http://unix:/run/a.sock:", "/x"));
        assert_eq!(split_path("$backend/x"), ("$backend", "/x"));
    }
}

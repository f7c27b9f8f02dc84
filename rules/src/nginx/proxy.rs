//! `proxy_pass`: where a request goes, and what becomes of its path.

use super::location::Kind;
use super::pass::{self, Address, Pass};
use super::scope::Scope;
use super::tree::Directive;
use super::variable::{Variables, literal};
use super::{Nginx, answer};
use crate::language::pool::Pool;
use crate::language::proxy::{Proxy, Target};
use crate::language::settings::Settings;
use crate::language::upstream::Endpoint;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{HeaderOperation, HostHeader, Retry, ServerAddress, own_address, without_port};
use http::{HeaderValue, StatusCode};
use std::time::Duration;

/// Hosts, and the pools that they stand for.
type Names = Vec<(Spanned<String>, Spanned<String>)>;

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
        let (target, names, retry) = self.read_target(&pass, scope)?;
        let called = called(&pass);
        let mut variables = variables.clone();
        name_proxied(&pass, &mut variables);
        let called = called.as_ref().and_then(Template::as_text);
        let headers = self.read_request_headers(scope, &variables);
        if let Some(path) = &pass.path {
            settings.rewrite = self.read_path(path, pass.has_variables, kind, pass.span);
        }
        settings.request = headers.operations;
        if headers.upgrades {
            settings.websocket.allowed = Some(Spanned::new(true, directive.name.span));
        }
        self.check_version(scope, headers.upgrades);
        let host = self.read_host(headers.host.as_ref(), called, &target, &variables, settings);
        let name = called.map(without_port);
        let tls = pass
            .may_be_tls()
            .then(|| Spanned::new(self.read_upstream_tls(scope, name, &variables), directive.name.span));
        let pool = match &target {
            Target::Inline(_) | Target::Filled(_) => {
                Pool { retry: retry.map(|retry| Spanned::new(retry, pass.span)), ..Pool::default() }
            }
            Target::Named(_) => Pool::default(),
        };
        Some(Proxy {
            span: directive.name.span,
            target,
            host: Some(Spanned::new(host, directive.name.span)),
            origin_fix: Some(false),
            names,
            fix: self.read_fix((directive, kind), scope, &variables),
            strip_prefix: None,
            method: self.read_method(scope, &variables),
            pass_headers: scope.find("proxy_pass_request_headers").map(|on| self.switch(Some(on), true)),
            pass_body: scope.find("proxy_pass_request_body").map(|on| self.switch(Some(on), true)),
            body: self.read_body(scope, &variables),
            pass_server: self.passes(scope, "Server").then_some(true),
            ranges: self.forces_ranges(scope).then_some(true),
            read_rate: self.read_upstream_rate(scope),
            outlast_client: scope.find("proxy_ignore_client_abort").map(|on| self.switch(Some(on), false)),
            http: None,
            tls,
            resolve: None,
            proxy_protocol: None,
            bind: self.read_bind(scope, &variables),
            store: self.read_store(kind, scope, &variables),
            pool,
        })
    }

    /// Where connections come from.
    fn read_bind(&mut self, scope: &Scope<'_>, variables: &Variables) -> Option<Template> {
        let directive = scope.find("proxy_bind").filter(|directive| directive.first() != "off")?;
        match directive.argument(1) {
            "" => {}
            "transparent" => {
                let remedy = "leave it out: `X-Forwarded-For` has the client's address";
                self.refuse(directive.span_of(1), "vordr connects from addresses of its own", remedy);
                return None;
            }
            other => {
                self.fault(directive.span_of(1), format!("invalid parameter \"{other}\""));
                return None;
            }
        }
        let bind = self.template(directive.arguments.first()?, variables)?;
        if let Some(text) = bind.as_text().filter(|text| own_address(text).is_none()) {
            self.fault(directive.span_of(0), format!("invalid address \"{text}\""));
            return None;
        }
        Some(bind)
    }

    /// `$proxy_host` and `$proxy_port` of a location, for all that stands in it. A `proxy_pass` with variables, or with a
    /// fault, is told of where it is read.
    pub(super) fn name_proxied(&mut self, location: &Directive, variables: &mut Variables) {
        let pass = location.inside().iter().find(|directive| directive.name.value == "proxy_pass");
        let is_plain = |pass: &&Directive| {
            let has_scheme = ["http://", "https://"].iter().any(|start| pass.first().starts_with(start));
            has_scheme && !pass.first().contains('$')
        };
        if let Some(pass) = pass.filter(is_plain).and_then(|pass| self.read_pass(pass, variables)) {
            name_proxied(&pass, variables);
        }
    }

    /// Where to; the upstreams that a URL with variables may name, where they are called otherwise here; and when a
    /// request is tried again.
    fn read_target(&mut self, pass: &Pass, scope: &Scope<'_>) -> Option<(Target, Names, Option<Retry>)> {
        let authority = match &pass.address {
            Address::Known { authority, .. } => authority,
            Address::Filled(url) => {
                let names = self.read_names(pass, scope);
                let retry = self.read_retry(scope, "");
                return Some((Target::Filled(Spanned::new(url.clone(), pass.span)), names, retry));
            }
        };
        let (tls, retry) = (pass.may_be_tls(), self.read_retry(scope, authority));
        if let Some(name) = self.pool(authority, tls, retry.clone()) {
            return Some((Target::Named(Spanned::new(name, pass.span)), Vec::new(), retry));
        }
        let port = if tls { 443 } else { 80 };
        let text = match authority.as_str() {
            unix if unix.starts_with("unix:") => unix.to_owned(),
            plain if plain.ends_with(']') || !plain.contains(':') => format!("{plain}:{port}"),
            plain => plain.to_owned(),
        };
        let endpoint = self.address(&text, pass.span)?;
        let endpoint = Endpoint { tls, address: endpoint.value.address };
        Some((Target::Inline(vec![Spanned::new(endpoint, pass.span)]), Vec::new(), retry))
    }

    /// Any upstream of the file may be what a URL with variables names.
    fn read_names(&mut self, pass: &Pass, scope: &Scope<'_>) -> Names {
        let mut upstreams: Vec<String> = self.upstreams.keys().cloned().collect();
        upstreams.sort();
        let mut names = Vec::new();
        for upstream in upstreams {
            let retry = self.read_retry(scope, &upstream);
            for tls in pass.schemes() {
                match self.pool(&upstream, *tls, retry.clone()) {
                    Some(name) if name != upstream => {
                        let spanned = |text| Spanned::new(text, pass.span);
                        names.push((spanned(upstream.clone()), spanned(name)));
                    }
                    _ => {}
                }
            }
        }
        names
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
        called: Option<&str>,
        target: &Target,
        variables: &Variables,
        settings: &mut Settings,
    ) -> HostHeader {
        let by_default = match target {
            Target::Inline(endpoints) if !is_unix(endpoints) => HostHeader::Upstream,
            _ => called.map_or(HostHeader::Upstream, fixed),
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
                let operation = HeaderOperation::Set(http::header::HOST.into(), value);
                settings.request.insert(0, Spanned::new(operation, written.span));
                HostHeader::Preserve
            }
        }
    }

    /// `proxy_set_body`
    fn read_body(&mut self, scope: &Scope<'_>, variables: &Variables) -> Option<Template> {
        let text = scope.find("proxy_set_body")?.arguments.first()?.clone();
        let body = self.template(&text, variables)?;
        self.refuse_body_in(&body, text.span);
        Some(body)
    }

    /// Where no range is answered at all, none is forced.
    fn forces_ranges(&mut self, scope: &Scope<'_>) -> bool {
        self.switch(scope.find("proxy_force_ranges"), false) && self.read_max_ranges(scope) != Some(0)
    }

    /// What nginx does not buffer it reads as fast as its client takes it.
    fn read_upstream_rate(&mut self, scope: &Scope<'_>) -> Option<u64> {
        let directive = scope.find("proxy_limit_rate")?;
        if directive.first().contains('$') {
            let message = "a rate that each request says anew is not known here";
            self.refuse(directive.span_of(0), message, "write a size, or `limit_rate` in its place");
            return None;
        }
        let rate = self.size(directive, 0)?.value.0;
        let is_buffered = self.switch(scope.find("proxy_buffering"), true);
        (rate > 0 && is_buffered).then_some(rate)
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

    /// `proxy_next_upstream`, where there is more than one server to try, or where connections are kept: then nginx asks
    /// anew what may be asked twice. Where it would keep none, whatever was sent on one that is kept here is sent again.
    fn read_retry(&mut self, scope: &Scope<'_>, upstream: &str) -> Option<Retry> {
        let known = self.upstreams.get(upstream);
        let servers = known.map_or(1, |upstream| upstream.size());
        let keeps = known.is_some_and(|upstream| upstream.keeps());
        let others = u32::try_from(servers.saturating_sub(1)).unwrap_or(u32::MAX);
        let within = scope.find("proxy_next_upstream_timeout").and_then(|time| self.time(time, 0));
        let tries =
            scope.find("proxy_next_upstream_tries").and_then(|tries| tries.first().parse::<u32>().ok());
        let times = match tries {
            Some(tries @ 1..) => others.min(tries - 1),
            _ => others,
        };
        if others == 0 && !keeps {
            return None;
        }
        let within = within.map(|time| time.value).filter(|time| !time.is_zero());
        let mut retry = Retry {
            times,
            connect: true,
            reused: !keeps,
            closed: true,
            timeout: true,
            within: within.unwrap_or(Duration::from_secs(365 * 24 * 3600)),
            ..Retry::default()
        };
        if let Some(directive) = scope.find("proxy_next_upstream") {
            self.read_next(directive, &mut retry);
        }
        if others == 0 {
            // There is one server, to which a closed connection is made anew, and no other to go to.
            let (closed, non_idempotent) = (retry.closed, retry.non_idempotent);
            let times = u32::from(closed);
            retry = Retry { times, reused: false, closed, non_idempotent, ..Retry::default() };
        }
        let tries_nothing =
            !(retry.connect || retry.closed || retry.timeout || retry.protocol) && retry.statuses.is_empty();
        Some(if tries_nothing || retry.times == 0 { Retry { times: 0, ..Retry::default() } } else { retry })
    }

    fn read_next(&mut self, directive: &Directive, retry: &mut Retry) {
        let reused = std::mem::take(&mut retry.reused);
        (retry.connect, retry.closed, retry.timeout) = (false, false, false);
        for (number, word) in directive.arguments.iter().enumerate() {
            match word.value.as_str() {
                "error" => (retry.connect, retry.reused, retry.closed) = (true, reused, true),
                "timeout" => retry.timeout = true,
                "non_idempotent" => retry.non_idempotent = true,
                "off" => retry.times = 0,
                "invalid_header" => retry.protocol = true,
                // There is no cache that could be.
                "updating" => {}
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

/// `$proxy_host` and `$proxy_port`.
fn name_proxied(pass: &Pass, variables: &mut Variables) {
    if let Some(called) = called(pass) {
        variables.set("proxy_host", called);
    }
    if let Some(port) = port(pass) {
        variables.set_text("proxy_port", &port);
    }
}

/// `$proxy_host`: the host as the URL has it, without the port that its scheme implies.
fn called(pass: &Pass) -> Option<Template> {
    let (tls, authority) = match &pass.address {
        Address::Known { tls, authority } => (*tls, authority),
        Address::Filled(url) => return pass::without_scheme(url),
    };
    let usual = if tls { ":443" } else { ":80" };
    Some(match authority.starts_with("unix:") {
        true => literal("localhost"),
        false => literal(authority.strip_suffix(usual).unwrap_or(authority)),
    })
}

/// `$proxy_port`: the port of the URL, or that which its scheme implies.
fn port(pass: &Pass) -> Option<String> {
    let Address::Known { tls, authority } = &pass.address else { return None };
    let written = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
    Some(written.unwrap_or(if *tls { "443" } else { "80" }).to_owned())
}

fn is_unix(endpoints: &[Spanned<Endpoint>]) -> bool {
    endpoints.iter().any(|endpoint| matches!(endpoint.value.address, ServerAddress::Unix(_)))
}

fn fixed(host: &str) -> HostHeader {
    HeaderValue::from_str(host).map_or(HostHeader::Upstream, HostHeader::Fixed)
}

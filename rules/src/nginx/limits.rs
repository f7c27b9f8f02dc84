//! `limit_req`, `limit_conn`, `gzip`: how often, how much at once, and how small.

use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use super::{Nginx, at};
use crate::language::limit::{Concurrent, Limit};
use crate::source::{Span, Spanned};
use crate::table::{Compress, Level};
use http::StatusCode;
use std::time::Duration;

/// One `limit_req_zone` or `limit_conn_zone`.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    key: Spanned<String>,
    /// Requests, and the span of time they count for; `None` for connections.
    rate: Option<(u32, Duration)>,
}

/// The directives that say how answers are packed.
const PACKING: [&str; 5] = ["gzip", "gzip_types", "gzip_min_length", "gzip_vary", "gzip_proxied"];

impl Nginx<'_, '_> {
    /// Takes a zone down.
    pub(super) fn read_zone(&mut self, directive: &Directive) {
        let Some(key) = directive.arguments.first() else { return };
        let (mut name, mut rate) = (None, None);
        for (number, word) in directive.arguments.iter().enumerate().skip(1) {
            match word.value.split_once('=') {
                Some(("zone", zone)) => name = zone.split_once(':').map(|(name, _)| name.to_owned()),
                Some(("rate", written)) if directive.name.value == "limit_req_zone" => {
                    rate = read_rate(written);
                    if rate.is_none() {
                        self.fault(directive.span_of(number), format!("invalid rate \"{}\"", word.value));
                    }
                }
                // Zones are shared by several nginx in its commercial version alone.
                _ => self.fault(directive.span_of(number), format!("invalid parameter \"{}\"", word.value)),
            }
        }
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            let message = format!("\"{}\" must have \"zone\" parameter", directive.name.value);
            return self.fault(directive.name.span, message);
        };
        let zone = Zone { key: key.clone(), rate: rate.or(Some((1, Duration::from_secs(1)))) };
        if self.zones.insert(name.clone(), zone).is_some() {
            let message = format!("{} \"{name}\" is already bound to key", directive.name.value);
            self.fault(directive.name.span, message);
        }
    }

    /// `limit_req`: what holds here, as a list.
    pub(super) fn read_rates(&mut self, scope: &Scope<'_>, variables: &Variables) -> Vec<Limit> {
        let directives = scope.all("limit_req");
        let dry = self.switch(scope.find("limit_req_dry_run"), false);
        let status = self.refusal(scope, "limit_req_status");
        let level = self.gravity(scope, "limit_req_log_level");
        let limits =
            directives.into_iter().filter_map(|directive| self.read_rate(directive, status, variables));
        limits.map(|limit| Limit { dry: Some(dry), level, ..limit }).collect()
    }

    fn read_rate(
        &mut self,
        directive: &Directive,
        status: StatusCode,
        variables: &Variables,
    ) -> Option<Limit> {
        let mut limit = Limit {
            span: directive.name.span,
            has_rate: true,
            burst: Some(0),
            at_once: Some(0),
            spaced: Some(true),
            status: Some(status),
            ..Limit::default()
        };
        for (number, word) in directive.arguments.iter().enumerate() {
            let value = |text: &str| text.parse::<u32>().ok();
            let fine = match word.value.split_once('=') {
                Some(("zone", name)) => {
                    let zone = self.zone(name, directive.span_of(number))?;
                    limit.rate = zone.rate;
                    limit.zone = Some(name.to_owned());
                    limit.key = Some(self.template(&zone.key, variables)?);
                    true
                }
                Some(("burst", text)) => {
                    limit.burst = value(text);
                    limit.burst.is_some_and(|burst| burst > 0)
                }
                Some(("delay", text)) => {
                    limit.at_once = value(text);
                    limit.at_once.is_some_and(|delay| delay > 0)
                }
                None if word.value == "nodelay" => {
                    limit.at_once = None;
                    true
                }
                _ => false,
            };
            if !fine {
                self.fault(directive.span_of(number), format!("invalid parameter \"{}\"", word.value));
                return None;
            }
        }
        if limit.zone.is_none() {
            self.fault(directive.name.span, "\"limit_req\" must have \"zone\" parameter");
            return None;
        }
        // A burst of nothing has nobody who could wait.
        limit.at_once = limit.at_once.filter(|_| limit.burst != Some(0));
        Some(limit)
    }

    /// `limit_conn`: what holds here, as a list.
    pub(super) fn read_concurrent(&mut self, scope: &Scope<'_>, variables: &Variables) -> Vec<Concurrent> {
        let directives = scope.all("limit_conn");
        let dry = self.switch(scope.find("limit_conn_dry_run"), false);
        let status = self.refusal(scope, "limit_conn_status");
        let level = self.gravity(scope, "limit_conn_log_level");
        let mut all = Vec::new();
        for directive in directives {
            let Some(zone) = self.zone(directive.first(), directive.span_of(0)) else { continue };
            let most = directive.argument(1).parse::<u32>().ok().filter(|most| (1..=65535).contains(most));
            let Some(most) = most else {
                let message = format!("invalid number of connections \"{}\"", directive.argument(1));
                self.fault(directive.span_of(1), message);
                continue;
            };
            all.push(Concurrent {
                span: directive.name.span,
                most: Some(most),
                key: self.template(&zone.key, variables),
                zone: Some(directive.first().to_owned()),
                status: Some(status),
                dry: Some(dry),
                level,
            });
        }
        all
    }

    /// `limit_req_log_level` and its kin.
    fn gravity(&mut self, scope: &Scope<'_>, name: &str) -> Option<Level> {
        let directive = scope.find(name)?;
        let known = [Level::Info, Level::Notice, Level::Warn, Level::Error];
        let level = known.into_iter().find(|level| level.name() == directive.first());
        if level.is_none() {
            self.fault(directive.span_of(0), format!("invalid value \"{}\"", directive.first()));
        }
        level
    }

    fn zone(&mut self, name: &str, span: Span) -> Option<Zone> {
        let zone = self.zones.get(name).cloned();
        if zone.is_none() {
            self.fault(span, format!("zero size shared memory zone \"{name}\""));
        }
        zone
    }

    /// `limit_req_status` and its kin: 503 where nothing is said.
    fn refusal(&mut self, scope: &Scope<'_>, name: &str) -> StatusCode {
        let Some(directive) = scope.find(name) else { return StatusCode::SERVICE_UNAVAILABLE };
        let status = directive.first().parse().ok().filter(|status| (400..=599).contains(status));
        match status.and_then(|status: u16| StatusCode::from_u16(status).ok()) {
            Some(status) => status,
            None => {
                self.fault(directive.span_of(0), "value must be between 400 and 599");
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// `gzip` and what is about it, where one of them stands in `own`; `scope` is all that holds.
    pub(super) fn read_packing(
        &mut self,
        own: &Scope<'_>,
        scope: &Scope<'_>,
    ) -> Option<Spanned<Option<Compress>>> {
        let stands = PACKING.iter().find_map(|name| own.find(name))?;
        if !self.switch(scope.find("gzip"), false) {
            return Some(at(stands, None));
        }
        let mut types = vec!["text/html".to_owned()];
        for word in scope.find("gzip_types").into_iter().flat_map(|directive| &directive.arguments) {
            let word = word.value.to_ascii_lowercase();
            if !types.contains(&word) {
                types.push(word);
            }
        }
        self.check_packing(scope);
        let least = scope.find("gzip_min_length").and_then(|size| self.size(size, 0));
        let compress = Compress {
            codings: vec!["gzip".to_owned()],
            types: Some(types),
            min_size: least.map_or(20, |size| size.value.0),
            vary: self.switch(scope.find("gzip_vary"), false),
            proxied: self.packs_for_proxies(scope),
        };
        Some(at(stands, Some(compress)))
    }

    /// What is packed for fewer clients than nginx packs for, and for more.
    fn check_packing(&mut self, scope: &Scope<'_>) {
        if let Some(version) = scope.find("gzip_http_version").filter(|version| version.first() != "1.1") {
            let message = "a client of HTTP/1.0 would take a cut for the end, so its answers are not packed";
            self.trap(version.span_of(0), message, "leave it out");
        }
        let browsers = scope.find("gzip_disable").filter(|browsers| browsers.first() != "msie6");
        if let Some(browsers) = browsers {
            let message = "what is packed goes by Accept-Encoding, not by the browser's name";
            self.refuse(browsers.span_of(0), message, "leave it out");
        }
    }

    fn packs_for_proxies(&mut self, scope: &Scope<'_>) -> bool {
        let Some(directive) = scope.find("gzip_proxied") else { return false };
        let mut packs = false;
        for (number, word) in directive.arguments.iter().enumerate() {
            match word.value.as_str() {
                "off" => return false,
                "any" => packs = true,
                "expired" | "no-cache" | "no-store" | "private" | "no_last_modified" | "no_etag" | "auth" => {
                    if !directive.arguments.iter().any(|word| word.value == "any") {
                        let message = format!(
                            "\"{}\" is not looked at: every answer is packed for proxies then",
                            word.value
                        );
                        self.trap(directive.span_of(number), message, "write `gzip_proxied any;`");
                    }
                    packs = true;
                }
                other => self.fault(directive.span_of(number), format!("invalid value \"{other}\"")),
            }
        }
        packs
    }
}

/// `10r/s`, `30r/m`.
fn read_rate(written: &str) -> Option<(u32, Duration)> {
    let (number, seconds) = match (written.strip_suffix("r/s"), written.strip_suffix("r/m")) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, 60),
        _ => return None,
    };
    let requests = number.parse().ok().filter(|requests| *requests > 0)?;
    Some((requests, Duration::from_secs(seconds)))
}

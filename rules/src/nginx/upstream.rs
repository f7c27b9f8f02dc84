//! `upstream`: a pool, and each way in which it is spoken with.

use super::Nginx;
use super::tree::Directive;
use super::variable::Variables;
use crate::diagnostic::Diagnostic;
use crate::language::pool::Pool;
use crate::language::upstream::{Endpoint, Server, Upstream, endpoint};
use crate::source::{Span, Spanned};
use crate::table::{Balance, Passive, Retry, Sticky};
use crate::value::Limit;
use std::time::Duration;

/// What a server that fails is put aside for, where nothing is said.
const FAIL_TIMEOUT: Duration = Duration::from_secs(10);

/// One `upstream`.
#[derive(Debug)]
pub(super) struct Written {
    span: Span,
    /// In file order, `http` and without what `proxy_next_upstream` says.
    servers: Vec<Server>,
    balance: Option<Spanned<Balance>>,
    sticky: Option<Spanned<Sticky>>,
    passive: Option<Spanned<Passive>>,
    keepalive: Option<Spanned<u32>>,
    keepalive_idle: Option<Spanned<Limit<Duration>>>,
    slow_start: Option<Spanned<Duration>>,
    /// Each way in which a `proxy_pass` speaks with it; the number is its place among the names.
    uses: Vec<Use>,
}

/// One way to speak with a pool.
#[derive(Debug, Clone, PartialEq)]
struct Use {
    tls: bool,
    retry: Option<Retry>,
}

impl Written {
    /// How many servers a request may be tried on.
    pub(super) fn size(&self) -> usize {
        self.servers.iter().filter(|server| !server.down).count()
    }

    /// Whether it is said that connections to it are kept.
    pub(super) fn keeps(&self) -> bool {
        self.keepalive.as_ref().is_some_and(|kept| kept.value > 0)
    }
}

impl Nginx<'_, '_> {
    pub(super) fn read_upstream(&mut self, directive: &Directive) {
        let name = directive.first().to_owned();
        if let Some(earlier) = self.upstreams.get(&name) {
            let place = self.reading.sources.place(earlier.span);
            let error = Diagnostic::error(
                "nginx-syntax",
                directive.span_of(0),
                format!("duplicate upstream \"{name}\""),
            );
            return self.report(error.help(format!("it stands at {}:{} too", place.file, place.line)));
        }
        let mut upstream = Written {
            span: directive.span_of(0),
            servers: Vec::new(),
            balance: None,
            sticky: None,
            passive: None,
            keepalive: None,
            keepalive_idle: None,
            slow_start: None,
            uses: Vec::new(),
        };
        let mut fails = None;
        for inner in directive.inside() {
            match inner.name.value.as_str() {
                "server" => self.read_upstream_server(inner, &mut upstream, &mut fails),
                "keepalive" => upstream.keepalive = self.read_kept(inner),
                "keepalive_timeout" => upstream.keepalive_idle = self.silence(Some(inner)),
                "sticky" => upstream.sticky = self.read_sticky(inner),
                "ip_hash" | "least_conn" | "random" | "hash" => upstream.balance = self.read_balance(inner),
                _ => {}
            }
        }
        if upstream.servers.is_empty() {
            self.fault(directive.span_of(0), format!("no servers are inside upstream \"{name}\""));
            return;
        }
        let (fails, pause, span) = fails.unwrap_or((1, FAIL_TIMEOUT, directive.span_of(0)));
        if upstream.size() > 1 && fails > 0 {
            upstream.passive = Some(Spanned::new(Passive { fails, within: pause, pause }, span));
        }
        self.upstreams.insert(name, upstream);
    }

    fn read_upstream_server(
        &mut self,
        directive: &Directive,
        upstream: &mut Written,
        fails: &mut Option<(u32, Duration, Span)>,
    ) {
        let Some(endpoint) = self.address(directive.first(), directive.span_of(0)) else { return };
        let mut server = Server { endpoint, weight: 1, backup: None, down: false, connections: None };
        let (mut most, mut pause) = (None, None);
        for (number, parameter) in directive.arguments.iter().enumerate().skip(1) {
            let (name, value) = parameter.value.split_once('=').unwrap_or((&parameter.value, ""));
            let span = directive.span_of(number);
            let wrong = format!("invalid parameter \"{}\"", parameter.value);
            match name {
                "weight" => match value.parse() {
                    Ok(weight @ 1..=1000) => server.weight = weight,
                    _ => self.fault(span, wrong),
                },
                "max_fails" => match value.parse() {
                    Ok(fails) => most = Some(fails),
                    Err(_) => self.fault(span, wrong),
                },
                "fail_timeout" => match super::value::parse_time(value) {
                    Some(time) => pause = Some(time),
                    None => self.fault(span, wrong),
                },
                "max_conns" => match value.parse::<u64>() {
                    Ok(0) => {}
                    Ok(number) => server.connections = Some(Spanned::new(Limit(Some(number)), span)),
                    Err(_) => self.fault(span, wrong),
                },
                "backup" => server.backup = Some(Spanned::new(true, span)),
                "down" => server.down = true,
                "slow_start" => match super::value::parse_time(value) {
                    Some(time) => {
                        upstream.slow_start = Some(Spanned::new(time, span)).filter(|_| !time.is_zero())
                    }
                    None => self.fault(span, wrong),
                },
                // Names are resolved while vordr runs, and a server's mark is of its own making.
                "resolve" | "route" => {}
                "drain" | "service" => {
                    let message = format!("vordr does not honour \"{}\"", parameter.value);
                    self.refuse(span, message, "write `down`, or list the servers with their ports");
                }
                _ => self.fault(span, wrong),
            }
        }
        if most.is_some() || pause.is_some() {
            let own = (most.unwrap_or(1), pause.unwrap_or(FAIL_TIMEOUT), directive.name.span);
            if fails.is_some_and(|known| (known.0, known.1) != (own.0, own.1)) {
                self.refuse(
                    own.2,
                    "the servers of one upstream fail by one rule here",
                    "write the same `max_fails` and `fail_timeout` for all",
                );
            }
            *fails = Some(own);
        }
        upstream.servers.push(server);
    }

    /// The address of a server; without a port it is 80, whatever is spoken.
    pub(super) fn address(&mut self, written: &str, span: Span) -> Option<Spanned<Endpoint>> {
        let text = match written {
            unix if unix.starts_with("unix:") => unix.to_owned(),
            plain if plain.ends_with(']') || !plain.contains(':') => format!("{plain}:80"),
            plain => plain.to_owned(),
        };
        endpoint(&Spanned::new(text, span), self.reading)
    }

    /// How many idle connections are kept.
    fn read_kept(&mut self, directive: &Directive) -> Option<Spanned<u32>> {
        let number = directive.first().parse().ok().filter(|number| *number > 0);
        if number.is_none() {
            let message = format!("invalid value \"{}\" in \"keepalive\" directive", directive.first());
            self.fault(directive.span_of(0), message);
        }
        number.map(|number| Spanned::new(number, directive.span_of(0)))
    }

    fn read_balance(&mut self, directive: &Directive) -> Option<Spanned<Balance>> {
        let balance = match directive.name.value.as_str() {
            "ip_hash" => Balance::IpHash,
            "least_conn" => Balance::LeastConn,
            "random" => Balance::Random,
            _ => Balance::Hash(self.template(directive.arguments.first()?, &Variables::default())?),
        };
        Some(Spanned::new(balance, directive.name.span))
    }

    fn read_sticky(&mut self, directive: &Directive) -> Option<Spanned<Sticky>> {
        match (directive.first(), directive.argument(1)) {
            ("cookie", name) if directive.arguments.len() == 2 => Some(Spanned::new(
                Sticky::Cookie { name: name.to_owned(), secret: None },
                directive.name.span,
            )),
            _ => {
                self.refuse(
                    directive.name.span,
                    "vordr honours `sticky cookie NAME` alone",
                    "write `sticky cookie NAME;`",
                );
                None
            }
        }
    }

    /// The name by which a pool is to be called when it is spoken with so; `None` where there is no such upstream.
    pub(super) fn pool(&mut self, name: &str, tls: bool, retry: Option<Retry>) -> Option<String> {
        let upstream = self.upstreams.get_mut(name)?;
        let wanted = Use { tls, retry };
        let at = upstream.uses.iter().position(|known| *known == wanted);
        let at = at.unwrap_or_else(|| {
            upstream.uses.push(wanted);
            upstream.uses.len() - 1
        });
        Some(pool_name(name, at))
    }

    /// The pools, each once for every way in which it is spoken with.
    pub(super) fn finish_upstreams(&mut self) -> Vec<Upstream> {
        let mut written: Vec<(String, Written)> = std::mem::take(&mut self.upstreams).into_iter().collect();
        written.sort_by_key(|(_, upstream)| upstream.span);
        let mut all = Vec::new();
        for (name, upstream) in written {
            let unused = Use { tls: false, retry: None };
            let uses = if upstream.uses.is_empty() { vec![unused] } else { upstream.uses.clone() };
            for (number, how) in uses.iter().enumerate() {
                all.push(upstream.spoken_with(Spanned::new(pool_name(&name, number), upstream.span), how));
            }
        }
        all
    }
}

impl Written {
    /// `max_conns`, where it is the same for all.
    fn connections_of_all(&self) -> Option<Spanned<Limit<u64>>> {
        let first = self.servers.first()?.connections.clone()?;
        let is_same =
            |server: &Server| server.connections.as_ref().is_some_and(|own| own.value == first.value);
        self.servers.iter().all(is_same).then_some(first)
    }

    fn spoken_with(&self, name: Spanned<String>, how: &Use) -> Upstream {
        let alike = self.connections_of_all();
        let server = |server: &Server| Server {
            endpoint: Spanned::new(
                Endpoint { tls: how.tls, address: server.endpoint.value.address.clone() },
                server.endpoint.span,
            ),
            weight: server.weight,
            backup: server.backup.clone(),
            down: server.down,
            connections: server.connections.clone().filter(|_| alike.is_none()),
        };
        let pool = Pool {
            balance: self.balance.clone(),
            sticky: self.sticky.clone(),
            passive: self.passive.clone(),
            retry: how.retry.clone().map(|retry| Spanned::new(retry, name.span)),
            keepalive: self.keepalive.clone(),
            keepalive_idle: self.keepalive_idle.clone(),
            slow_start: self.slow_start.clone(),
            connections: alike.clone(),
            ..Pool::default()
        };
        Upstream { servers: self.servers.iter().map(server).collect(), pool, name }
    }
}

/// A pool's name has no `.`, `:` or `/`, which would read like an address; a second way to speak with it has a number.
fn pool_name(name: &str, number: usize) -> String {
    let plain = name.replace(['.', ':', '/'], "-");
    if number == 0 { plain } else { format!("{plain}-{}", number + 1) }
}

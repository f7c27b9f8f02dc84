//! Addresses gathered over all servers, and what cannot stand together on one of them.

use crate::diagnostic::Diagnostic;
use crate::language::listen::Listen;
use crate::language::server::{Server, host_regex};
use crate::node::Reading;
use crate::source::{Span, Spanned};
use crate::table::{Address, Binding, Introduction, Listener, ServerId};
use std::collections::HashMap;

/// `trusts`: somebody is among `trusted-proxies`.
pub(super) fn compile(servers: &[Server], trusts: bool, reading: &mut Reading<'_>) -> Vec<Listener> {
    let mut gathered: Vec<Gathering> = Vec::new();
    let mut known: HashMap<&Address, usize> = HashMap::new();
    for (number, server) in servers.iter().enumerate() {
        for listen in &server.listens {
            check_tls(server, listen, reading);
            check_trust(listen, trusts, reading);
            let binding = Binding { server: ServerId(number), redirect_https: listen.redirect_https };
            let at = *known.entry(&listen.address.value).or_insert(gathered.len());
            if at == gathered.len() {
                gathered.push(Gathering::new(listen, binding));
            }
            if let Some(listener) = gathered.get_mut(at) {
                listener.join(server, listen, binding, reading);
            }
        }
    }
    gathered.into_iter().map(|listener| listener.finish(reading)).collect()
}

/// A PROXY header is believed only from a trusted proxy, and whoever else comes is let go.
fn check_trust(listen: &Listen, trusts: bool, reading: &mut Reading<'_>) {
    let believed = listen.proxy_protocol.as_ref().filter(|word| word.value == Introduction::Believed);
    if let (Some(on), false) = (believed, trusts) {
        reading.report(
            Diagnostic::error("nobody-trusted", on.span, "`proxy-protocol=on` lets nobody in")
                .label("only `trusted-proxies` may say who a client is")
                .help(
                    "add `vordr { trusted-proxies \"10.0.0.0/8\"; }` with the addresses of who is in front",
                ),
        );
    }
}

/// A listener while servers join it.
struct Gathering {
    listener: Listener,
    first: Span,
    /// The server that joined last.
    last: Option<ServerId>,
    /// Where each host stands.
    hosts: HashMap<String, Span>,
    default: Option<Span>,
}

impl Gathering {
    fn new(listen: &Listen, binding: Binding) -> Self {
        let listener = Listener {
            address: listen.address.value.clone(),
            tls: is_on(&listen.tls),
            proxy_protocol: introduction(listen),
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            trailing: HashMap::new(),
            regexes: Vec::new(),
            hostless: None,
            every_host: None,
            default: binding,
        };
        Self { listener, first: listen.address.span, last: None, hosts: HashMap::new(), default: None }
    }

    fn join(&mut self, server: &Server, listen: &Listen, binding: Binding, reading: &mut Reading<'_>) {
        self.check_kind(listen, reading);
        if self.last.replace(binding.server) == Some(binding.server) {
            return self.report_twice(listen, reading);
        }
        for host in &server.hosts {
            self.add_host(host, binding, reading);
        }
        if let Some(default) = server.default.as_ref().filter(|default| default.value) {
            if self.default.is_some_and(|earlier| earlier != default.span) {
                let message = format!("{} has two default servers", self.listener.address);
                reading.report(
                    Diagnostic::error("two-defaults", default.span, message)
                        .label("leave out one `default=on`"),
                );
            }
            self.default = Some(default.span);
            self.listener.default = binding;
        }
    }

    fn report_twice(&self, listen: &Listen, reading: &mut Reading<'_>) {
        let message = format!("this server listens on {} already", self.listener.address);
        reading.report(
            Diagnostic::error("duplicate-listen", listen.address.span, message)
                .label("leave one out, or name another address"),
        );
    }

    fn check_kind(&self, listen: &Listen, reading: &mut Reading<'_>) {
        let address = &self.listener.address;
        let differs = |how: &str| {
            let message = format!("{address} is listened on with {how}");
            let first = reading.sources.place(self.first);
            Diagnostic::error("mixed-listener", listen.address.span, message)
                .label("all servers on one address agree")
                .help(format!("the first `listen` on it is at {}:{}", first.file, first.line))
        };
        let faults = [
            (is_on(&listen.tls) != self.listener.tls).then(|| differs("TLS and without")),
            (introduction(listen) != self.listener.proxy_protocol).then(|| {
                differs(match (introduction(listen), self.listener.proxy_protocol) {
                    (Some(_), Some(_)) => "`proxy-protocol=on` and with `told`",
                    _ => "the PROXY protocol and without",
                })
            }),
        ];
        faults.into_iter().flatten().for_each(|fault| reading.report(fault));
    }

    fn add_host(&mut self, host: &Spanned<String>, binding: Binding, reading: &mut Reading<'_>) {
        if let Some(earlier) = self.hosts.insert(host.value.clone(), host.span) {
            let place = reading.sources.place(earlier);
            let message = format!("`{}` is served twice on {}", host.value, self.listener.address);
            let error = Diagnostic::error("duplicate-host", host.span, message).label("leave one out");
            return reading.report(error.help(format!("it stands at {}:{} too", place.file, place.line)));
        }
        if let Some(regex) = host_regex(&host.value) {
            return self.listener.regexes.push((regex, binding));
        }
        if host.value.is_empty() {
            self.listener.hostless = Some(binding);
            return;
        }
        if let Some(start) = host.value.strip_suffix('*').filter(|start| !start.is_empty()) {
            self.listener.trailing.insert(start.into(), binding);
            return;
        }
        match host.value.strip_prefix('*') {
            Some("") => self.listener.every_host = Some(binding),
            Some(suffix) => drop(self.listener.wildcard.insert(suffix.into(), binding)),
            None => drop(self.listener.exact.insert(bracketed(&host.value).into(), binding)),
        }
    }

    /// `server "*"` is the default where none is named; beside one that is named it takes nothing.
    fn finish(mut self, reading: &mut Reading<'_>) -> Listener {
        let Some(every_host) = self.listener.every_host else { return self.listener };
        match self.default {
            None => self.listener.default = every_host,
            Some(default) if self.listener.default.server != every_host.server => {
                let place = reading.sources.place(default);
                let message = format!("`*` is never reached on {}", self.listener.address);
                let span = self.hosts.get("*").copied().unwrap_or(self.first);
                reading.report(
                    Diagnostic::warning("dead-route", span, message)
                        .label("`default=on` elsewhere takes every other host")
                        .help(format!(
                            "it stands at {}:{}; leave out one of the two",
                            place.file, place.line
                        )),
                );
            }
            Some(_) => {}
        }
        self.listener
    }
}

fn is_on(switch: &Option<Spanned<bool>>) -> bool {
    switch.as_ref().is_some_and(|switch| switch.value)
}

fn introduction(listen: &Listen) -> Option<Introduction> {
    listen.proxy_protocol.as_ref().map(|word| word.value)
}

/// An IPv6 address stands in brackets in a Host header.
fn bracketed(host: &str) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

fn check_tls(server: &Server, listen: &Listen, reading: &mut Reading<'_>) {
    if is_on(&listen.tls) && server.tls.is_none() {
        let error = Diagnostic::error(
            "incomplete-tls",
            listen.address.span,
            "this server has no certificate to show",
        );
        reading.report(
            error.label("add `tls { cert \"…\"; key \"…\"; }`, or `tls { acme \"you@example.org\"; }`"),
        );
    }
    if is_on(&listen.tls) && listen.redirect_https {
        let error = Diagnostic::error(
            "conflict",
            listen.address.span,
            "`redirect=https` is for a listener without TLS",
        );
        reading.report(error.label("leave out one or the other"));
    }
}

//! Pools: the named ones, and those written in place.

use crate::diagnostic::{Diagnostic, nearest};
use crate::language::pool::Pool;
use crate::language::upstream::{Endpoint, Upstream as Written};
use crate::node::Reading;
use crate::placeholder::Template;
use crate::source::{Span, Spanned};
use crate::table::{Retry, ServerAddress, Upstream, UpstreamId, UpstreamServer};
use crate::value::Limit;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Idle connections kept to each server, where nothing is said.
const KEEPALIVE: usize = 128;
/// How long they are kept.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);

/// Every pool met so far.
#[derive(Default)]
pub(super) struct Pools {
    list: Vec<Upstream>,
    named: BTreeMap<String, UpstreamId>,
    /// Those written in place, by their addresses and whether TLS is spoken with them.
    inline: HashMap<(bool, Vec<ServerAddress>), Vec<UpstreamId>>,
    /// How many pools want the same name.
    namesakes: HashMap<String, usize>,
    /// URLs with placeholders.
    filled: Vec<Spanned<Template>>,
}

/// A pool, and whether TLS is spoken with it.
pub(super) struct Resolved {
    pub id: UpstreamId,
    pub tls: bool,
}

impl Pools {
    pub(super) fn new(written: &[Written], reading: &mut Reading<'_>) -> Self {
        let mut pools = Self::default();
        for upstream in written {
            pools.add_named(upstream, reading);
        }
        pools
    }

    fn add_named(&mut self, written: &Written, reading: &mut Reading<'_>) {
        let name = &written.name;
        if let Some(earlier) = self.named.get(&name.value).and_then(|id| self.list.get(id.0)) {
            let message = format!("there are two upstreams `{}`", name.value);
            reading.report(
                Diagnostic::error("duplicate-name", name.span, message)
                    .label("name one of them otherwise")
                    .help(format!("the other stands at {}:{}", earlier.place.file, earlier.place.line)),
            );
        }
        if name.value.is_empty() || name.value.contains([':', '/', '.']) {
            let message = format!("`{}` reads like an address, not like a name", name.value);
            reading.report(
                Diagnostic::error("bad-name", name.span, message).label("names have no `.`, `:` or `/`"),
            );
        }
        let endpoints: Vec<_> = written.servers.iter().map(|server| server.endpoint.clone()).collect();
        let tls = one_scheme(&endpoints, reading);
        let mut upstream = make(name.value.clone(), &endpoints, &written.pool, name.span, reading);
        for (server, written) in upstream.servers.iter_mut().zip(&written.servers) {
            server.weight = written.weight;
            server.backup = written.backup.as_ref().is_some_and(|backup| backup.value);
            server.down = written.down;
            if let Some(own) = &written.connections {
                server.connections = connections(own);
            }
        }
        if !upstream.servers.is_empty() && upstream.servers.iter().all(|server| server.backup) {
            let error =
                Diagnostic::error("only-backups", name.span, "every server of this upstream is a backup");
            reading.report(error.label("leave out one `backup=on`"));
        }
        upstream.named = true;
        upstream.tls = tls;
        self.named.insert(name.value.clone(), UpstreamId(self.list.len()));
        self.list.push(upstream);
    }

    /// An `upstream` by its name.
    pub(super) fn named(&self, name: &Spanned<String>, reading: &mut Reading<'_>) -> Option<Resolved> {
        if let Some(id) = self.named.get(&name.value) {
            return Some(Resolved { id: *id, tls: self.list.get(id.0).is_some_and(|known| known.tls) });
        }
        let message = format!("there is no upstream `{}`", name.value);
        let error = Diagnostic::error("unknown-upstream", name.span, message);
        if name.value.starts_with('$') {
            let variable = name.value.trim_start_matches('$');
            let variable = if variable.is_empty() { "NAME" } else { variable };
            reading.report(
                error.label(format!("a variable is written with braces, in quotes: `\"${{{variable}}}\"`")),
            );
            return None;
        }
        let meant = nearest(&name.value, self.named.keys().map(String::as_str));
        reading.report(match meant {
            Some(meant) => error.label(format!("did you mean `{meant}`?")),
            None => error
                .label(format!("add `upstream {} {{ server \"127.0.0.1:8000\"; }}`", name.value))
                .help("an address is written as a URL: `proxy \"http://127.0.0.1:8000\"`"),
        });
        None
    }

    /// In nginx, `http://app` is the upstream `app`; here it is a server of that name.
    fn warn_of_namesakes(&self, endpoints: &[Spanned<Endpoint>], reading: &mut Reading<'_>) {
        for endpoint in endpoints {
            let ServerAddress::Name(name, 80 | 443) = &endpoint.value.address else { continue };
            if self.named.contains_key(name) {
                let message = format!("this asks a server of the name `{name}`, and not the upstream");
                let warning = Diagnostic::warning("namesake", endpoint.span, message);
                reading.report(
                    warning
                        .label(format!("for the upstream write `proxy {name}`"))
                        .help(format!("for the server say its port: `\"http://{name}:8000\"`")),
                );
            }
        }
    }

    /// A pool written in place. Where the same addresses stand with the same words again, it is the same pool.
    pub(super) fn inline(
        &mut self,
        endpoints: &[Spanned<Endpoint>],
        pool: &Pool,
        reading: &mut Reading<'_>,
    ) -> Resolved {
        let tls = one_scheme(endpoints, reading);
        let span = endpoints.first().map(|endpoint| endpoint.span).unwrap_or_default();
        self.warn_of_namesakes(endpoints, reading);
        let mut upstream = make(String::new(), endpoints, pool, span, reading);
        upstream.tls = tls;
        let addresses = upstream.servers.iter().map(|server| server.address.clone()).collect();
        let alike = self.inline.entry((tls, addresses)).or_default();
        for id in alike.iter() {
            let Some(known) = self.list.get(id.0) else { continue };
            upstream.name.clone_from(&known.name);
            let place = std::mem::replace(&mut upstream.place, known.place.clone());
            if upstream == *known {
                return Resolved { id: *id, tls };
            }
            upstream.place = place;
        }
        let id = UpstreamId(self.list.len());
        alike.push(id);
        upstream.name = self.free_name(endpoints, tls);
        self.list.push(upstream);
        Resolved { id, tls }
    }

    /// What the pools have in common that a URL with placeholders leads to. Where its scheme is one of them, TLS may be
    /// spoken.
    pub(super) fn filled(
        &mut self,
        url: &Spanned<Template>,
        pool: &Pool,
        reading: &mut Reading<'_>,
    ) -> Resolved {
        let written = url.value.to_string();
        let name = written.split_once("://").map_or(written.as_str(), |(_, host)| host).to_owned();
        let tls = !written.starts_with("http://");
        let mut upstream = make(name, &[], pool, url.span, reading);
        upstream.tls = tls;
        let alike = |known: &Upstream| {
            known.servers.is_empty()
                && Upstream { place: upstream.place.clone(), ..known.clone() } == upstream
        };
        if let Some(at) = self.list.iter().position(alike) {
            return Resolved { id: UpstreamId(at), tls };
        }
        self.filled.push(url.clone());
        self.list.push(upstream);
        Resolved { id: UpstreamId(self.list.len() - 1), tls }
    }

    /// The URLs with placeholders.
    pub(super) fn filled_urls(&self) -> &[Spanned<Template>] {
        &self.filled
    }

    /// Every `upstream`.
    pub(super) fn all_named(&self) -> impl Iterator<Item = (String, UpstreamId)> {
        self.named.iter().map(|(name, id)| (name.clone(), *id))
    }

    /// A pool written in place is known by its first server, without the port that its scheme implies.
    fn free_name(&mut self, endpoints: &[Spanned<Endpoint>], tls: bool) -> String {
        let first = endpoints.first().map(|endpoint| endpoint.value.address.to_string()).unwrap_or_default();
        let usual = if tls { ":443" } else { ":80" };
        let first = first.strip_suffix(usual).unwrap_or(&first).to_owned();
        let taken = usize::from(self.named.contains_key(&first));
        let count = self.namesakes.entry(first.clone()).or_insert(taken);
        *count += 1;
        if *count == 1 { first } else { format!("{first}#{count}") }
    }

    pub(super) fn addresses(&self, id: UpstreamId) -> Vec<&ServerAddress> {
        let known = self.list.get(id.0);
        known.map(|known| known.servers.iter().map(|server| &server.address).collect()).unwrap_or_default()
    }

    /// Whether requests to the pool may go to more than one server without a client staying with its own.
    pub(super) fn scatters(&self, id: UpstreamId) -> bool {
        self.list.get(id.0).is_some_and(|known| {
            let active = known.servers.iter().filter(|server| !server.backup && !server.down).count();
            let by_client = !matches!(
                known.balance,
                crate::table::Balance::RoundRobin
                    | crate::table::Balance::LeastConn
                    | crate::table::Balance::Random
            );
            active > 1 && known.sticky.is_none() && !by_client
        })
    }

    pub(super) fn finish(self) -> Vec<Upstream> {
        self.list
    }
}

/// Whether a pool speaks TLS; its servers must agree.
fn one_scheme(endpoints: &[Spanned<Endpoint>], reading: &mut Reading<'_>) -> bool {
    let tls = endpoints.first().is_some_and(|endpoint| endpoint.value.tls);
    if let Some(other) = endpoints.iter().find(|endpoint| endpoint.value.tls != tls) {
        let error = Diagnostic::error(
            "mixed-schemes",
            other.span,
            "the servers of one pool speak http, or https, but not both",
        );
        reading.report(error.label("make it like the first one"));
    }
    tls
}

fn make(
    name: String,
    endpoints: &[Spanned<Endpoint>],
    pool: &Pool,
    span: Span,
    reading: &Reading<'_>,
) -> Upstream {
    let most = pool.connections.as_ref().and_then(connections);
    let servers = endpoints.iter().map(|endpoint| UpstreamServer {
        address: endpoint.value.address.clone(),
        weight: 1,
        backup: false,
        down: false,
        connections: most,
    });
    Upstream {
        name,
        named: false,
        tls: false,
        servers: servers.collect(),
        balance: pool.balance.as_ref().map(|balance| balance.value.clone()).unwrap_or_default(),
        sticky: pool.sticky.as_ref().map(|sticky| sticky.value.clone()),
        health: pool.health.as_ref().map(|health| health.value.clone()),
        passive: pool.passive.as_ref().map(|passive| passive.value.clone()),
        retry: pool.retry.as_ref().map_or_else(Retry::default, |retry| retry.value.clone()),
        try_for: pool.try_for.as_ref().map(|try_for| try_for.value),
        slow_start: pool.slow_start.as_ref().map(|slow_start| slow_start.value),
        keepalive: pool.keepalive.as_ref().map_or(KEEPALIVE, |keepalive| keepalive.value as usize),
        keepalive_idle: pool.keepalive_idle.as_ref().map_or(Some(KEEPALIVE_IDLE), |idle| idle.value.0),
        connections: most,
        place: reading.sources.place(span),
    }
}

fn connections(written: &Spanned<Limit<u64>>) -> Option<usize> {
    written.value.0.and_then(|most| usize::try_from(most).ok())
}

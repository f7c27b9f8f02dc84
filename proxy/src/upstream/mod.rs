//! The pools behind vordr: names resolved while it runs, servers chosen, checked and waited for, failures named.

mod announce;
mod authority;
mod balance;
mod bind;
mod both_ways;
mod check;
mod choose;
mod classify;
mod dial;
mod filled;
mod hash;
mod health;
mod member;
mod own;
mod patience;
mod peer;
mod pool;
mod queue;
mod race;
mod report;
mod reserve;
mod resolve;
mod standing;
mod sticky;
mod wait;
mod wish;

pub(crate) use authority::unusable_files;
pub(crate) use classify::{classify, was_refused};
pub(crate) use member::Member;
pub(crate) use pool::{Pool, Target};
pub(crate) use report::{PeerReport, PoolReport};
pub(crate) use reserve::Line;
pub(crate) use wait::Turn;

use crate::observe::Observer;
use crate::roots::Trust;
use crate::start_error::StartError;
use authority::Authorities;
use filled::FilledPools;
use patience::Patience;
use resolve::Names;
use std::net::SocketAddr;
use std::sync::Arc;
use vordr_rules::table::{Action, Location, Proxy, Resolver, Settings, Table, Upstream, UpstreamId};

/// The pools of one table. What is known of them and of their servers outlives it.
#[derive(Debug)]
pub(crate) struct Upstreams {
    /// In the table's order.
    pools: Vec<Arc<Pool>>,
    /// Those that requests named.
    filled: FilledPools,
    names: Names,
    authorities: Authorities,
    patience: Arc<Patience>,
}

impl Upstreams {
    /// Makes the pools of a table. A pool whose name was there before keeps what is known of it, and so does a
    /// server with the same address in it.
    pub(crate) fn new(
        table: &Table,
        nameserver: Option<SocketAddr>,
        before: Option<&Self>,
    ) -> Result<Arc<Self>, StartError> {
        let mut names = Names::new(nameserver.map(at).or_else(|| table.process.resolver.clone()));
        let mut authorities = Authorities::default();
        for proxy in proxies(table) {
            if let Some(tls) = &proxy.tls {
                authorities.add(tls)?;
            }
            let pools = leads_to(proxy).filter_map(|id| table.upstreams.get(id.0));
            for server in pools.flat_map(|pool| &pool.servers) {
                names.add(&server.address, proxy.resolve, before.map(|before| &before.names));
            }
        }
        let patience = Arc::new(Patience::new(table));
        let pools = table.upstreams.iter().map(|rules| {
            let known =
                before.and_then(|before| before.pools.iter().find(|pool| pool.rules.name == rules.name));
            let live = known.map(|known| known.live.clone()).unwrap_or_default();
            Pool::new(rules, first_proxy(table, rules), live, patience.clone(), &names)
        });
        let pools = pools.collect();
        Ok(Arc::new(Self { pools, filled: FilledPools::default(), names, authorities, patience }))
    }

    /// The pool that a `proxy` of this table names.
    fn pool(&self, id: UpstreamId) -> Option<&Arc<Pool>> {
        self.pools.get(id.0)
    }

    /// Against whose authorities upstreams are checked that name none of their own.
    pub(crate) fn trust(&self) -> Trust {
        self.authorities.trust()
    }

    /// Resolves names and checks servers, for ever.
    pub(crate) async fn look_after(self: Arc<Self>, observer: Arc<Observer>) {
        let this = self.clone();
        let refresh = move || this.pools.iter().for_each(|pool| pool.refresh(&this.names));
        tokio::join!(self.names.resolve(Arc::new(refresh)), self.clone().watch_health(observer));
    }
}

/// One name server, for all names.
fn at(nameserver: SocketAddr) -> Resolver {
    Resolver {
        servers: vec![nameserver],
        valid: None,
        timeout: None,
        ipv4: true,
        ipv6: true,
        placeholders_alone: false,
    }
}

/// The first `proxy` that names a pool, or else the first by which a request may name it: as it speaks with the pool's
/// servers, so do the checks.
fn first_proxy<'t>(table: &'t Table, pool: &Upstream) -> Option<&'t Proxy> {
    let is_it = |id: UpstreamId| table.upstreams.get(id.0).is_some_and(|known| known.name == pool.name);
    let may_name = |proxy: &&Proxy| leads_to(proxy).any(is_it) && (proxy.tls.is_some() || !pool.tls);
    proxies(table).find(|proxy| is_it(proxy.upstream)).or_else(|| proxies(table).find(may_name))
}

/// The pool of a `proxy`, and those that requests may name by it.
fn leads_to(proxy: &Proxy) -> impl Iterator<Item = UpstreamId> {
    let named = proxy.filled.iter().flat_map(|filled| &filled.pools).map(|(_, id)| *id);
    std::iter::once(proxy.upstream).chain(named)
}

/// Every `proxy` of the rules, those of `on-error` included.
fn proxies(table: &Table) -> impl Iterator<Item = &Proxy> {
    table.servers.iter().flat_map(|server| {
        let inner = server.locations.iter().flat_map(actions);
        let own = [&server.settings].into_iter().chain(server.early.as_deref());
        inner.chain(own.flat_map(fallbacks)).filter_map(|action| match action {
            Action::Proxy(proxy) => Some(&**proxy),
            _ => None,
        })
    })
}

fn actions(location: &Location) -> impl Iterator<Item = &Action> {
    with_otherwise(&location.action).chain(fallbacks(&location.settings))
}

fn fallbacks(settings: &Settings) -> impl Iterator<Item = &Action> {
    settings.on_error.iter().flat_map(|on_error| with_otherwise(&on_error.action))
}

/// An action, and what it does where it finds nothing.
fn with_otherwise(action: &Action) -> impl Iterator<Item = &Action> {
    let otherwise = match action {
        Action::Files(files) => files.otherwise.as_deref(),
        _ => None,
    };
    std::iter::once(action).chain(otherwise)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::balance::By;
    use super::pool::Unavailable;
    use super::wish::Wish;
    use super::*;
    use std::time::Duration;
    use vordr_rules::InMemory;
    use vordr_rules::table::Passive;

    fn upstreams(pool: &str, before: Option<&Upstreams>) -> Arc<Upstreams> {
        let rules = format!(
            "upstream app {{ {pool} }}\nserver a.test {{ listen 8080; location \"/\" {{ proxy app; }} }}"
        );
        let table = vordr_rules::load("test.kdl", &rules, &InMemory::default()).unwrap().table;
        Upstreams::new(&table, None, before).unwrap()
    }

    fn states(upstreams: &Upstreams) -> Vec<(String, bool, usize)> {
        let report = upstreams.report();
        report[0].peers.iter().map(|peer| (peer.address.clone(), peer.up, peer.in_flight)).collect()
    }

    #[test]
    fn what_is_known_of_a_server_is_kept_when_other_rules_have_it_too() {
        let first = upstreams(r#"server "10.0.0.1:80"; server "10.0.0.2:80""#, None);
        let members = first.pools[0].members();
        let passive = Passive { fails: 1, within: Duration::from_secs(9), pause: Duration::from_secs(9) };
        members[0].standing.failed(&passive, "refused");
        let _slot = members[1].standing.take(None).unwrap();
        let next = upstreams(
            r#"server "10.0.0.3:80"; server "10.0.0.2:80"; server "10.0.0.1:80" weight=2"#,
            Some(&first),
        );
        let expected = [("10.0.0.3:80", true, 0), ("10.0.0.2:80", true, 1), ("10.0.0.1:80", false, 0)];
        let expected = expected.map(|(address, up, in_flight)| (address.to_owned(), up, in_flight));
        assert_eq!(states(&next), expected);
    }

    #[test]
    fn a_server_that_is_gone_is_forgotten_once_nobody_uses_it() {
        let first = upstreams(r#"server "10.0.0.1:80"; server "10.0.0.2:80""#, None);
        let passive = Passive { fails: 1, within: Duration::from_secs(9), pause: Duration::from_secs(9) };
        first.pools[0].members()[0].standing.failed(&passive, "refused");
        let without = upstreams(r#"server "10.0.0.2:80""#, Some(&first));
        drop(first);
        let again = upstreams(r#"server "10.0.0.1:80"; server "10.0.0.2:80""#, Some(&without));
        assert!(states(&again).iter().all(|(_, up, _)| *up));
    }

    #[test]
    fn only_other_servers_are_news() {
        let upstreams = upstreams(r#"server "10.0.0.1:80"; server "chat.test:80""#, None);
        let pool = &upstreams.pools[0];
        let is_news = || std::pin::pin!(pool.refreshed.notified()).enable();
        assert!(is_news());
        pool.refresh(&upstreams.names);
        assert!(!is_news());
    }

    #[test]
    fn whoever_chooses_at_once_with_others_finds_a_server_that_is_up() {
        for (balance, most) in [("least-conn", ""), ("random", ""), ("round-robin", "connections=1")] {
            let servers = (1..=3).map(|number| format!("server \"10.0.0.{number}:80\" {most}; "));
            let upstreams = upstreams(&format!("{} balance {balance}", servers.collect::<String>()), None);
            let by = match balance {
                "least-conn" => By::LeastBusy,
                "random" => By::TwoChoices,
                _ => By::Turn,
            };
            let choose = || {
                let choice = || upstreams.pools[0].choose(&Wish { by, mark: None, tried: &[] });
                let held = |_| choice().inspect(|_| std::thread::yield_now()).err();
                let mut failures = (0..20_000).filter_map(held);
                failures.find(|failure| *failure != Unavailable::Busy)
            };
            let found = std::thread::scope(|scope| {
                let others: Vec<_> = (0..3).map(|_| scope.spawn(choose)).collect();
                others.into_iter().find_map(|other| other.join().unwrap())
            });
            assert_eq!(found, None, "{balance}");
        }
    }

    #[test]
    fn a_server_whose_name_is_not_resolved_is_not_up() {
        let first = upstreams(r#"server "chat.test:80""#, None);
        assert_eq!(states(&first), [("chat.test:80".to_owned(), false, 0)]);
        assert_eq!(first.report()[0].peers[0].problem.as_deref(), Some("not asked yet"));
    }
}

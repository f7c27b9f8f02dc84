//! `health`: servers asked now and then, out after so many failures and in again after so many successes.

use super::Upstreams;
use super::choose::tell;
use super::member::Member;
use super::pool::Pool;
use crate::observe::Observer;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use vordr_rules::table::Health;

/// How long after a failure checks are tried to begin with again.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);

impl Upstreams {
    /// Checks every server of every pool that says so, for ever.
    pub(super) async fn watch_health(self: Arc<Self>, observer: Arc<Observer>) {
        // It may read the system's authorities, which takes a while.
        let connector = match self.pools.iter().any(|pool| pool.rules.health.is_some()) {
            true => Some(self.connector(&observer).await),
            false => None,
        };
        let mut pools = JoinSet::new();
        for pool in &self.pools {
            match pool.rules.health.as_ref().zip(connector.as_ref()) {
                Some((health, connector)) => {
                    let (upstreams, pool, health) = (self.clone(), pool.clone(), health.clone());
                    pools.spawn(upstreams.watch_pool(pool, health, connector.clone(), observer.clone()));
                }
                None => forget(pool, &observer),
            }
        }
        while pools.join_next().await.is_some() {}
    }

    /// What checks are made with; there may be no descriptors left for it now.
    async fn connector(&self, observer: &Observer) -> Arc<Connector> {
        let options = |ca_file| ConnectorOptions { ca_file, ..ConnectorOptions::new(1) };
        loop {
            match self.trust().made(|ca_file| Connector::new(Some(options(ca_file)))) {
                Ok(connector) => return Arc::new(connector),
                Err(error) => {
                    let fields = [("reason", &*error.to_string())];
                    observer.log().error("health checks cannot begin yet", &fields);
                    tokio::time::sleep(BEGIN_AGAIN).await;
                }
            }
        }
    }

    /// Checks the servers of one pool, whoever they are.
    async fn watch_pool(
        self: Arc<Self>,
        pool: Arc<Pool>,
        health: Health,
        connector: Arc<Connector>,
        observer: Arc<Observer>,
    ) {
        let mut watched = Watched::default();
        loop {
            let changed = pool.refreshed.notified();
            watched.follow(pool.members(), |member| {
                let watch = Watch {
                    upstreams: self.clone(),
                    pool: pool.clone(),
                    member,
                    health: health.clone(),
                    connector: connector.clone(),
                    observer: observer.clone(),
                };
                watch.run()
            });
            changed.await;
        }
    }
}

/// The servers of a pool that are watched; the watches end with it.
#[derive(Default)]
struct Watched {
    members: Vec<(Arc<Member>, AbortHandle)>,
    watches: JoinSet<()>,
}

impl Watched {
    /// Ends the watches of servers that are gone, and begins those of new ones. Those that stay count on.
    fn follow<W>(&mut self, members: Vec<Arc<Member>>, watch: impl Fn(Arc<Member>) -> W)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        self.members.retain(|(watched, handle)| {
            let stays = members.iter().any(|member| is_same(watched, member));
            if !stays {
                handle.abort();
            }
            stays
        });
        for member in members {
            if !self.members.iter().any(|(watched, _)| is_same(watched, &member)) {
                let handle = self.watches.spawn(watch(member.clone()));
                self.members.push((member, handle));
            }
        }
        while self.watches.try_join_next().is_some() {}
    }
}

/// Whether a check of the one is a check of the other, whatever share of the requests they have.
fn is_same(one: &Member, other: &Member) -> bool {
    Arc::ptr_eq(&one.standing, &other.standing) && Arc::ptr_eq(&one.endpoint, &other.endpoint)
}

/// Servers that earlier rules found unwell, and that are no longer checked, are given another chance.
fn forget(pool: &Pool, observer: &Observer) {
    for member in pool.members().iter().filter(|member| member.standing.is_unwell()) {
        member.standing.set_well(true, "it is no longer checked");
        tell(observer, member, true, &[("reason", "it is no longer checked")]);
    }
}

/// The checks of one server.
struct Watch {
    upstreams: Arc<Upstreams>,
    pool: Arc<Pool>,
    member: Arc<Member>,
    health: Health,
    connector: Arc<Connector>,
    observer: Arc<Observer>,
}

impl Watch {
    async fn run(self) {
        let mut tally = Tally::default();
        loop {
            let begun = Instant::now();
            let outcome = self.check().await;
            let well = !self.member.standing.is_unwell();
            if let Some(now_well) = tally.count(&self.health, well, outcome.is_ok()) {
                let reason = outcome.err().unwrap_or_else(|| "it answers its checks".to_owned());
                self.set_well(now_well, &reason);
            }
            tokio::time::sleep_until(begun + jittered(self.health.every)).await;
        }
    }

    /// Tells of it where the server is out, or in again, because of it: live requests may have taken it out too.
    fn set_well(&self, well: bool, reason: &str) {
        let standing = &self.member.standing;
        let was_up = standing.is_up();
        standing.set_well(well, reason);
        if standing.is_up() != was_up {
            tell(&self.observer, &self.member, well, &[("reason", reason)]);
        }
    }

    async fn check(&self) -> Result<(), String> {
        let check = self.upstreams.check(&self.connector, &self.pool, &self.member, &self.health.check);
        match tokio::time::timeout(self.health.timeout, check).await {
            Ok(outcome) => outcome,
            Err(_) => Err("it did not answer within `health timeout`".to_owned()),
        }
    }
}

/// A little early, so that many checks do not stay in step, and a server is out within `every` times `fall`.
fn jittered(every: Duration) -> Duration {
    every.mul_f64(0.9 + fastrand::f64() * 0.1)
}

/// Checks in a row that contradict what a server is taken for.
#[derive(Debug, Default)]
struct Tally {
    contradictions: u32,
}

impl Tally {
    /// Counts a check of a server that is taken for `well` or not; the new verdict, if there is one.
    fn count(&mut self, health: &Health, well: bool, succeeded: bool) -> Option<bool> {
        if well == succeeded {
            self.contradictions = 0;
            return None;
        }
        self.contradictions += 1;
        let enough = if well { health.fall } else { health.rise };
        if self.contradictions < enough {
            return None;
        }
        self.contradictions = 0;
        Some(succeeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::member::tests::member;
    use std::cell::RefCell;
    use vordr_rules::table::Check;

    fn health() -> Health {
        let second = Duration::from_secs(1);
        Health { check: Check::Tcp, every: second, timeout: second, fall: 3, rise: 2 }
    }

    #[test]
    fn so_many_failures_in_a_row_take_a_server_out_and_so_many_successes_bring_it_back() {
        let (health, mut tally) = (health(), Tally::default());
        let mut count = |well, succeeded| tally.count(&health, well, succeeded);
        assert_eq!((count(true, false), count(true, false)), (None, None));
        assert_eq!(count(true, true), None, "one success, and the count begins again");
        assert_eq!((count(true, false), count(true, false)), (None, None));
        assert_eq!(count(true, false), Some(false));
        assert_eq!((count(false, true), count(false, false), count(false, true)), (None, None, None));
        assert_eq!(count(false, true), Some(true));
    }

    #[tokio::test]
    async fn a_server_that_stays_is_watched_on_when_others_come_and_go() {
        let members = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"].map(|address| member(address, 1));
        let begun = RefCell::new(String::new());
        let watch = |member: Arc<Member>| {
            begun.borrow_mut().push_str(member.name.trim_start_matches("10.0.0.").trim_end_matches(":80"));
            std::future::pending()
        };
        let [one, two, three] = members;
        let mut watched = Watched::default();
        watched.follow(vec![one.clone(), two.clone()], watch);
        watched.follow(vec![two.clone(), three], watch);
        assert_eq!(*begun.borrow(), "123");
        assert_eq!(watched.members.len(), 2);
        watched.follow(vec![one, two], watch);
        assert_eq!(*begun.borrow(), "1231");
    }

    #[test]
    fn checks_are_never_later_than_every() {
        let every = Duration::from_secs(10);
        assert!((0..100).all(|_| jittered(every) <= every && jittered(every) >= Duration::from_secs(9)));
    }
}

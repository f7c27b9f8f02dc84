//! Pools that requests name by themselves: made when one is asked for, and forgotten again.
//!
//! A name is asked for when a request needs it, and not before its answer is too old: nobody can have vordr ask for
//! many names again and again.

use super::Upstreams;
use super::pool::Pool;
use super::resolve::Names;
use crate::exchange::{Exchange, Failure, Filled, Goal};
use http::request::Parts;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Turn;
use vordr_rules::table::{Proxy, ServerAddress, Upstream, UpstreamId, UpstreamServer};

/// How many are kept: whoever names many hosts must not fill the memory.
const MOST: usize = 256;
/// How long it is believed that a name leads nowhere.
const NOWHERE: Duration = Duration::from_secs(1);

/// The pools that are kept.
#[derive(Debug, Default)]
pub(super) struct FilledPools {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<Key, Slot>,
    /// Counted up with each use.
    uses: u64,
}

/// The `proxy`, where it leads, and whether TLS is spoken.
type Key = (usize, ServerAddress, bool);

#[derive(Debug)]
struct Slot {
    last_use: u64,
    found: Arc<Turn<Option<Found>>>,
}

/// What a name came to.
#[derive(Debug, Clone)]
struct Found {
    pool: Result<Arc<Pool>, String>,
    until: Option<Instant>,
}

impl Found {
    fn is_fresh(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

impl Upstreams {
    /// Finds the pool that a request names, where the rules leave that to it.
    pub(crate) async fn fill(&self, exchange: &mut Exchange, request: &Parts) -> Result<(), Failure> {
        if exchange.filled.is_some() {
            return Ok(());
        }
        let Some(goal) = exchange.goal(request).transpose()? else { return Ok(()) };
        let Some(proxy) = exchange.proxy() else { return Ok(()) };
        let pool = match self.named(proxy, &goal) {
            Some(pool) => pool.clone(),
            None => {
                let connect = exchange.settings().and_then(|settings| settings.timeouts.connect);
                let limit = self.names.timeout().into_iter().chain(connect).min();
                let found = self.made(proxy, &goal, limit.unwrap_or(Duration::MAX)).await;
                found.map_err(|reason| Failure::NoUpstream(format!("{}: {reason}", goal.authority)))?
            }
        };
        exchange.filled = Some(Box::new(Filled { pool, goal }));
        Ok(())
    }

    /// A pool of the rules by its name.
    fn named(&self, proxy: &Proxy, goal: &Goal) -> Option<&Arc<Pool>> {
        let pools = &proxy.filled.as_deref()?.pools;
        let mut named = pools.iter().filter(|(name, _)| *name == goal.authority);
        named.find_map(|(_, id)| self.pool(*id).filter(|pool| pool.rules.tls == goal.tls))
    }

    async fn made(&self, proxy: &Proxy, goal: &Goal, limit: Duration) -> Result<Arc<Pool>, String> {
        let usual = if goal.tls { 443 } else { 80 };
        let address = ServerAddress::of_authority(&goal.authority, usual).ok_or("it is no host")?;
        let slot = self.filled.slot((proxy.upstream.0, address.clone(), goal.tls));
        // Whoever asks for the same meanwhile waits for this answer.
        let mut found = slot.lock().await;
        if let Some(known) = found.as_ref().filter(|known| known.is_fresh()) {
            return known.pool.clone();
        }
        // Not taken out: whoever goes away meanwhile leaves the last good answer there.
        let before = found.as_ref().and_then(|known| known.pool.as_ref().ok()).cloned();
        let fresh = self.look_up(proxy, address, before, limit).await;
        let pool = fresh.pool.clone();
        *found = Some(fresh);
        pool
    }

    async fn look_up(
        &self,
        proxy: &Proxy,
        address: ServerAddress,
        before: Option<Arc<Pool>>,
        limit: Duration,
    ) -> Found {
        let mut names = self.names.of_requests();
        names.add(&address, proxy.resolve, None);
        let answer = tokio::time::timeout(limit, names.ask_once(&address)).await;
        let answer = answer.unwrap_or_else(|_| Err("no name server answered in time".to_owned()));
        let until = match (answer, &before) {
            (Ok(lasts), _) => lasts.map(|lasts| Instant::now() + lasts),
            // The last good answer is kept: an old address that works is better than none.
            (Err(_), Some(pool)) => {
                return Found { pool: Ok(pool.clone()), until: Some(Instant::now() + NOWHERE) };
            }
            (Err(reason), None) => {
                return Found { pool: Err(reason), until: Some(Instant::now() + NOWHERE) };
            }
        };
        let pool = match before {
            Some(pool) => {
                pool.refresh(&names);
                Ok(pool)
            }
            None => self.pool_at(proxy, address, &names).ok_or_else(|| "there are no such rules".to_owned()),
        };
        Found { pool, until }
    }

    fn pool_at(&self, proxy: &Proxy, address: ServerAddress, names: &Names) -> Option<Arc<Pool>> {
        let servers =
            vec![UpstreamServer { address, weight: 1, backup: false, down: false, connections: None }];
        let rules = Upstream { servers, ..self.pool(UpstreamId(proxy.upstream.0))?.rules.clone() };
        Some(Pool::of_requests(rules, proxy, self.patience.clone(), names))
    }
}

impl FilledPools {
    /// The place of a pool; that which was not used for longest makes room.
    fn slot(&self, key: Key) -> Arc<Turn<Option<Found>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { by_key, uses } = &mut *kept;
        *uses += 1;
        if !by_key.contains_key(&key) && by_key.len() >= MOST {
            let oldest = by_key.iter().min_by_key(|(_, slot)| slot.last_use).map(|(key, _)| key.clone());
            oldest.map(|oldest| by_key.remove(&oldest));
        }
        let slot = by_key.entry(key).or_insert_with(|| Slot { last_use: 0, found: Arc::default() });
        slot.last_use = *uses;
        slot.found.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_kept_than_there_is_room_for_and_those_in_use_stay() {
        let pools = FilledPools::default();
        let key = |number: usize| (0, ServerAddress::Name(format!("h{number}.test"), 80), false);
        let first = pools.slot(key(0));
        for number in 1..MOST * 3 {
            pools.slot(key(number));
            assert!(Arc::ptr_eq(&first, &pools.slot(key(0))), "{number}");
        }
        assert_eq!(pools.kept.lock().map(|kept| kept.by_key.len()).ok(), Some(MOST));
    }
}

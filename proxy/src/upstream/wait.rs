//! How long a request waits for a server: `try-for`, and the queue of `connections`.

use super::Upstreams;
use super::queue::{Scout, Waiting};
use crate::exchange::{Exchange, Failure};
use std::time::{Duration, Instant};

/// How often a request that waits looks by itself whether there is a server.
const LOOK: Duration = Duration::from_millis(250);

/// A request's wait for a server, over all its attempts.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    since: Option<Instant>,
    place: Option<Waiting>,
    /// It went ahead of the others that wait.
    scout: Option<Scout>,
    /// What it waits for is a server, and not a place at one.
    none_up: bool,
    /// Nothing could be connected to, so that others that wait need not try at once too.
    pub(crate) refused: bool,
}

impl Upstreams {
    /// Waits until a server may be there, having found none because of `failure`.
    pub(crate) async fn wait(
        &self,
        exchange: &Exchange,
        turn: &mut Turn,
        failure: Failure,
    ) -> Result<(), Failure> {
        let Some((pool, _)) = self.pool_of(exchange) else { return Err(failure) };
        let first = turn.since.is_none();
        let since = *turn.since.get_or_insert_with(Instant::now);
        let connect = exchange.settings().and_then(|settings| settings.timeouts.connect);
        let limit = match (&failure, pool.rules.try_for) {
            // `off` is no limit, and so is whatever is longer.
            (Failure::QueueFull, try_for) => connect.map(|connect| connect.max(try_for.unwrap_or_default())),
            (_, Some(try_for)) => Some(try_for),
            // Right after the start, a name may just have been asked for.
            (Failure::Dns(_), None) if first => {
                self.asked(exchange, connect).await;
                return Ok(());
            }
            _ => return Err(failure),
        };
        turn.scout = None;
        turn.none_up = failure != Failure::QueueFull;
        if turn.place.is_none() {
            turn.place = pool.live.queue.enter();
        }
        let Some(place) = &turn.place else { return Err(Failure::QueueFull) };
        loop {
            let left = limit.map_or(LOOK, |limit| limit.saturating_sub(since.elapsed()));
            if left.is_zero() {
                return Err(if failure == Failure::QueueFull { failure } else { Failure::NeverUp });
            }
            let change = async {
                match turn.none_up {
                    true => place.server().await,
                    false => place.place().await,
                }
            };
            let changed = tokio::time::timeout(left.min(LOOK), change).await.is_ok();
            if !turn.refused || changed {
                break;
            }
            turn.scout = pool.live.queue.scout(LOOK);
            if turn.scout.is_some() {
                break;
            }
        }
        turn.refused = false;
        Ok(())
    }

    /// Waits until the names of the pool have been looked up once, but no longer than a connection may take.
    async fn asked(&self, exchange: &Exchange, limit: Option<Duration>) {
        let Some((pool, _)) = self.pool_of(exchange) else { return };
        let all = async {
            for server in &pool.rules.servers {
                self.names.asked(&server.address).await;
            }
        };
        // Whether it was answered in time is seen when a server is chosen again.
        let _ = tokio::time::timeout(limit.unwrap_or(Duration::MAX), all).await;
    }

    /// Whether a request that could connect nowhere waits for a server to come up; [`Upstreams::wait`] ends that.
    pub(crate) fn may_wait(&self, exchange: &Exchange) -> bool {
        self.pool_of(exchange).is_some_and(|(pool, _)| pool.rules.try_for.is_some())
    }

    /// A server was connected to: those who wait for one need not any longer.
    pub(crate) fn connected(&self, exchange: &Exchange, turn: &mut Turn) {
        let had_place = turn.place.take().is_some();
        turn.scout = None;
        if let (true, Some((pool, _))) = (had_place && turn.none_up, self.pool_of(exchange)) {
            pool.live.queue.wake_all();
        }
    }
}

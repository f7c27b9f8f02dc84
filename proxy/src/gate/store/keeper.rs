//! Looks after the store: connects, asks from time to time whether it is still there, and tells when it is not.

use super::{Connection, State, Store, bucket};
use crate::observe::Observer;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use vordr_rules::table::{LimitStore, OnFailure};

/// How long a connection may take to be made, TLS and password included.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a connection is tried on which nobody asks anything.
const EVERY: Duration = Duration::from_secs(5);
/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection that lasted so long is no failure of its own.
const STEADY: Duration = Duration::from_secs(10);

impl Store {
    /// Connects, and connects again whenever the store was lost; until dropped, which ends no connection.
    pub(crate) async fn look_after(&self, rules: LimitStore, observer: &Observer) {
        // Those who look after it by older rules end at once; then it is one again.
        let _alone = self.kept.lock().await;
        let mut failures = 0;
        loop {
            let connected = match self.connection.load_full() {
                Some(known) => Ok(known),
                None => self.connect(rules.timeout).await,
            };
            let since = Instant::now();
            let reason = match connected {
                Ok(connection) => {
                    self.is_up(observer);
                    self.until_lost(&connection, rules.timeout).await
                }
                Err(reason) => reason,
            };
            self.is_down(&rules, reason, observer);
            failures = if since.elapsed() >= STEADY { 0 } else { failures + 1 };
            sleep(pause(failures, fastrand::f64())).await;
        }
    }

    /// A connection over which the store has counted in time: not every Redis that answers also writes.
    async fn connect(&self, patience: Duration) -> Result<Arc<Connection>, String> {
        let connecting = timeout(PATIENCE, super::link::connect(&self.address, self.tls.as_ref())).await;
        let link = connecting.map_err(|_| format!("no connection within {} s", PATIENCE.as_secs()))??;
        let connection = Arc::new(Connection::over(link));
        connection.take(bucket::TRIAL, &bucket::trial(), Instant::now() + patience).await?.ok();
        self.connection.store(Some(connection.clone()));
        Ok(connection)
    }

    /// Waits until the connection is of no use any more; why it is not.
    async fn until_lost(&self, connection: &Connection, patience: Duration) -> String {
        loop {
            tokio::select! {
                () = connection.lost.cancelled() => break,
                () = connection.link.closed.cancelled() => {
                    self.lose(connection, "the connection was closed".to_owned());
                }
                () = sleep(EVERY) => {
                    let end = Instant::now() + patience;
                    if let Err(reason) = connection.take(bucket::TRIAL, &bucket::trial(), end).await {
                        self.lose(connection, reason);
                    }
                }
            }
        }
        connection.reason.get().cloned().unwrap_or_default()
    }

    fn is_up(&self, observer: &Observer) {
        if self.state.send_replace(State::Up) != State::Up {
            observer.log().info("the limit store is up", &[("store", &self.address())]);
        }
    }

    fn is_down(&self, rules: &LimitStore, reason: String, observer: &Observer) {
        let before = self.state.send_replace(State::Down(reason.clone()));
        if matches!(before, State::Down(_)) {
            return;
        }
        let meanwhile = match rules.on_failure {
            OnFailure::Open => "each vordr counts for itself",
            OnFailure::Closed => "requests with a limit are answered 503",
        };
        let store = self.address();
        let fields = [("store", store.as_str()), ("reason", &reason), ("meanwhile", meanwhile)];
        observer.log().warn("the limit store is down", &fields);
    }
}

/// How long to wait after so many failures in a row, spread by `chance`, between 0 and 1: several vordr that lost the
/// same store do not all come back to it at once.
fn pause(failures: u32, chance: f64) -> Duration {
    let doubled =
        FIRST_PAUSE.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_PAUSE).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_five_seconds_and_are_spread() {
        let milliseconds = |failures, chance| pause(failures, chance).as_millis();
        assert_eq!(
            [1, 2, 3, 7, 100].map(|failures| milliseconds(failures, 1.0)),
            [100, 200, 400, 5000, 5000]
        );
        assert_eq!(milliseconds(0, 0.0), 50);
        assert_eq!(milliseconds(7, 0.0), 2500);
    }
}

//! `limit-store`: buckets that several vordr share, in a Redis whose clock they all go by.
//!
//! Workers ask it over one connection, which the control thread makes and carries. As soon as one of them waits in vain
//! the connection is given up, and nobody waits any more until there is another.

mod bucket;
mod keeper;
mod link;

use crate::exchange::CountedFor;
use crate::start_error::StartError;
use arc_swap::ArcSwapOption;
use bucket::Pace;
use link::Link;
use redis::Script;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use vordr_rules::table::{LimitStore, RateLimit, StoreAddress};

/// One round trip for each request.
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("store/take.lua")));

/// The store of one set of rules, and of those after it that name the same.
pub(crate) struct Store {
    address: StoreAddress,
    tls: Option<TlsConnector>,
    /// `None` while it is down.
    connection: ArcSwapOption<Connection>,
    state: watch::Sender<State>,
    /// Held by whoever looks after it.
    kept: Mutex<()>,
}

/// How the store is, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It is being asked for the first time.
    Unknown,
    /// It counts.
    Up,
    /// It does not, and why.
    Down(String),
}

/// A connection that has counted.
#[derive(Debug)]
struct Connection {
    link: Link,
    /// Cancelled when somebody has waited in vain.
    lost: CancellationToken,
    /// Why; whoever is first says so.
    reason: OnceLock<String>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Store {
    /// The store that the rules name: the one of `old`, with its connection, where that is the same. Nobody is asked
    /// yet.
    pub(crate) fn open(rules: &LimitStore, old: Option<&Arc<Self>>) -> Result<Arc<Self>, StartError> {
        if let Some(known) = old.filter(|known| known.address == rules.address) {
            return Ok(known.clone());
        }
        let tls = rules.address.tls.then(link::tls).transpose().map_err(StartError::LimitStore)?;
        Ok(Arc::new(Self {
            address: rules.address.clone(),
            tls,
            connection: ArcSwapOption::empty(),
            state: watch::Sender::new(State::Unknown),
            kept: Mutex::default(),
        }))
    }

    /// Its URL, without the password.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// How it is.
    pub(crate) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Takes a token, and says for how long its request is to wait; or how long it takes until there is a token. `None`
    /// where the store does not answer in time.
    pub(super) async fn take(
        &self,
        name: CountedFor<'_>,
        key: &[u8],
        limit: &RateLimit,
        patience: Duration,
    ) -> Option<Result<Duration, Duration>> {
        let end = Instant::now() + patience;
        let connection = self.connected(end).await?;
        let pace = Pace::of(limit);
        match connection.take(&bucket::name(name, key), &pace, end).await {
            Ok(Ok(filling)) => Some(Ok(pace.turn(limit, filling))),
            Ok(Err(wait)) => Some(Err(wait)),
            Err(reason) => {
                self.lose(&connection, reason);
                None
            }
        }
    }

    /// The connection, if there is one. Right after the start it is waited for.
    async fn connected(&self, end: Instant) -> Option<Arc<Connection>> {
        let connection = self.connection.load_full();
        if connection.is_some() || *self.state.borrow() != State::Unknown {
            return connection;
        }
        let mut state = self.state.subscribe();
        let _ = timeout_at(end, state.wait_for(|state| *state != State::Unknown)).await;
        self.connection.load_full()
    }

    /// Gives a connection up; there is no other until its keeper has heard of it.
    fn lose(&self, connection: &Connection, reason: String) {
        if connection.reason.set(reason).is_ok() {
            self.connection.store(None);
            connection.lost.cancel();
        }
    }
}

impl Connection {
    fn over(link: Link) -> Self {
        Self { link, lost: CancellationToken::new(), reason: OnceLock::new() }
    }

    /// Takes a token from a bucket: how long that takes to fill then, or how long it takes until there is a token.
    async fn take(
        &self,
        bucket: &str,
        pace: &Pace,
        end: Instant,
    ) -> Result<Result<Duration, Duration>, String> {
        let mut invocation = TAKE.key(bucket);
        invocation.arg(pace.each).arg(pace.whole);
        let mut redis = self.link.redis.clone();
        match timeout_at(end, invocation.invoke_async::<i64>(&mut redis)).await {
            Ok(Ok(wait @ 1..)) => Ok(Err(Duration::from_micros(wait.unsigned_abs()))),
            Ok(Ok(filling)) => Ok(Ok(Duration::from_micros(filling.unsigned_abs()))),
            Ok(Err(error)) => Err(link::told(&error)),
            Err(_) => Err("no answer within `limit-store … timeout`".to_owned()),
        }
    }
}

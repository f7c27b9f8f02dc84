//! The keys of an issuer at a URL: fetched when they are first wanted, and again when they may have been rotated.

use super::token::KeySet;
use crate::ask::{self, Asker};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long keys are used without being asked for again.
const FRESH: Duration = Duration::from_secs(600);
/// How long it is until they are asked for again, whatever came of it: tokens with made-up keys are cheap.
const PAUSE: Duration = Duration::from_secs(10);

/// The keys at one URL.
#[derive(Debug)]
pub(super) struct Issuer {
    url: Uri,
    fetched: ArcSwapOption<Fetched>,
    /// When they were asked for last. Held while they are, so that all wait for the one who asks.
    asked: Arc<Mutex<Option<Instant>>>,
    pause: Duration,
    /// Why they could not be fetched last, until that was told.
    problem: ArcSwapOption<String>,
}

#[derive(Debug)]
struct Fetched {
    keys: Arc<KeySet>,
    at: Instant,
}

impl Issuer {
    /// Nothing is fetched yet.
    pub(super) fn new(url: &str) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self::with_pause(url, PAUSE)?))
    }

    fn with_pause(url: &str, pause: Duration) -> Result<Self, String> {
        let (fetched, problem) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Ok(Self { url: ask::url(url)?, fetched, asked: Arc::default(), pause, problem })
    }

    /// The keys as far as they are known, fetched where none is.
    pub(super) async fn keys(self: &Arc<Self>, asker: &Asker) -> Result<Arc<KeySet>, String> {
        let Some(fetched) = self.fetched.load_full() else {
            self.fetch(asker).await?;
            let fetched =
                self.fetched.load_full().ok_or_else(|| format!("{} was not reached just now", self.url))?;
            return Ok(fetched.keys.clone());
        };
        if fetched.at.elapsed() > FRESH && self.may_ask() {
            // Nobody waits; what is known holds until something newer is, or for good where the issuer is gone.
            let (issuer, asker) = (self.clone(), asker.clone());
            tokio::spawn(async move { issuer.fetch(&asker).await });
        }
        Ok(fetched.keys.clone())
    }

    /// The keys after a token named one that is not among `known`.
    pub(super) async fn newer(self: &Arc<Self>, known: &Arc<KeySet>, asker: &Asker) -> Option<Arc<KeySet>> {
        // If it cannot be reached, the token's key stays unknown.
        let _ = self.fetch(asker).await;
        let keys = self.fetched.load_full()?.keys.clone();
        (!Arc::ptr_eq(&keys, known)).then_some(keys)
    }

    /// Why the keys could not be fetched, where that has not been told yet.
    pub(super) fn take_problem(&self) -> Option<Arc<String>> {
        // Most times there is none, and nothing is written that other threads read.
        self.problem.load().as_ref()?;
        self.problem.swap(None)
    }

    /// Whether nobody asks now, or has just asked.
    fn may_ask(&self) -> bool {
        self.asked.try_lock().is_ok_and(|asked| asked.is_none_or(|asked| asked.elapsed() >= self.pause))
    }

    async fn fetch(self: &Arc<Self>, asker: &Asker) -> Result<(), String> {
        let mut asked = self.asked.clone().lock_owned().await;
        if asked.is_some_and(|asked| asked.elapsed() < self.pause) {
            return Ok(());
        }
        let (issuer, asker) = (self.clone(), asker.clone());
        // A task of its own: a client that goes away does not take the keys from those who wait with it.
        let asking = tokio::spawn(async move {
            let outcome = issuer.ask(&asker).await;
            issuer.problem.store(outcome.as_ref().err().cloned().map(Arc::new));
            // From its end on: whoever waited for an issuer that hangs does not have it asked again.
            *asked = Some(Instant::now());
            outcome
        });
        asking.await.map_err(|error| error.to_string())?
    }

    async fn ask(&self, asker: &Asker) -> Result<(), String> {
        let mut question = Request::new(Full::<Bytes>::default());
        *question.uri_mut() = self.url.clone();
        let answer = asker.ask(question).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{} answered {}", self.url, answer.status().as_u16()));
        }
        let text = std::str::from_utf8(answer.body()).map_err(|error| format!("{}: {error}", self.url))?;
        let keys = KeySet::read(text).map_err(|reason| format!("{}: {reason}", self.url))?;
        self.fetched.store(Some(Arc::new(Fetched { keys: Arc::new(keys), at: Instant::now() })));
        Ok(())
    }
}

#[cfg(test)]
mod tests;

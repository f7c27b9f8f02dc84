//! Requests that wait for a server: for a place at one, or for one to be up.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How many requests of one pool wait at most.
const MOST: usize = 1024;

/// The queue of a pool. It outlives a reload.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: AtomicUsize,
    /// Tells those who wait for a place. One that is given back while nobody listens is kept for who does next.
    place_free: Notify,
    /// Tells those who wait for a server: what they give back themselves, having reached none, is no news to them.
    server_up: Notify,
    /// One of those who wait has gone ahead, to see whether a server is up again.
    scouting: AtomicBool,
    /// When somebody last did.
    scouted: Mutex<Option<Instant>>,
}

impl Queue {
    /// A place in the queue, if there is one.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Waiting> {
        let before = self.waiting.fetch_add(1, Relaxed);
        let waiting = Waiting { queue: self.clone() };
        if before < MOST { Some(waiting) } else { None }
    }

    /// A place at a server is free.
    pub(super) fn wake_one(&self) {
        if self.waiting.load(Relaxed) > 0 {
            self.place_free.notify_one();
        }
    }

    /// A server is up again.
    pub(super) fn wake_all(&self) {
        self.place_free.notify_waiters();
        self.server_up.notify_waiters();
    }

    /// Goes ahead of those who wait, unless somebody does, or has less than `pause` ago.
    pub(super) fn scout(self: &Arc<Self>, pause: Duration) -> Option<Scout> {
        if self.scouting.swap(true, Relaxed) {
            return None;
        }
        let scout = Scout { queue: self.clone() };
        let mut last = self.scouted.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < pause) {
            return None;
        }
        *last = Some(Instant::now());
        Some(scout)
    }
}

/// A place in a queue, given up when dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    queue: Arc<Queue>,
}

impl Waiting {
    /// Waits until a place at a server is free, or a server is up again.
    pub(super) async fn place(&self) {
        self.queue.place_free.notified().await;
    }

    /// Waits until a server is up again.
    pub(super) async fn server(&self) {
        self.queue.server_up.notified().await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Relaxed);
    }
}

/// Whoever goes ahead, until it is dropped.
#[derive(Debug)]
pub(crate) struct Scout {
    queue: Arc<Queue>,
}

impl Drop for Scout {
    fn drop(&mut self) {
        self.queue.scouting.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn so_many_wait_and_no_more() {
        let queue: Arc<Queue> = Arc::default();
        let mut waiting: Vec<Waiting> = (0..MOST).map(|_| queue.enter().unwrap()).collect();
        assert!(queue.enter().is_none());
        waiting.pop();
        assert!(queue.enter().is_some());
    }

    #[tokio::test]
    async fn a_place_that_is_free_is_no_news_to_who_waits_for_a_server() {
        let queue: Arc<Queue> = Arc::default();
        let waiting = queue.enter().unwrap();
        queue.wake_one();
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, waiting.server()).await.is_err());
        assert!(tokio::time::timeout(soon, waiting.place()).await.is_ok());
        for _ in 0..2 {
            let both = async { tokio::join!(waiting.server(), waiting.place(), async { queue.wake_all() }) };
            assert!(tokio::time::timeout(soon, both).await.is_ok());
        }
    }

    #[test]
    fn one_goes_ahead_at_a_time() {
        let queue: Arc<Queue> = Arc::default();
        let scout = queue.scout(Duration::ZERO).unwrap();
        assert!(queue.scout(Duration::ZERO).is_none());
        drop(scout);
        assert!(queue.scout(Duration::from_secs(60)).is_none());
        assert!(queue.scout(Duration::ZERO).is_some());
    }
}

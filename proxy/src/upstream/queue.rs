//! Requests that wait for a server: for a place at one, or for one to be up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

/// How many requests of one pool wait at most.
const MOST: usize = 1024;

/// The queue of a pool. It outlives a reload.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: AtomicUsize,
    changed: Notify,
    /// One of those who wait has gone ahead, to see whether a server is up again.
    scouting: AtomicBool,
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
            self.changed.notify_one();
        }
    }

    /// A server is up again.
    pub(super) fn wake_all(&self) {
        self.changed.notify_waiters();
    }

    /// Goes ahead of those who wait, unless somebody has.
    pub(super) fn scout(self: &Arc<Self>) -> Option<Scout> {
        let taken = self.scouting.swap(true, Relaxed);
        if taken { None } else { Some(Scout { queue: self.clone() }) }
    }
}

/// A place in a queue, given up when dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    queue: Arc<Queue>,
}

impl Waiting {
    /// Waits until something has changed.
    pub(super) async fn change(&self) {
        self.queue.changed.notified().await;
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

    #[test]
    fn one_goes_ahead_at_a_time() {
        let queue: Arc<Queue> = Arc::default();
        let scout = queue.scout().unwrap();
        assert!(queue.scout().is_none());
        drop(scout);
        assert!(queue.scout().is_some());
    }
}

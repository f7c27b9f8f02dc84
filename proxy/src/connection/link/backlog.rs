//! What an upstream has not taken yet of a request, for which the client waits.

use super::Link;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

/// How many bytes an upstream may be behind before the client has to wait.
const MOST: usize = 64 * 1024;

/// How far an upstream is behind with a request: noted where it is written to, looked at where its client is read.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: AtomicUsize,
    /// The answer is over, so that nobody reads from the upstream any more.
    unread: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Backlog {
    /// So many bytes are still to be taken.
    pub(crate) fn set(&self, bytes: usize) {
        self.bytes.store(bytes, Relaxed);
        self.look();
    }

    /// The answer is over: from here on whoever writes waits by itself.
    pub(crate) fn end_of_answer(&self) {
        self.unread.store(true, Relaxed);
        self.look();
    }

    /// Whether the answer is over.
    pub(crate) fn is_answer_over(&self) -> bool {
        self.unread.load(Relaxed)
    }

    fn is_long(&self) -> bool {
        self.bytes.load(Relaxed) >= MOST && !self.is_answer_over()
    }

    fn look(&self) {
        if !self.is_long()
            && let Some(waker) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            waker.wake();
        }
    }

    /// Whether the client has to wait; if so, the task is woken when that is over.
    fn makes_wait(&self, cx: &mut Context<'_>) -> bool {
        if !self.is_long() {
            return false;
        }
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        // It may have been taken meanwhile.
        self.is_long()
    }
}

impl Link {
    /// The present request goes to an upstream that may fall behind; `None` where writing to it waits by itself.
    pub(crate) fn set_backlog(&self, backlog: Option<Arc<Backlog>>) {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = backlog;
    }

    /// Whether the client has to wait for the upstream; if so, the task is woken when that is over.
    pub(crate) fn is_backed_up(&self, cx: &mut Context<'_>) -> bool {
        let backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        backlog.as_ref().is_some_and(|backlog| backlog.makes_wait(cx))
    }
}

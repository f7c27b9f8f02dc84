//! The body of the present request: whether it is waited for as a whole, and what is wrong with it.

use super::Link;
use crate::exchange::Failure;
use crate::temporary::Temporary;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vordr_rules::table::Buffering;

/// How a body is gathered.
#[derive(Debug, Clone)]
pub(crate) struct Gathering {
    /// How large it may be.
    pub limit: u64,
    /// Where it waits.
    pub how: Arc<Buffering>,
}

impl Link {
    /// Nothing of the present body is handed over until all of it has come, which must be no more than `limit`.
    pub(crate) fn gather(&self, limit: Option<u64>, how: Arc<Buffering>) {
        *locked(&self.gathering) = Some(Gathering { limit: limit.unwrap_or(u64::MAX), how });
    }

    /// All of the body has come.
    pub(crate) fn gathered(&self) {
        *locked(&self.gathering) = None;
    }

    /// How the present body is being gathered.
    pub(crate) fn gathering(&self) -> Option<Gathering> {
        locked(&self.gathering).clone()
    }

    /// All of the present body has come, and so much was in its chunks.
    pub(crate) fn set_payload(&self, bytes: u64) {
        *locked(&self.payload) = Some(bytes);
    }

    /// How much was in the chunks of the present body, if it came in some, and whole.
    pub(crate) fn take_payload(&self) -> Option<u64> {
        locked(&self.payload).take()
    }

    /// The present body goes into this file.
    pub(crate) fn put_into(&self, file: Temporary) {
        *locked(&self.body_file) = Some(file);
    }

    /// The file that the present body is in.
    pub(crate) fn take_body_file(&self) -> Option<Temporary> {
        locked(&self.body_file).take()
    }

    /// The present body is not made of the chunks that its head speaks of.
    pub(crate) fn not_chunks(&self) {
        self.not_chunks.store(true, Relaxed);
    }

    /// The present body does not fit its head, or breaks HTTP/2's rules.
    pub(crate) fn misframed(&self) {
        self.misframed.store(true, Relaxed);
    }

    /// The present body is larger than it may be.
    pub(crate) fn too_large(&self) {
        self.too_large.store(true, Relaxed);
    }

    /// The present body cannot be put aside.
    pub(crate) fn no_room(&self) {
        self.no_room.store(true, Relaxed);
    }

    /// Why the exchange came to its end on the client's side, where it is not because the client went away.
    pub(crate) fn client_failure(&self) -> Option<Failure> {
        if self.not_chunks.load(Relaxed) {
            Some(Failure::BadRequest("the body is not made of chunks"))
        } else if self.misframed.load(Relaxed) {
            Some(Failure::BadRequest("the body does not fit its Content-Length, or HTTP/2's rules"))
        } else if self.too_large.load(Relaxed) {
            Some(Failure::BodyLimit)
        } else if self.no_room.load(Relaxed) {
            Some(Failure::Internal("a body cannot be put into a temporary file".to_owned()))
        } else {
            self.patience.failure()
        }
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

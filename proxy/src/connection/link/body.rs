//! The body of the present request: whether it is waited for as a whole, and what is wrong with it.

use super::Link;
use crate::exchange::Failure;
use std::sync::atomic::Ordering::Relaxed;

impl Link {
    /// Nothing of the present body is handed over until all of it has come, which must be no more than `limit`.
    pub(crate) fn gather(&self, limit: Option<u64>) {
        self.gather_limit.store(limit.unwrap_or(u64::MAX), Relaxed);
        self.gathering.store(true, Relaxed);
    }

    /// All of the body has come.
    pub(crate) fn gathered(&self) {
        self.gathering.store(false, Relaxed);
    }

    /// The limit on a body that is being gathered.
    pub(crate) fn gather_limit(&self) -> Option<u64> {
        self.gathering.load(Relaxed).then(|| self.gather_limit.load(Relaxed))
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

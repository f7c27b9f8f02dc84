//! How long the present exchange may be silent.

use super::{Link, OFF};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::Instant;

impl Link {
    /// Ends the exchange if nothing moves for `limit`, counted from now; `None` ends the watch.
    pub(crate) fn watch(&self, limit: Option<Duration>) {
        self.silent_too_long.store(false, Relaxed);
        self.progress();
        // At least a nanosecond, so that it is not taken for no limit.
        self.silence_limit.store(limit.map_or(OFF, |limit| nanos(limit).max(1)), Relaxed);
    }

    /// The same for an exchange that lives as long as both sides like: its client has to take what is written as well.
    pub(crate) fn watch_open_ended(&self, limit: Option<Duration>) {
        self.open_ended.store(true, Relaxed);
        self.watch(limit);
    }

    /// Whether the exchange lives as long as both sides like.
    pub(crate) fn is_open_ended(&self) -> bool {
        self.open_ended.load(Relaxed)
    }

    /// The whole answer has come: what is left is between vordr and the client.
    pub(crate) fn answer_has_come(&self) {
        if !self.is_open_ended() {
            self.watch(None);
        }
    }

    /// When something moved last.
    pub(crate) fn last_progress(&self) -> Instant {
        self.opened + Duration::from_nanos(self.last_progress.load(Relaxed))
    }

    /// Something moved.
    pub(crate) fn progress(&self) {
        self.last_progress.store(nanos(self.opened.elapsed()), Relaxed);
    }

    /// When the exchange has been silent for too long; `None` while nobody watches.
    pub(crate) fn silence_ends(&self) -> Option<Instant> {
        match self.silence_limit.load(Relaxed) {
            OFF => None,
            limit => Some(
                self.opened + Duration::from_nanos(self.last_progress.load(Relaxed).saturating_add(limit)),
            ),
        }
    }

    /// A ping is sent to the client after so much silence; `None` sends none.
    pub(crate) fn pings(&self, silence: Option<Duration>) {
        self.ping_after.store(silence.map_or(OFF, |silence| nanos(silence).max(1)), Relaxed);
    }

    /// After how much silence a ping is sent to the client; `None` is never.
    pub(crate) fn pings_after(&self) -> Option<Duration> {
        Some(self.ping_after.load(Relaxed)).filter(|silence| *silence != OFF).map(Duration::from_nanos)
    }

    /// A ping goes to the client.
    pub(crate) fn pinged(&self) {
        self.pinged.fetch_add(1, Relaxed);
    }

    /// How many pings have gone to the client since this was asked last.
    pub(crate) fn take_pinged(&self) -> u64 {
        self.pinged.swap(0, Relaxed)
    }

    /// vordr stops, and waits no longer: the exchange is ended as if it had been silent for too long.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Relaxed);
        self.watch(Some(Duration::ZERO));
    }

    /// Whether the exchange is to end because vordr stops.
    pub(crate) fn is_to_be_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    /// Whether the exchange was ended because vordr stops.
    pub(crate) fn was_cut(&self) -> bool {
        self.cut.load(Relaxed) && self.gave_up()
    }

    /// The watch ran out.
    pub(crate) fn give_up(&self) {
        self.silent_too_long.store(true, Relaxed);
    }

    /// Whether the watch ran out.
    pub(crate) fn gave_up(&self) -> bool {
        self.silent_too_long.load(Relaxed)
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}

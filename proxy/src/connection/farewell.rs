//! The end of a WebSocket when vordr stops: a close frame where one frame ends and the next has not begun, so that
//! the client knows to come again, and the app behind learns of it by the client's answer.
//!
//! A stream on which nothing moves is told at once; one that is busy may finish what it is about, until the last call.

use super::link::Link;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// `1001`, going away (RFC 6455, section 7.4.1).
pub(crate) const CODE: u16 = 1001;

/// An unmasked close frame with [`CODE`].
const FRAME: [u8; 4] = close_frame(CODE);

/// An unmasked close frame.
pub(super) const fn close_frame(code: u16) -> [u8; 4] {
    let [high, low] = code.to_be_bytes();
    [0x88, 2, high, low]
}

/// How long nothing must have moved for a stream to be idle.
const QUIET: Duration = Duration::from_secs(1);

/// How vordr stops, seen from a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// It has been asked for.
    pub begun: CancellationToken,
    /// What still lives is to end now.
    pub last_call: CancellationToken,
}

/// Whether it has been said.
#[derive(Debug, Default)]
pub(super) enum Farewell {
    /// Nobody waits for it yet.
    #[default]
    Unasked,
    /// Vordr does not stop.
    NotYet(Pin<Box<WaitForCancellationFutureOwned>>),
    /// It is to be said at the first quiet moment, or at the last call.
    Due(Pin<Box<Sleep>>, Pin<Box<WaitForCancellationFutureOwned>>),
    /// It has been said: whatever the upstream still sends is not for the client any more.
    Said,
}

impl Farewell {
    /// The close frame, once. Until then the task is woken when it may be time; what is being sent wakes it too.
    pub(super) fn poll(&mut self, link: &Link, cx: &mut Context<'_>) -> Option<&'static [u8]> {
        let stop = &link.stop;
        if let Self::Unasked = self {
            *self = Self::NotYet(Box::pin(stop.begun.clone().cancelled_owned()));
        }
        if let Self::NotYet(begun) = self {
            if !stop.begun.is_cancelled() && begun.as_mut().poll(cx).is_pending() {
                return None;
            }
            let quiet = Box::pin(sleep_until(link.last_progress() + QUIET));
            *self = Self::Due(quiet, Box::pin(stop.last_call.clone().cancelled_owned()));
        }
        let Self::Due(quiet, last_call) = self else { return None };
        let last = stop.last_call.is_cancelled() || last_call.as_mut().poll(cx).is_ready();
        if !(last || is_quiet(quiet, link, cx)) || !link.is_between_frames() {
            return None;
        }
        *self = Self::Said;
        link.farewell_said();
        Some(&FRAME)
    }

    /// Whether it has been said.
    pub(super) fn is_said(&self) -> bool {
        matches!(self, Self::Said)
    }
}

/// Whether nothing has moved for long enough; if not, the task is woken when that may be so.
fn is_quiet(sleep: &mut Pin<Box<Sleep>>, link: &Link, cx: &mut Context<'_>) -> bool {
    let quiet_at = link.last_progress() + QUIET;
    if quiet_at > sleep.deadline() {
        sleep.as_mut().reset(quiet_at);
    }
    sleep.is_elapsed() || sleep.as_mut().poll(cx) == Poll::Ready(())
}

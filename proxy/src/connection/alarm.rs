//! A deadline that moves with every event, and touches the timer only when it would have fired.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Far enough away to stand for never.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A timer that is set late: moving a deadline forward costs nothing, so one alarm serves a connection
/// through any number of requests.
#[derive(Debug)]
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self { sleep: Box::pin(sleep_until(Instant::now() + NEVER)) }
    }

    /// Whether `due` has passed; if not, the task is woken when it has.
    pub(crate) fn is_due(&mut self, due: Option<Instant>, cx: &mut Context<'_>) -> bool {
        let Some(due) = due else { return false };
        if due < self.sleep.deadline() {
            self.sleep.as_mut().reset(due);
        }
        loop {
            if self.sleep.as_mut().poll(cx) == Poll::Pending {
                return false;
            }
            if Instant::now() >= due {
                return true;
            }
            self.sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::future::poll_fn;

    async fn rings(alarm: &mut Alarm, due: Option<Instant>) {
        poll_fn(|cx| if alarm.is_due(due, cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_the_deadline_has_passed_and_not_before() {
        let start = Instant::now();
        let mut alarm = Alarm::new();
        rings(&mut alarm, Some(start + Duration::from_secs(3))).await;
        assert_eq!(start.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_may_move_to_either_side() {
        let start = Instant::now();
        let mut alarm = Alarm::new();
        let none_yet =
            poll_fn(|cx| Poll::Ready(alarm.is_due(Some(start + Duration::from_secs(60)), cx))).await;
        assert!(!none_yet);
        rings(&mut alarm, Some(start + Duration::from_secs(1))).await;
        rings(&mut alarm, Some(start + Duration::from_secs(90))).await;
        assert_eq!(start.elapsed().as_secs(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn no_deadline_never_rings() {
        let mut alarm = Alarm::new();
        assert!(tokio::time::timeout(Duration::from_secs(100_000), rings(&mut alarm, None)).await.is_err());
    }
}

//! `websocket ping`: a ping where nothing has moved for a while, so that nobody on the way takes the stream for dead (RFC
//! 6455, section 5.5.2).
//!
//! The client answers with a pong, which goes on to the app as whatever a client sends does: so both halves of the way are
//! in use. A ping that nobody answers is no sign of life, and `websocket idle` goes on.

use super::alarm::Alarm;
use super::link::Link;
use std::task::Context;
use tokio::time::Instant;

/// A ping without anything in it; a server's frames are not masked.
pub(super) const FRAME: [u8; 2] = [0x89, 0];

/// The pings of one stream.
#[derive(Debug, Default)]
pub(super) struct Ping {
    last: Option<Instant>,
    /// Nothing else is to be written.
    alone: bool,
}

impl Ping {
    /// Whether one is to be sent now. Until then the task is woken when it may be time; what is being sent wakes it too.
    pub(super) fn is_due(&mut self, link: &Link, alarm: &mut Alarm, cx: &mut Context<'_>) -> bool {
        let Some(silence) = link.pings_after() else { return false };
        let moved = self.last.map_or(link.last_progress(), |last| last.max(link.last_progress()));
        if !alarm.is_due(Some(moved + silence), cx) || !link.is_between_frames() {
            return false;
        }
        let now = Instant::now();
        alarm.is_due(Some(now + silence), cx);
        (self.last, self.alone) = (Some(now), true);
        true
    }

    /// Something else goes to the client behind it.
    pub(super) fn is_followed(&mut self) {
        self.alone = false;
    }

    /// Whether what goes to the client is a ping and nothing else: that is not the stream's own doing.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::farewell::Stop;
    use super::*;
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::task::Poll;
    use std::time::Duration;
    use tokio::time::{sleep, timeout};
    use tokio_util::sync::CancellationToken;
    use vordr_rules::table::Address;

    const SILENCE: Duration = Duration::from_secs(30);

    fn link() -> Arc<Link> {
        let ends = (CancellationToken::new(), CancellationToken::new());
        let link = Link::new(Address::Unix("/a".to_owned()), (None, None), 0, ends, Stop::default());
        link.pings(Some(SILENCE));
        link.progress();
        link
    }

    /// When the next ping is sent, in seconds from `start`.
    async fn sent(ping: &mut Ping, link: &Link, start: Instant) -> u64 {
        let mut alarm = Alarm::new();
        poll_fn(|cx| if ping.is_due(link, &mut alarm, cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn one_is_sent_after_each_silence() {
        let (link, mut ping, start) = (link(), Ping::default(), Instant::now());
        for seconds in [30, 60, 90] {
            assert_eq!(sent(&mut ping, &link, start).await, seconds);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_moves_puts_it_off() {
        let (link, mut ping, start) = (link(), Ping::default(), Instant::now());
        sleep(Duration::from_secs(20)).await;
        link.progress();
        assert_eq!(sent(&mut ping, &link, start).await, 50);
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_sent_within_a_frame_or_where_none_are_asked_for() {
        let (link, mut ping, start) = (link(), Ping::default(), Instant::now());
        link.note_frames(false);
        assert!(timeout(SILENCE * 9, sent(&mut ping, &link, start)).await.is_err());
        link.note_frames(true);
        assert_eq!(sent(&mut ping, &link, start).await, 270);
        link.pings(None);
        assert!(timeout(SILENCE * 9, sent(&mut ping, &link, start)).await.is_err());
    }
}

//! What ends an exchange on which nothing moves.

use super::alarm::Alarm;
use super::link::Link;
use std::io;
use std::task::Context;
use tokio::time::Instant;

/// What is known of a client that takes its time, beyond what has been written.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Since when nothing moved while the kernel took nothing more, and what the client had acknowledged by then.
    blocked: Option<(Instant, u64)>,
}

impl Silence {
    /// Fails where nothing has moved for too long, which is noted; the task is woken when it may have come to that.
    pub(super) fn look(&self, link: &Link, alarm: &mut Alarm, cx: &mut Context<'_>) -> io::Result<()> {
        while alarm.is_due(link.silence_ends(), cx) {
            if link.is_to_be_cut() || !self.has_moved(link) {
                link.give_up();
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nothing moved within the limit"));
            }
            link.progress();
        }
        Ok(())
    }

    /// The same while the client takes nothing more, which its own clock ends unless the exchange has no end.
    pub(super) fn look_blocked(
        &mut self,
        link: &Link,
        alarm: &mut Alarm,
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        if !link.is_open_ended() && !link.is_to_be_cut() {
            return Ok(());
        }
        self.look(link, alarm, cx)?;
        let since = link.last_progress();
        if self.blocked.is_none_or(|(known, _)| known != since) {
            self.blocked = Some((since, link.passed.acknowledged_while_blocked()));
        }
        Ok(())
    }

    /// Our kernel says that there is room only when a third of its buffer is free, and the client may be reading all the while.
    fn has_moved(&self, link: &Link) -> bool {
        let known = self.blocked.filter(|(since, _)| *since == link.last_progress());
        known.is_some_and(|(_, count)| link.passed.acknowledged_while_blocked() > count)
    }
}

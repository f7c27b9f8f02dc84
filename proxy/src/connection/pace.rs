//! How long a client is waited for: `timeouts client`, and `limits min-rate`.
//!
//! A direction's clock runs only while vordr waits for the client: for more of a body, or for room to write. Whatever
//! takes its time on the upstream's side runs no clock: a body that the upstream does not take is not asked for, and an
//! answer of which nothing is there is not written.
//!
//! Each second of waiting has to bring so many bytes. A client that brings fewer falls behind, and may be behind by as
//! long as it may be silent; what it brings beyond lets it catch up, and is not saved.

use super::alarm::Alarm;
use crate::exchange::Failure;
use pingora_core::protocols::l4::ext::get_tcp_info;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::Context;
use std::time::Duration;
use tokio::time::Instant;

/// Stands for no limit.
const OFF: u64 = 0;
/// Stands for no socket.
const NONE: RawFd = -1;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client.
    Upload,
    /// To the client.
    Download,
}

/// What the present exchange asks of its client, and how the client failed it.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    limit: AtomicU64,
    rate: AtomicU64,
    answering: AtomicBool,
    failed: AtomicU8,
}

impl Patience {
    /// The client may be silent for `limit`, and has to move `rate` bytes a second; without a limit neither holds.
    pub(crate) fn begin(&self, limit: Option<Duration>, rate: Option<u64>) {
        let limit = limit.map_or(OFF, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        self.limit.store(limit, Relaxed);
        self.rate.store(rate.unwrap_or(OFF), Relaxed);
        self.answering.store(false, Relaxed);
        self.failed.store(0, Relaxed);
    }

    /// The answer has begun. What is left of the request may be one side of a conversation, and take its time.
    pub(crate) fn answer_begins(&self) {
        self.answering.store(true, Relaxed);
    }

    /// How the client failed.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self.failed.load(Relaxed) {
            0 => None,
            1 => Some(Failure::ClientTimeout),
            2 => Some(Failure::SlowUpload),
            _ => Some(Failure::SlowDownload),
        }
    }

    fn limit(&self) -> Option<Duration> {
        Some(self.limit.load(Relaxed)).filter(|limit| *limit != OFF).map(Duration::from_nanos)
    }

    fn rate(&self, direction: Direction) -> Option<u64> {
        let held = direction == Direction::Download || !self.answering.load(Relaxed);
        Some(self.rate.load(Relaxed)).filter(|rate| *rate != OFF && held)
    }

    fn silent(&self) -> TooSlow {
        self.failed.store(1, Relaxed);
        TooSlow
    }

    fn slow(&self, direction: Direction) -> TooSlow {
        self.failed.store(if direction == Direction::Upload { 2 } else { 3 }, Relaxed);
        TooSlow
    }
}

/// What has passed on a connection, all of its streams together.
///
/// A client with many streams gives each but a part of what its line can do, so it is what they move together that counts.
#[derive(Debug)]
pub(crate) struct Passed {
    received: AtomicU64,
    sent: AtomicU64,
    /// To ask the kernel what the client has acknowledged.
    socket: AtomicI32,
    /// Whether it is the socket that takes nothing more, and not HTTP/2's window.
    blocked: AtomicBool,
}

impl Default for Passed {
    fn default() -> Self {
        Self {
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            socket: AtomicI32::new(NONE),
            blocked: AtomicBool::new(true),
        }
    }
}

impl Passed {
    /// So many bytes of a request have come.
    pub(crate) fn received(&self, count: usize) {
        self.received.fetch_add(count as u64, Relaxed);
    }

    /// So many bytes of an answer have been taken.
    pub(crate) fn sent(&self, count: usize) {
        self.sent.fetch_add(count as u64, Relaxed);
    }

    /// The socket at the bottom, for as long as it is open.
    pub(crate) fn over(&self, socket: Option<RawFd>) {
        self.socket.store(socket.unwrap_or(NONE), Relaxed);
    }

    /// Whether the socket takes nothing more.
    pub(crate) fn blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Relaxed);
    }

    fn total(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Upload => self.received.load(Relaxed),
            Direction::Download => self.sent.load(Relaxed),
        }
    }

    /// How many bytes the client's kernel has acknowledged, where it is the socket that takes nothing more.
    pub(super) fn acknowledged_while_blocked(&self) -> u64 {
        if self.blocked.load(Relaxed) { self.acknowledged() } else { 0 }
    }

    /// How many bytes the client's kernel has acknowledged. Ours says that there is room only when a third of its buffer
    /// is free again, which on a slow line takes minutes.
    pub(crate) fn acknowledged(&self) -> u64 {
        match self.socket.load(Relaxed) {
            NONE => 0,
            socket => get_tcp_info(socket).map_or(0, |info| info.tcpi_bytes_acked),
        }
    }
}

/// The client was too slow; why is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSlow;

/// One direction's clock.
#[derive(Debug)]
pub(super) struct Clock {
    direction: Direction,
    wait: Option<Wait>,
    behind: Duration,
}

/// Waiting for the client, and what had passed when that began.
#[derive(Debug, Clone, Copy)]
struct Wait {
    since: Instant,
    total: u64,
    beyond: u64,
}

impl Clock {
    pub(super) fn new(direction: Direction) -> Self {
        Self { direction, wait: None, behind: Duration::ZERO }
    }

    /// A new exchange has begun.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.direction);
    }

    /// To be called whenever the client was asked for something; it `waits` if nothing came of it. The task is woken when
    /// the client has been silent for too long.
    pub(super) fn look(
        &mut self,
        waits: bool,
        (patience, passed): (&Patience, &Passed),
        alarm: &mut Alarm,
        cx: &mut Context<'_>,
    ) -> Result<(), TooSlow> {
        // Most never have to wait, and pay nothing.
        if !waits && self.wait.is_none() {
            return Ok(());
        }
        let Some(limit) = patience.limit() else {
            self.wait = None;
            return Ok(());
        };
        let total = passed.total(self.direction);
        if let Some(wait) = self.wait.take_if(|wait| wait.total != total || !waits) {
            self.settle(wait, total.saturating_sub(wait.total), limit, patience)?;
        }
        match waits {
            true => self.wait(limit, (patience, passed), alarm, cx),
            false => Ok(()),
        }
    }

    /// Waits on, and says when that has been for too long.
    fn wait(
        &mut self,
        limit: Duration,
        (patience, passed): (&Patience, &Passed),
        alarm: &mut Alarm,
        cx: &mut Context<'_>,
    ) -> Result<(), TooSlow> {
        loop {
            let wait = *self.wait.get_or_insert_with(|| Wait {
                since: Instant::now(),
                total: passed.total(self.direction),
                beyond: self.direction.beyond(patience, passed),
            });
            if !alarm.is_due(Some(wait.since + limit), cx) {
                return Ok(());
            }
            let moved = match self.direction == Direction::Upload || passed.blocked.load(Relaxed) {
                true => self.direction.beyond(patience, passed).saturating_sub(wait.beyond),
                // The client acknowledges what it is told, and opens no window.
                false => 0,
            };
            if moved == 0 {
                return Err(patience.silent());
            }
            self.wait = None;
            self.settle(wait, moved, limit, patience)?;
        }
    }

    /// Something moved after a wait.
    fn settle(
        &mut self,
        wait: Wait,
        moved: u64,
        limit: Duration,
        patience: &Patience,
    ) -> Result<(), TooSlow> {
        let Some(rate) = patience.rate(self.direction) else { return Ok(()) };
        let earned = Duration::from_millis(moved.saturating_mul(1000) / rate);
        self.behind = (self.behind + wait.since.elapsed()).saturating_sub(earned);
        match self.behind > limit {
            true => Err(patience.slow(self.direction)),
            false => Ok(()),
        }
    }
}

impl Direction {
    /// What moves beyond what we see: the kernel knows of it, or it is the other side of a conversation.
    fn beyond(self, patience: &Patience, passed: &Passed) -> u64 {
        match self {
            Self::Upload if patience.answering.load(Relaxed) => passed.sent.load(Relaxed),
            Self::Upload => 0,
            Self::Download => passed.acknowledged(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;

    /// A client, its exchange and their clock.
    struct Bench {
        patience: Patience,
        passed: Passed,
        clock: Clock,
        alarm: Alarm,
    }

    impl Bench {
        /// At the defaults: 60 s, and 128 bytes a second.
        fn new(direction: Direction) -> Self {
            let patience = Patience::default();
            patience.begin(Some(Duration::from_secs(60)), Some(128));
            Self { patience, passed: Passed::default(), clock: Clock::new(direction), alarm: Alarm::new() }
        }

        async fn look(&mut self, waits: bool) -> Option<Failure> {
            let Self { patience, passed, clock, alarm } = self;
            let looked = poll_fn(|cx| Poll::Ready(clock.look(waits, (patience, passed), alarm, cx))).await;
            assert_eq!(looked.is_err(), patience.failure().is_some());
            patience.failure()
        }

        /// Waits for so long, after which so many bytes come.
        async fn after(&mut self, seconds: u64, count: usize) -> Option<Failure> {
            self.look(true).await;
            tokio::time::advance(Duration::from_secs(seconds)).await;
            self.passed.received(count);
            self.passed.sent(count);
            self.look(false).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_is_too_slow_after_a_minute_in_either_direction() {
        for (direction, failure) in
            [(Direction::Upload, Failure::SlowUpload), (Direction::Download, Failure::SlowDownload)]
        {
            let (mut bench, begun) = (Bench::new(direction), Instant::now());
            let failed = loop {
                if let Some(failed) = bench.after(1, 1).await {
                    break failed;
                }
            };
            assert_eq!((failed, begun.elapsed().as_secs()), (failure, 61));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_phone_is_not_too_slow_whatever_its_pauses_that_timeouts_client_allows() {
        let mut bench = Bench::new(Direction::Upload);
        for _ in 0..100 {
            // 300 bytes a second for a minute, and then a tunnel.
            for _ in 0..60 {
                assert_eq!(bench.after(5, 1500).await, None);
            }
            assert_eq!(bench.after(59, 1500).await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_fast_once_is_no_excuse_later() {
        let mut bench = Bench::new(Direction::Upload);
        assert_eq!(bench.after(1, 100 << 20).await, None);
        let begun = Instant::now();
        while bench.after(1, 1).await.is_none() {}
        assert_eq!(begun.elapsed().as_secs(), 61);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_timeouts_client_and_wakes_the_task() {
        let (bench, begun) = (&mut Bench::new(Direction::Download), Instant::now());
        let Bench { patience, passed, clock, alarm } = bench;
        let too_slow = poll_fn(|cx| match clock.look(true, (patience, passed), alarm, cx) {
            Err(too_slow) => Poll::Ready(too_slow),
            Ok(()) => Poll::Pending,
        });
        assert_eq!(too_slow.await, TooSlow);
        assert_eq!((patience.failure(), begun.elapsed().as_secs()), (Some(Failure::ClientTimeout), 60));
    }

    #[tokio::test(start_paused = true)]
    async fn no_clock_runs_while_nothing_is_asked_of_the_client() {
        let mut bench = Bench::new(Direction::Upload);
        for _ in 0..1000 {
            assert_eq!(bench.after(0, 1).await, None);
            // The upstream takes its time.
            tokio::time::advance(Duration::from_secs(600)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_the_answer_has_begun_the_request_is_no_upload() {
        let mut bench = Bench::new(Direction::Upload);
        bench.patience.answer_begins();
        for _ in 0..1000 {
            assert_eq!(bench.after(59, 1).await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_timeouts_client_there_is_no_rate() {
        let mut bench = Bench::new(Direction::Download);
        bench.patience.begin(None, Some(128));
        assert_eq!(bench.after(100_000, 1).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn streams_of_one_connection_are_as_fast_as_they_are_together() {
        let mut bench = Bench::new(Direction::Download);
        let mut other = Clock::new(Direction::Download);
        let mut alarm = Alarm::new();
        for _ in 0..1000 {
            let Bench { patience, passed, .. } = &bench;
            let looked =
                poll_fn(|cx| Poll::Ready(other.look(true, (patience, passed), &mut alarm, cx))).await;
            assert_eq!(looked, Ok(()), "though nothing of its own moves");
            assert_eq!(bench.after(10, 1280).await, None);
        }
    }
}

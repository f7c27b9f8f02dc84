//! Frames as they come in (RFC 9113, section 4.1), only to be counted: what they say is the library's business.

use bytes::Buf;
use std::time::Duration;
use tokio::time::Instant;

/// The client's first bytes (section 3.4), which stand before its first frame.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const FRAME_HEAD: usize = 9;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// Whoever is sent so many bytes may send one more frame that moves nothing: clients of gRPC measure the way with a PING
/// for each round trip on which something comes. An answer to a PING is 17 bytes, so that none earns the next.
const EARNS_ONE: usize = 128;

/// What a client does too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    /// It opens streams and takes them back.
    Resets,
    /// PING, SETTINGS, PRIORITY and whatever else moves nothing.
    Control,
}

/// Follows the frames of a connection byte by byte, without touching them.
#[derive(Debug)]
pub(super) struct FrameScan {
    at: At,
    /// When the request head began that has not come whole.
    head_since: Option<Instant>,
    resets: Budget,
    control: Budget,
    /// What was sent and has earned nothing yet, in bytes.
    unearned: usize,
}

/// A frame that says something of one stream as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// A head, or trailers.
    Head(u32),
    /// The client takes it back.
    Reset(u32),
}

#[derive(Debug)]
enum At {
    Preface { left: usize },
    Head { bytes: [u8; FRAME_HEAD], have: usize },
    Payload { left: usize, ends_head: bool },
}

impl FrameScan {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            at: At::Preface { left: PREFACE.len() },
            head_since: None,
            // A browser that leaves a page may take back as many requests as there are streams, and again.
            resets: Budget::new(512, 64, now),
            // Some browsers say how urgent each request is, in a frame of its own.
            control: Budget::new(1024, 128, now),
            unearned: 0,
        }
    }

    /// When the request head began that has not come whole.
    pub(super) fn head_since(&self) -> Option<Instant> {
        self.head_since
    }

    /// So many bytes have gone to the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.unearned += bytes;
        self.control.earn(u32::try_from(self.unearned / EARNS_ONE).unwrap_or(u32::MAX));
        self.unearned %= EARNS_ONE;
    }

    /// Looks at what has come, and tells `heard` of streams; an error where there was too much of something.
    pub(super) fn follow(
        &mut self,
        mut bytes: &[u8],
        now: Instant,
        mut heard: impl FnMut(Came),
    ) -> Result<(), Flood> {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Preface { left } => {
                    *left -= skip(&mut bytes, *left);
                    if *left == 0 {
                        self.at = At::between();
                    }
                }
                At::Head { bytes: head, have } => {
                    while let (Some(place), false) = (head.get_mut(*have), bytes.is_empty()) {
                        *place = bytes.get_u8();
                        *have += 1;
                    }
                    if *have == FRAME_HEAD {
                        let head = *head;
                        if let Some(came) = came(head) {
                            heard(came);
                        }
                        self.begin(head, now)?;
                    }
                }
                At::Payload { left, .. } => {
                    *left -= skip(&mut bytes, *left);
                    self.end_payload();
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, head: [u8; FRAME_HEAD], now: Instant) -> Result<(), Flood> {
        let [high, middle, low, kind, flags, ..] = head;
        let left = u32::from_be_bytes([0, high, middle, low]) as usize;
        match kind {
            HEADERS | CONTINUATION => {
                self.head_since.get_or_insert(now);
            }
            RST_STREAM if !self.resets.spend(now) => return Err(Flood::Resets),
            // The library bounds these by itself, or they are what moves a body.
            RST_STREAM | DATA | WINDOW_UPDATE => {}
            _ if !self.control.spend(now) => return Err(Flood::Control),
            _ => {}
        }
        let ends_head = matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0;
        self.at = At::Payload { left, ends_head };
        self.end_payload();
        Ok(())
    }

    fn end_payload(&mut self) {
        if let At::Payload { left: 0, ends_head } = self.at {
            if ends_head {
                self.head_since = None;
            }
            self.at = At::between();
        }
    }
}

impl At {
    fn between() -> Self {
        Self::Head { bytes: [0; FRAME_HEAD], have: 0 }
    }
}

fn came(head: [u8; FRAME_HEAD]) -> Option<Came> {
    let [_, _, _, kind, _, stream @ ..] = head;
    let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
    match kind {
        HEADERS => Some(Came::Head(stream)),
        RST_STREAM => Some(Came::Reset(stream)),
        _ => None,
    }
}

/// Passes over as many bytes as there are, and no more than `most`.
fn skip(bytes: &mut &[u8], most: usize) -> usize {
    let count = most.min(bytes.len());
    bytes.advance(count);
    count
}

/// So many at once, and so many a second in the long run.
#[derive(Debug)]
struct Budget {
    left: u32,
    most: u32,
    each: Duration,
    since: Instant,
}

impl Budget {
    fn new(most: u32, per_second: u32, now: Instant) -> Self {
        Self { left: most, most, each: Duration::from_secs(1) / per_second.max(1), since: now }
    }

    /// Adds so many, up to the most.
    fn earn(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.most);
    }

    /// Takes one; `false` where there is none left.
    fn spend(&mut self, now: Instant) -> bool {
        let earned = now.duration_since(self.since).as_nanos() / self.each.as_nanos().max(1);
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if earned > 0 {
            self.earn(earned);
            self.since = if self.left == self.most { now } else { self.since + self.each * earned };
        }
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SETTINGS: u8 = 0x4;
    const PING: u8 = 0x6;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn scan(now: Instant) -> FrameScan {
        let mut scan = FrameScan::new(now);
        scan.follow(PREFACE, now, |_| ()).unwrap();
        scan
    }

    #[test]
    fn a_head_is_open_from_its_first_frame_to_the_end_of_its_last() {
        let now = Instant::now();
        let whole = [
            frame(SETTINGS, 0, &[0; 12]),
            frame(HEADERS, 0, b"abc"),
            frame(CONTINUATION, 0, b""),
            frame(CONTINUATION, END_HEADERS, b"def"),
        ]
        .concat();
        for size in 1..whole.len() {
            let mut scan = scan(now);
            let (all_but_one, last) = whole.split_at(whole.len() - 1);
            for piece in all_but_one.chunks(size) {
                scan.follow(piece, now, |_| ()).unwrap();
            }
            assert_eq!(scan.head_since(), Some(now), "in pieces of {size}");
            scan.follow(last, now, |_| ()).unwrap();
            assert_eq!(scan.head_since(), None, "in pieces of {size}");
        }
    }

    #[test]
    fn resets_without_end_are_a_flood_and_now_and_then_they_are_not() {
        let now = Instant::now();
        let reset = frame(RST_STREAM, 0, &[0; 4]);
        let mut hasty = scan(now);
        let counted = (0..).find(|_| hasty.follow(&reset, now, |_| ()).is_err()).unwrap();
        assert_eq!(counted, 512);
        let mut slow = scan(now);
        for tenth in 0..10_000 {
            assert_eq!(slow.follow(&reset, now + Duration::from_millis(100) * tenth, |_| ()), Ok(()));
        }
    }

    #[test]
    fn a_ping_for_each_answer_is_no_flood_and_one_for_each_pong_is() {
        const PONG: usize = 17;
        let now = Instant::now();
        let ping = frame(PING, 0, &[0; 8]);
        let mut measuring = scan(now);
        for _ in 0..10_000 {
            measuring.sent(EARNS_ONE);
            assert_eq!(measuring.follow(&ping, now, |_| ()), Ok(()));
        }
        let mut hasty = scan(now);
        let flood = (0..2000).find_map(|_| {
            hasty.sent(PONG);
            hasty.follow(&ping, now, |_| ()).err()
        });
        assert_eq!(flood, Some(Flood::Control));
    }

    #[test]
    fn frames_that_move_nothing_are_a_flood_and_data_is_not() {
        let now = Instant::now();
        for kind in [PING, SETTINGS, 0x2, 0x10, 0xff] {
            let mut scan = scan(now);
            let flood = (0..5000).find_map(|_| scan.follow(&frame(kind, 0, &[0; 8]), now, |_| ()).err());
            assert_eq!(flood, Some(Flood::Control), "frame {kind}");
        }
        for kind in [DATA, WINDOW_UPDATE, HEADERS] {
            let mut scan = scan(now);
            for _ in 0..5000 {
                scan.follow(&frame(kind, END_HEADERS, &[0; 4]), now, |_| ()).unwrap();
            }
        }
    }
}

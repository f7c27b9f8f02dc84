//! One open WebSocket: what has passed in either direction, and how it ended.

use super::frames::{Frame, FrameScan, Opcode};
use crate::connection::FAREWELL;
use crate::exchange::Failure;
use crate::observe::Meter;

/// `1011`, an unexpected condition (RFC 6455, section 7.4.1).
const UNEXPECTED: u16 = 1011;

/// Who a byte comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client: `in`.
    Client,
    /// The upstream: `out`.
    Upstream,
}

/// Who ended a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Initiator {
    Client,
    Upstream,
    Proxy,
}

impl Initiator {
    /// As the log and the metrics have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Proxy => "proxy",
        }
    }
}

impl From<Side> for Initiator {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Upstream => Self::Upstream,
        }
    }
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Who began it.
    pub initiator: Initiator,
    /// Why, in the metrics' words.
    pub reason: &'static str,
    /// The close frame's code, where there was a frame and a code in it; vordr's own, where that was the only one.
    pub code: Option<u16>,
}

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Tunnel {
    from_client: Direction,
    from_upstream: Direction,
    /// The first close frame: whose it was, and its code.
    closing: Option<(Initiator, Option<u16>)>,
    /// Whose bytes ended first.
    ended: Option<Side>,
    /// The code that the client was told where nobody else sent a close frame.
    told: Option<u16>,
    meter: Meter,
}

/// One direction of it.
#[derive(Debug, Default)]
struct Direction {
    scan: FrameScan,
    frames: u64,
    /// Its close frame has passed.
    closed: bool,
}

impl Tunnel {
    /// Begins one, whose frames `meter` counts.
    pub(crate) fn open(meter: Meter) -> Self {
        Self {
            from_client: Direction::default(),
            from_upstream: Direction::default(),
            closing: None,
            ended: None,
            told: None,
            meter,
        }
    }

    /// Bytes pass; they are looked at and left as they are.
    pub(crate) fn passed(&mut self, side: Side, bytes: &[u8]) {
        let Self { from_client, from_upstream, closing, meter, .. } = self;
        let direction = match side {
            Side::Client => from_client,
            Side::Upstream => from_upstream,
        };
        meter.bytes(side, bytes.len());
        let Direction { scan, frames, closed } = direction;
        scan.follow(bytes, |frame: Frame| {
            *frames += 1;
            meter.frame(side, &frame);
            if frame.opcode == Opcode::Close {
                *closed = true;
                closing.get_or_insert((side.into(), frame.close_code));
            }
        });
    }

    /// Pings of vordr's own have been sent.
    pub(crate) fn pinged(&mut self, pings: u64) {
        (0..pings).for_each(|_| self.count_own(Opcode::Ping, None));
    }

    fn count_own(&mut self, opcode: Opcode, close_code: Option<u16>) {
        self.from_upstream.frames += 1;
        self.meter.frame(Side::Upstream, &Frame { opcode, last: true, compressed: false, close_code });
    }

    /// A close frame of vordr's own has been sent.
    pub(crate) fn closed_by_vordr(&mut self, code: u16) {
        if self.closing.is_none() {
            self.closing = Some((Initiator::Proxy, Some(code)));
            self.count_own(Opcode::Close, Some(code));
        }
    }

    /// Whether what has come from the upstream ends with a frame's end, behind which more may stand: nothing does behind a
    /// close frame (RFC 6455, section 5.5.1).
    pub(crate) fn is_between_frames(&self) -> bool {
        self.from_upstream.scan.is_between_frames() && !self.from_upstream.closed
    }

    /// Nothing more comes from this side.
    pub(crate) fn ended(&mut self, side: Side) {
        self.ended.get_or_insert(side);
    }

    /// How many frames came from a side.
    pub(crate) fn frames(&self, side: Side) -> u64 {
        match side {
            Side::Client => self.from_client.frames,
            Side::Upstream => self.from_upstream.frames,
        }
    }

    /// The code that the client is told where there was no close frame, so that it knows of the end and what to make of it;
    /// `None` where it knows, or is in the middle of a frame. At a stop it has been told as far as it could be.
    pub(crate) fn last_word(&mut self, failure: Option<&Failure>) -> Option<u16> {
        if self.closing.is_some() || !self.is_between_frames() {
            return None;
        }
        let code = match self.ending(failure) {
            Ending { initiator: Initiator::Client, .. } | Ending { reason: "shutdown", .. } => return None,
            Ending { reason: "idle", .. } => FAREWELL,
            _ => UNEXPECTED,
        };
        self.told = Some(code);
        self.count_own(Opcode::Close, self.told);
        self.told
    }

    /// How it ended: a close frame says so; without one it was cut.
    pub(crate) fn ending(&self, failure: Option<&Failure>) -> Ending {
        let cut = |initiator, reason| Ending { initiator, reason, code: self.told };
        match (self.closing, failure, self.ended) {
            (Some((Initiator::Proxy, code)), ..) => {
                Ending { initiator: Initiator::Proxy, reason: "shutdown", code }
            }
            (Some((initiator, code)), ..) => Ending { initiator, reason: reason(code), code },
            (None, Some(Failure::Idle), _) => cut(Initiator::Proxy, "idle"),
            (None, Some(Failure::Shutdown), _) => cut(Initiator::Proxy, "shutdown"),
            (None, Some(Failure::Internal(_)), _) => cut(Initiator::Proxy, "internal"),
            (None, Some(Failure::ClientGone | Failure::ClientTimeout), _) => {
                cut(Initiator::Client, "abnormal")
            }
            (None, _, Some(side)) => cut(side.into(), "abnormal"),
            (None, ..) => cut(Initiator::Upstream, "abnormal"),
        }
    }
}

/// A code in a word (RFC 6455, section 7.4.1, and its registry). An application's own codes are an orderly end: what
/// they mean is between its two sides.
fn reason(code: Option<u16>) -> &'static str {
    match code {
        None | Some(1000 | 3000..=4999) => "normal",
        Some(1001 | 1012 | 1013) => "going_away",
        Some(1008) => "policy",
        Some(1009) => "too_big",
        Some(1011 | 1014) => "internal",
        Some(1006 | 1015) => "abnormal",
        Some(_) => "protocol",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel() -> Tunnel {
        Tunnel::open(Meter::unseen())
    }

    #[test]
    fn frames_are_counted_for_each_direction() {
        let mut tunnel = tunnel();
        tunnel.passed(Side::Client, b"\x81\x85\0\0\0\0hel");
        tunnel.passed(Side::Client, b"lo\x89\x80\0\0\0\0");
        tunnel.passed(Side::Upstream, b"\x81\x02hi");
        assert_eq!((tunnel.frames(Side::Client), tunnel.frames(Side::Upstream)), (2, 1));
    }

    #[test]
    fn frames_of_vordrs_own_stand_between_others_and_behind_no_close_frame() {
        let mut tunnel = tunnel();
        assert!(tunnel.is_between_frames());
        for (bytes, is_between) in [(&b"\x81\x02h"[..], false), (b"i", true), (b"\x88\x02\x03\xe8", false)] {
            tunnel.passed(Side::Upstream, bytes);
            assert_eq!(tunnel.is_between_frames(), is_between, "{bytes:?}");
        }
    }

    #[test]
    fn the_first_close_frame_says_who_ended_it_and_why() {
        for (code, word) in [
            (1000_u16, "normal"),
            (1001, "going_away"),
            (1002, "protocol"),
            (1007, "protocol"),
            (1008, "policy"),
            (1009, "too_big"),
            (1011, "internal"),
            (4001, "normal"),
            (999, "protocol"),
        ] {
            let mut tunnel = tunnel();
            tunnel.passed(Side::Upstream, &[&[0x88, 2][..], &code.to_be_bytes()].concat());
            tunnel.passed(Side::Client, b"\x88\x82\0\0\0\0\x03\xe8");
            tunnel.ended(Side::Client);
            let expected = Ending { initiator: Initiator::Upstream, reason: word, code: Some(code) };
            assert_eq!(tunnel.ending(Some(&Failure::ClientGone)), expected);
        }
    }

    #[test]
    fn a_close_frame_without_a_code_is_an_orderly_end() {
        let mut tunnel = tunnel();
        tunnel.passed(Side::Client, b"\x88\x80\0\0\0\0");
        let expected = Ending { initiator: Initiator::Client, reason: "normal", code: None };
        assert_eq!(tunnel.ending(None), expected);
    }

    #[test]
    fn a_client_that_was_told_nothing_is_told_why_it_ends() {
        let told = |frames: &[u8], failure: Option<Failure>, side: Side| {
            let mut tunnel = tunnel();
            tunnel.passed(Side::Upstream, frames);
            tunnel.ended(side);
            tunnel.last_word(failure.as_ref())
        };
        assert_eq!(told(b"\x81\x02hi", None, Side::Upstream), Some(1011));
        assert_eq!(told(b"", Some(Failure::Reset), Side::Upstream), Some(1011));
        assert_eq!(told(b"", Some(Failure::Idle), Side::Upstream), Some(1001));
        assert_eq!(told(b"", None, Side::Client), None);
        assert_eq!(told(b"", Some(Failure::Shutdown), Side::Upstream), None);
        assert_eq!(told(b"\x81\x02h", None, Side::Upstream), None);
        assert_eq!(told(b"\x88\x00", None, Side::Upstream), None);
        let mut tunnel = tunnel();
        tunnel.ended(Side::Upstream);
        tunnel.last_word(None);
        let ending = Ending { initiator: Initiator::Upstream, reason: "abnormal", code: Some(1011) };
        assert_eq!((tunnel.ending(None), tunnel.frames(Side::Upstream)), (ending, 1));
    }

    #[test]
    fn without_a_close_frame_it_was_cut_by_whoever_went_first() {
        let ending = |failure: Option<Failure>, sides: &[Side]| {
            let mut tunnel = tunnel();
            sides.iter().for_each(|side| tunnel.ended(*side));
            let ending = tunnel.ending(failure.as_ref());
            (ending.initiator, ending.reason)
        };
        assert_eq!(ending(Some(Failure::Idle), &[]), (Initiator::Proxy, "idle"));
        assert_eq!(ending(Some(Failure::Shutdown), &[]), (Initiator::Proxy, "shutdown"));
        assert_eq!(ending(Some(Failure::ClientGone), &[]), (Initiator::Client, "abnormal"));
        assert_eq!(ending(Some(Failure::Reset), &[]), (Initiator::Upstream, "abnormal"));
        assert_eq!(ending(None, &[Side::Client, Side::Upstream]), (Initiator::Client, "abnormal"));
        assert_eq!(ending(None, &[Side::Upstream]), (Initiator::Upstream, "abnormal"));
    }
}

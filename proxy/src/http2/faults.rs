//! Faults within one stream. The library answers them by itself, before anybody else hears of the request; so they are seen
//! by what it sends.

use crate::exchange::Failure;
use bytes::Buf;
use std::collections::VecDeque;

const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const FRAME_HEAD: usize = 9;

/// Streams that are kept in mind at most. The library hands a head over as soon as it has it, or resets its stream.
const AWAITED: usize = 256;

const PROTOCOL_ERROR: u32 = 0x1;
const FLOW_CONTROL_ERROR: u32 = 0x3;
const FRAME_SIZE_ERROR: u32 = 0x6;

/// Streams whose heads have come and were not handed over yet, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Faults {
    awaited: VecDeque<u32>,
    newest: u32,
    sent: SentFrames,
    seen: VecDeque<Failure>,
}

impl Faults {
    /// A frame of a head has come on a stream; further ones of the same stream are its trailers.
    pub(super) fn head_came(&mut self, stream: u32) {
        if stream > self.newest {
            self.newest = stream;
            if self.awaited.len() >= AWAITED {
                self.awaited.pop_front();
            }
            self.awaited.push_back(stream);
        }
    }

    /// The stream has been handed over, or the client has taken it back: what comes of it is known elsewhere.
    pub(super) fn forget(&mut self, stream: u32) {
        self.awaited.retain(|awaited| *awaited != stream);
    }

    /// Looks at what has been sent.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while let Some(sent) = self.sent.next(&mut bytes) {
            if !self.awaited.contains(&sent.stream) {
                continue;
            }
            self.forget(sent.stream);
            self.seen.extend(match sent.reset {
                // 431: nothing else is answered by the library.
                None => Some(Failure::HeaderSize),
                Some(code) => fault(code),
            });
        }
    }

    /// What has been wrong, oldest first.
    pub(super) fn next(&mut self) -> Option<Failure> {
        self.seen.pop_front()
    }
}

/// What the library's code for a stream stands for; none for one that was refused or is not needed any more.
fn fault(code: u32) -> Option<Failure> {
    match code {
        PROTOCOL_ERROR => Some(Failure::BadRequest("a request of HTTP/2 that is malformed")),
        FLOW_CONTROL_ERROR => Some(Failure::BadRequest("more was sent than a stream's window allows")),
        FRAME_SIZE_ERROR => Some(Failure::BadRequest("a frame of HTTP/2 has no size it can have")),
        _ => None,
    }
}

/// A head or a reset that was sent.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    stream: u32,
    /// The reset's code.
    reset: Option<u32>,
}

/// Follows the frames that are sent, in whatever pieces.
#[derive(Debug, Default)]
struct SentFrames {
    head: [u8; FRAME_HEAD],
    have: usize,
    /// How much of the payload is still to come, and the last four bytes of it so far.
    left: usize,
    last: u32,
}

impl SentFrames {
    /// The next head or reset in `bytes`, once it is whole.
    fn next(&mut self, bytes: &mut &[u8]) -> Option<Sent> {
        while !bytes.is_empty() || (self.have == FRAME_HEAD && self.left == 0) {
            if self.have < FRAME_HEAD {
                self.read_head(bytes);
                continue;
            }
            let [_, _, _, kind, _, stream @ ..] = self.head;
            let part = self.left.min(bytes.len());
            if kind == RST_STREAM {
                for byte in bytes.get(..part).unwrap_or_default() {
                    self.last = self.last << 8 | u32::from(*byte);
                }
            }
            bytes.advance(part);
            self.left -= part;
            if self.left > 0 {
                return None;
            }
            self.have = 0;
            let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
            match kind {
                HEADERS => return Some(Sent { stream, reset: None }),
                RST_STREAM => return Some(Sent { stream, reset: Some(self.last) }),
                _ => {}
            }
        }
        None
    }

    fn read_head(&mut self, bytes: &mut &[u8]) {
        while let (Some(place), false) = (self.head.get_mut(self.have), bytes.is_empty()) {
            *place = bytes.get_u8();
            self.have += 1;
        }
        let [high, middle, low, ..] = self.head;
        self.left = u32::from_be_bytes([0, high, middle, low]) as usize;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
    }

    fn reset(stream: u32, code: u32) -> Vec<u8> {
        frame(RST_STREAM, stream, &code.to_be_bytes())
    }

    #[test]
    fn a_reset_of_a_stream_that_was_not_handed_over_is_a_fault_in_whatever_pieces_it_is_sent() {
        let sent = [
            frame(0x4, 0, &[0; 18]),
            frame(0x4, 0, &[]),
            frame(HEADERS, 1, b"abc"),
            frame(0x0, 1, &[1; 50]),
            reset(3, PROTOCOL_ERROR),
            reset(1, PROTOCOL_ERROR),
            frame(HEADERS, 5, b"431"),
            reset(5, PROTOCOL_ERROR),
            reset(7, 0x7),
        ]
        .concat();
        for size in 1..=sent.len() {
            let mut faults = Faults::default();
            [1, 3, 5, 7].iter().for_each(|stream| faults.head_came(*stream));
            faults.forget(1);
            sent.chunks(size).for_each(|piece| faults.follow(piece));
            let malformed = Failure::BadRequest("a request of HTTP/2 that is malformed");
            assert_eq!(faults.next(), Some(malformed), "in pieces of {size}");
            assert_eq!((faults.next(), faults.next()), (Some(Failure::HeaderSize), None));
            assert!(faults.awaited.is_empty());
        }
    }

    #[test]
    fn trailers_are_no_new_stream_and_no_more_are_kept_in_mind_than_there_can_be() {
        let mut faults = Faults::default();
        for stream in (1..10_000).step_by(2) {
            faults.head_came(stream);
            faults.head_came(1);
        }
        assert_eq!(faults.awaited.len(), AWAITED);
    }
}

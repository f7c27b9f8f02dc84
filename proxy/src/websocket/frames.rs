//! Frames found in a passing stream (RFC 6455, section 5.2), in whichever pieces it comes.

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    /// All of them, in the order of the enum.
    pub(crate) const ALL: [Self; 6] =
        [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong];

    /// As the metrics have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }

    fn of(byte: u8) -> Option<Self> {
        match byte & 0x0f {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xa => Some(Self::Pong),
            _ => None,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What a frame's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What it carries.
    pub opcode: Opcode,
    /// Whether it is the last one of its message.
    pub last: bool,
    /// Whether the message is compressed (permessage-deflate, RFC 7692, section 6); its first frame says so.
    pub compressed: bool,
    /// Why the stream is closed, where the frame is a close frame that says so.
    pub close_code: Option<u16>,
}

impl Frame {
    /// Whether a message ends with it.
    pub(crate) fn ends_message(&self) -> bool {
        self.last && !self.opcode.is_control()
    }
}

/// Follows one direction of a stream.
#[derive(Debug, Default)]
pub(crate) struct FrameScan {
    state: State,
}

#[derive(Debug)]
enum State {
    /// In a frame's head.
    Head(Head),
    /// In its payload.
    Payload { left: u64 },
    /// It has turned out not to be WebSocket, so that whatever is read from it would be made up.
    Lost,
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Head::default())
    }
}

impl FrameScan {
    /// Whether a frame has ended and the next has not begun.
    pub(crate) fn is_between_frames(&self) -> bool {
        matches!(&self.state, State::Head(head) if head.have == 0)
    }

    /// Tells of each frame whose head ends within these bytes.
    pub(crate) fn follow(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Frame)) {
        while let Some((byte, after)) = bytes.split_first() {
            match &mut self.state {
                State::Payload { left } => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= count as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                State::Head(head) => {
                    head.push(*byte);
                    bytes = after;
                    if head.is_whole() {
                        self.state = head.conclude(&mut seen);
                    }
                }
                State::Lost => return,
            }
            if let State::Payload { left: 0 } = self.state {
                self.state = State::default();
            }
        }
    }
}

/// A frame's head so far; a close frame's code is read with it.
#[derive(Debug, Default)]
struct Head {
    /// Two bytes, eight of a long length, four of a mask, two of a code.
    bytes: [u8; 16],
    have: usize,
}

impl Head {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.have) {
            *place = byte;
            self.have += 1;
        }
    }

    fn is_whole(&self) -> bool {
        self.have >= 2 && self.have >= self.code_at() + if self.has_code() { 2 } else { 0 }
    }

    /// How many bytes its length has besides the seven bits.
    fn length_size(&self) -> usize {
        match self.bytes[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    fn is_masked(&self) -> bool {
        self.bytes[1] & 0x80 != 0
    }

    /// Where the payload begins, and with it a close frame's code.
    fn code_at(&self) -> usize {
        2 + self.length_size() + if self.is_masked() { 4 } else { 0 }
    }

    /// A close frame is short, so its length is within the seven bits.
    fn has_code(&self) -> bool {
        self.bytes[0] & 0x0f == 0x8 && (2..=125).contains(&(self.bytes[1] & 0x7f))
    }

    fn length(&self) -> u64 {
        let [_, short, a, b, c, d, e, f, g, h, ..] = self.bytes;
        match self.length_size() {
            0 => u64::from(short & 0x7f),
            2 => u64::from(u16::from_be_bytes([a, b])),
            _ => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        }
    }

    /// Read through the mask, whose first half covers the code. A close frame has no long length.
    fn close_code(&self) -> Option<u16> {
        let [_, _, a, b, _, _, g, h, ..] = self.bytes;
        match (self.has_code(), self.is_masked()) {
            (false, _) => None,
            (true, false) => Some(u16::from_be_bytes([a, b])),
            (true, true) => Some(u16::from_be_bytes([g ^ a, h ^ b])),
        }
    }

    /// Tells of the frame, and what follows its head.
    fn conclude(&self, seen: &mut impl FnMut(Frame)) -> State {
        let [first, ..] = self.bytes;
        let (last, compressed, reserved) = (first & 0x80 != 0, first & 0x40 != 0, first & 0x30 != 0);
        let Some(opcode) = Opcode::of(first).filter(|_| !reserved) else { return State::Lost };
        let length = self.length();
        // RFC 6455, sections 5.2 and 5.5: a length has 63 bits; a control frame is short, whole, and never compressed.
        if length > i64::MAX as u64 || (opcode.is_control() && (length > 125 || !last || compressed)) {
            return State::Lost;
        }
        seen(Frame { opcode, last, compressed, close_code: self.close_code() });
        State::Payload { left: length - if self.has_code() { 2 } else { 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as it goes over the wire; `first` is its first byte, and a mask is that of a client.
    fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let marked = if mask.is_some() { 0x80 } else { 0 };
        let mut bytes = match payload.len() {
            length @ 0..=125 => vec![first, marked | length as u8],
            length @ 126..=0xffff => [&[first, marked | 126], &(length as u16).to_be_bytes()[..]].concat(),
            length => [&[first, marked | 127], &(length as u64).to_be_bytes()[..]].concat(),
        };
        let key = mask.unwrap_or_default();
        bytes.extend(mask.iter().flatten());
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }

    fn frames_in<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Vec<Frame> {
        let (mut scan, mut frames) = (FrameScan::default(), Vec::new());
        pieces.into_iter().for_each(|piece| scan.follow(piece, |frame| frames.push(frame)));
        frames
    }

    fn opcodes(bytes: &[u8]) -> Vec<&'static str> {
        frames_in([bytes]).iter().map(|frame| frame.opcode.name()).collect()
    }

    const MASK: Option<[u8; 4]> = Some([0x12, 0x34, 0x56, 0x78]);

    #[test]
    fn every_kind_of_frame_is_told_masked_or_not() {
        for mask in [None, MASK] {
            let kinds = [0x01, 0x80, 0x82, 0x89, 0x8a, 0x88].map(|first| frame(first, b"", mask));
            assert_eq!(opcodes(&kinds.concat()), ["text", "continuation", "binary", "ping", "pong", "close"]);
        }
    }

    #[test]
    fn lengths_of_one_two_and_eight_bytes_lead_to_the_next_frame() {
        for length in [0, 1, 125, 126, 127, 0xffff, 0x10000, 200_000] {
            for mask in [None, MASK] {
                // A payload that looks like frames itself.
                let stream = [frame(0x82, &vec![0x81; length], mask), frame(0x8a, b"", mask)].concat();
                assert_eq!(opcodes(&stream), ["binary", "pong"], "{length}");
            }
        }
    }

    #[test]
    fn a_stream_may_come_in_any_pieces() {
        let stream = [
            frame(0x81, b"hello", MASK),
            frame(0x82, &[7; 300], MASK),
            frame(0x89, b"ping", MASK),
            frame(0x82, &[0; 70_000], MASK),
            frame(0x88, &[0x03, 0xe9, b'x'], MASK),
        ]
        .concat();
        let whole = frames_in([stream.as_slice()]);
        assert_eq!(whole.len(), 5);
        for size in [1, 2, 3, 5, 7, 11, 13, 1460, 65_536] {
            assert_eq!(frames_in(stream.chunks(size)), whole, "in pieces of {size}");
        }
    }

    #[test]
    fn a_message_ends_with_its_last_frame_and_control_frames_in_between_are_none() {
        let stream = [
            frame(0x01, b"one", None),
            frame(0x89, b"", None),
            frame(0x00, b"two", None),
            frame(0x80, b"three", None),
            frame(0x82, b"four", None),
        ]
        .concat();
        let messages = frames_in([stream.as_slice()]).iter().filter(|frame| frame.ends_message()).count();
        assert_eq!(messages, 2);
    }

    #[test]
    fn a_close_frames_code_is_read_through_the_mask() {
        for mask in [None, MASK] {
            let code = |payload: &[u8]| frames_in([frame(0x88, payload, mask).as_slice()])[0].close_code;
            assert_eq!(code(&4001_u16.to_be_bytes()), Some(4001));
            assert_eq!(code(b"\x03\xe8bye"), Some(1000));
            assert_eq!(code(b""), None);
            assert_eq!(code(b"x"), None);
        }
        assert_eq!(frames_in([frame(0x8a, b"\x03\xe8", None).as_slice()])[0].close_code, None);
    }

    #[test]
    fn a_compressed_message_is_told_by_its_first_frame() {
        let stream = [frame(0x41, b"zip", None), frame(0x80, b"zap", None)].concat();
        let compressed: Vec<bool> = frames_in([stream.as_slice()]).iter().map(|f| f.compressed).collect();
        assert_eq!(compressed, [true, false]);
    }

    #[test]
    fn what_is_not_websocket_is_not_counted_any_further() {
        let too_long = [&[0x82, 127][..], &[0xff; 8]].concat();
        for nonsense in [
            frame(0x83, b"", None),
            frame(0xa1, b"", None),
            frame(0x09, b"", None),
            frame(0xc9, b"", None),
            frame(0x89, &[0; 126], None),
            too_long,
        ] {
            let stream = [frame(0x81, b"fine", None), nonsense, frame(0x81, b"", None)].concat();
            assert_eq!(opcodes(&stream), ["text"], "{stream:x?}");
        }
    }
}

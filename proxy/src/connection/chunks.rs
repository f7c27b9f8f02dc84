//! Where a chunked body ends (RFC 9112, section 7.1), so that what follows it is the next request's.

/// How much may stand around the chunks of one body, beside what they need: extensions, zeros ahead of sizes, trailers.
const MOST_AROUND: usize = 16 * 1024;

/// Follows a chunked body byte by byte, without touching it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkScan {
    state: State,
    payload: u64,
    /// How many bytes there have been of what no body needs.
    around: usize,
}

/// A body that is not made of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotChunks;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a chunk's size, of which there is something already or not yet.
    Size {
        so_far: u64,
        any: bool,
    },
    /// After the size there is a blank, which only an extension may follow.
    Blank {
        size: u64,
    },
    /// In an extension.
    Extension {
        size: u64,
    },
    /// The size's line has ended but for its LF.
    SizeEnd {
        size: u64,
    },
    /// In a chunk.
    Data {
        left: u64,
    },
    /// After a chunk.
    DataCr,
    DataLf,
    /// After the last chunk, at the start of a line.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl ChunkScan {
    pub(crate) fn new() -> Self {
        Self { state: State::Size { so_far: 0, any: false }, payload: 0, around: 0 }
    }

    /// Whether the body has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the last chunk has come, and nothing behind it: here trailers begin.
    pub(crate) fn is_before_trailers(&self) -> bool {
        self.state == State::Trailer
    }

    /// How many bytes the chunks hold that have been announced so far.
    pub(crate) fn payload(&self) -> u64 {
        self.payload
    }

    /// How many of these bytes belong to the body.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Result<usize, NotChunks> {
        let mut at = 0;
        while let (false, Some(rest @ [_, ..])) = (self.is_done(), bytes.get(at..)) {
            at += match self.payload_next() {
                0 => self.pass_frame(rest)?,
                left => self.pass_payload(left.min(rest.len() as u64)),
            };
        }
        Ok(at)
    }

    /// How many bytes of payload come next; 0 where it is a frame's, or nothing.
    pub(crate) fn payload_next(&self) -> u64 {
        match self.state {
            State::Data { left } => left,
            _ => 0,
        }
    }

    /// So many bytes of payload have passed.
    pub(crate) fn pass_payload(&mut self, count: u64) -> usize {
        if let State::Data { left } = self.state {
            self.state = if left <= count { State::DataCr } else { State::Data { left: left - count } };
        }
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Passes over what stands around the payload, as far as it has come; how many bytes that were.
    pub(crate) fn pass_frame(&mut self, bytes: &[u8]) -> Result<usize, NotChunks> {
        let mut at = 0;
        while let (0, false, Some(byte)) = (self.payload_next(), self.is_done(), bytes.get(at)) {
            self.step(*byte)?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<(), NotChunks> {
        self.state = match (self.state, byte) {
            (State::Size { so_far, any }, _) => self.size(so_far, any, byte)?,
            (State::Blank { size }, b' ' | b'\t') => State::Blank { size },
            (State::Blank { size }, b';') => State::Extension { size },
            (State::Extension { size }, b'\r') => State::SizeEnd { size },
            (State::Extension { size }, byte) if is_text(byte) => State::Extension { size },
            (State::SizeEnd { size: 0 }, b'\n') => State::Trailer,
            (State::SizeEnd { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { so_far: 0, any: false },
            (State::Trailer, b'\r') => State::EndLf,
            (State::Trailer | State::TrailerName, byte) if is_of_a_name(byte) => State::TrailerName,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, byte) if is_text(byte) => State::TrailerValue,
            (State::TrailerLf, b'\n') => State::Trailer,
            (State::EndLf, b'\n') => State::Done,
            _ => return Err(NotChunks),
        };
        self.bound()
    }

    /// Holds what no body needs against its limit.
    fn bound(&mut self) -> Result<(), NotChunks> {
        let needless = match self.state {
            State::Size { so_far: 0, any } => any,
            State::Blank { .. } | State::Extension { .. } => true,
            State::TrailerName | State::TrailerValue => true,
            _ => false,
        };
        self.around += usize::from(needless);
        if self.around > MOST_AROUND { Err(NotChunks) } else { Ok(()) }
    }

    fn size(&mut self, so_far: u64, any: bool, byte: u8) -> Result<State, NotChunks> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            let so_far = so_far.checked_mul(16).and_then(|size| size.checked_add(digit.into()));
            return Ok(State::Size { so_far: so_far.ok_or(NotChunks)?, any: true });
        }
        if !any {
            return Err(NotChunks);
        }
        self.payload = self.payload.saturating_add(so_far);
        match byte {
            b'\r' => Ok(State::SizeEnd { size: so_far }),
            b';' => Ok(State::Extension { size: so_far }),
            b' ' | b'\t' => Ok(State::Blank { size: so_far }),
            _ => Err(NotChunks),
        }
    }
}

/// What may stand in an extension or a trailer's value; strings in quotes are not looked into.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// RFC 9110, section 5.6.2.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BODY: &[u8] = b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n";

    #[test]
    fn a_body_ends_where_its_chunks_do_and_the_rest_is_left() {
        let mut scan = ChunkScan::new();
        let followed = scan.follow(&[BODY, b"GET / HTTP/1.1\r\n"].concat()).unwrap();
        assert_eq!((followed, scan.is_done(), scan.payload()), (BODY.len(), true, 13));
    }

    #[test]
    fn a_body_may_come_in_any_pieces() {
        for size in 1..BODY.len() {
            let mut scan = ChunkScan::new();
            for piece in BODY.chunks(size) {
                assert_eq!(scan.follow(piece), Ok(piece.len()), "in pieces of {size}");
            }
            assert!(scan.is_done());
        }
    }

    #[test]
    fn what_is_not_made_of_chunks_is_refused() {
        for body in [
            "x\r\n",
            "\r\n",
            "-1\r\n",
            "3\nabc",
            "3 \r\nabc",
            "3 x\r\nabc",
            "3;a\nb\r\n",
            "3;a\0\r\n",
            "3\r\nabcd\r\n",
            "ffffffffffffffff1\r\n",
            "0\r\n\n",
            "0\r\nX\r\n",
            "0\r\nX : y\r\n",
            "0\r\nX: y\r\n z\r\n",
            "0\r\nX: y\n",
        ] {
            assert_eq!(ChunkScan::new().follow(body.as_bytes()), Err(NotChunks), "{body:?}");
        }
    }
    #[test]
    fn what_no_body_needs_is_bounded() {
        let padding = "a".repeat(MOST_AROUND);
        let zeros = "0".repeat(MOST_AROUND + 1);
        for body in [format!("3;{padding}\r\n"), format!("0\r\nX:{padding}\r\n"), zeros] {
            assert_eq!(ChunkScan::new().follow(body.as_bytes()), Err(NotChunks));
        }
        let many = "1;a=b\r\nx\r\n".repeat(MOST_AROUND / 4 + 1);
        assert_eq!(ChunkScan::new().follow(many.as_bytes()), Err(NotChunks));
        let plain = "1\r\nx\r\n".repeat(MOST_AROUND);
        assert_eq!(ChunkScan::new().follow(plain.as_bytes()), Ok(plain.len()));
    }
}

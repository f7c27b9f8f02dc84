//! What of the bytes that a client sends belongs to the present request's body.

use super::chunks::{ChunkScan, NotChunks};
use super::head::Framing;

/// How much of a body is still to come.
#[derive(Debug)]
pub(crate) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks, up to the last one.
    Chunks(ChunkScan),
    /// Whatever comes: another protocol's stream.
    Anything,
}

impl Body {
    /// No body at all.
    pub(crate) const NONE: Self = Self::Length(0);

    /// Whether all of it has been claimed.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunks(scan) => scan.is_done(),
            Self::Anything => false,
        }
    }

    /// How many bytes may come without being looked at; `None` where each must be.
    pub(crate) fn unseen(&self) -> Option<usize> {
        match self {
            Self::Length(left) => Some(usize::try_from(*left).unwrap_or(usize::MAX)),
            Self::Chunks(_) => None,
            Self::Anything => Some(usize::MAX),
        }
    }

    /// So many bytes have come without being looked at.
    pub(crate) fn spend(&mut self, count: usize) {
        if let Self::Length(left) = self {
            *left = left.saturating_sub(count as u64);
        }
    }

    /// How many of the bytes that come next belong to it.
    pub(crate) fn claim(&mut self, bytes: &[u8]) -> Result<usize, NotChunks> {
        match self {
            Self::Chunks(scan) => scan.follow(bytes),
            Self::Length(_) | Self::Anything => {
                let count = self.unseen().unwrap_or_default().min(bytes.len());
                self.spend(count);
                Ok(count)
            }
        }
    }

    /// How much was in its chunks, now that all of them have come.
    pub(crate) fn payload(&self) -> Option<u64> {
        match self {
            Self::Chunks(scan) if scan.is_done() => Some(scan.payload()),
            Self::Chunks(_) | Self::Length(_) | Self::Anything => None,
        }
    }

    /// Whether its chunks hold more than this; a length has been looked at before.
    pub(crate) fn exceeds(&self, limit: u64) -> bool {
        matches!(self, Self::Chunks(scan) if scan.payload() > limit)
    }
}

impl From<Framing> for Body {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunks(ChunkScan::new()),
        }
    }
}

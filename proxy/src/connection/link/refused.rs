//! A head that is refused: what of it stands in for a request, and why it is refused.

use super::Link;
use crate::connection::head::HeadBounds;
use crate::connection::stand_in::{StandIn, stand_in};
use crate::exchange::{Failure, RefusedHead};
use tokio::time::Instant;

/// How much of the line of a request that is refused is told.
const LONGEST_LINE: usize = 4096;

/// What is known of a head that is refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its first line, where that has come whole.
    pub(super) line: Option<Box<[u8]>>,
    stand_in: StandIn,
}

impl Link {
    /// Notes a head that is refused, as far as it has come, and whose first byte came at `since`. It is its connection's last.
    pub(crate) fn refused(&self, head: &[u8], bounds: HeadBounds, since: Instant) {
        let refused = Refused { line: first_line(head), stand_in: stand_in(head, bounds) };
        if self.refused.set(refused).is_ok() {
            self.head_arrived(since, head.len(), false);
        }
    }

    /// Notes why the head is refused; what stands in for it is given back.
    pub(crate) fn refuse(&self, failure: Failure) -> &[u8] {
        let refused = self.refused.get_or_init(|| {
            self.head_arrived(Instant::now(), 0, false);
            Refused { line: None, stand_in: StandIn::nothing() }
        });
        let line = refused.line.clone();
        let _ = self.refusal.set(RefusedHead { failure, line, is_read: refused.stand_in.is_read });
        &refused.stand_in.head
    }

    /// Why the present head is refused, where it is.
    pub(crate) fn refusal(&self) -> Option<&RefusedHead> {
        self.refusal.get()
    }
}

/// The first line that is not empty, without its end.
fn first_line(head: &[u8]) -> Option<Box<[u8]>> {
    let start = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let head = head.get(start..)?;
    let end = head.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n')?;
    let line = head.get(..end).unwrap_or_default();
    Some(line.strip_suffix(b"\r").unwrap_or(line).into())
}

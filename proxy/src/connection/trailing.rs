//! Trailers behind the last chunk of an answer (RFC 9112, section 7.1.2), which Pingora has no place for.

use super::chunks::{ChunkScan, NotChunks};
use super::head::HeadScan;
use bytes::BytesMut;

/// What begins the head of an answer that another one follows.
const INTERIM: &[u8] = b"HTTP/1.1 1";

/// Follows an answer as it is written, from its head to its end.
#[derive(Debug)]
pub(super) enum Trailing {
    /// In its head, or in that of an interim answer ahead of it.
    Head(BytesMut, HeadScan),
    /// In its body.
    Body(ChunkScan),
}

impl Default for Trailing {
    fn default() -> Self {
        Self::Head(BytesMut::new(), HeadScan::default())
    }
}

impl Trailing {
    /// Appends what is written to `out`, and behind the last chunk the lines of the trailers. Whether the answer is over.
    pub(super) fn pass(
        &mut self,
        bytes: &[u8],
        lines: impl FnOnce() -> Vec<u8>,
        out: &mut BytesMut,
    ) -> Result<bool, NotChunks> {
        let mut rest = bytes;
        while let Self::Head(head, scan) = self
            && !rest.is_empty()
        {
            let before = head.len();
            head.extend_from_slice(rest);
            let end = scan.end(head).map_err(|_| NotChunks)?;
            let of_head = end.map_or(rest.len(), |end| end.saturating_sub(before));
            let (taken, left) = rest.split_at_checked(of_head).unwrap_or((rest, &[]));
            out.extend_from_slice(taken);
            rest = left;
            if end.is_some() {
                let is_interim = head.starts_with(INTERIM);
                *self = if is_interim { Self::default() } else { Self::Body(ChunkScan::new()) };
            }
        }
        match self {
            Self::Head(..) => Ok(false),
            Self::Body(scan) => pass_body(scan, rest, lines, out),
        }
    }
}

fn pass_body(
    scan: &mut ChunkScan,
    mut rest: &[u8],
    lines: impl FnOnce() -> Vec<u8>,
    out: &mut BytesMut,
) -> Result<bool, NotChunks> {
    let mut lines = Some(lines);
    while let (false, [first, ..]) = (scan.is_done(), rest) {
        let count = match scan.payload_next() {
            0 => scan.pass_frame(std::slice::from_ref(first))?,
            left => scan.pass_payload(left.min(rest.len() as u64)),
        };
        let (taken, left) = rest.split_at_checked(count).ok_or(NotChunks)?;
        out.extend_from_slice(taken);
        rest = left;
        if let Some(lines) = lines.take_if(|_| scan.is_before_trailers()) {
            out.extend_from_slice(&lines());
        }
    }
    out.extend_from_slice(rest);
    Ok(scan.is_done())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const INTERIM_HEAD: &str = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const BODY: &str = "5\r\n0\r\n\r\n\r\n1\r\nx\r\n0\r\n";

    /// What comes of an answer that is written in two parts.
    fn passed(answer: &str, cut: usize) -> (String, bool) {
        let (mut trailing, mut out, mut over) = (Trailing::default(), BytesMut::new(), false);
        let (first, second) = answer.split_at(cut);
        for part in [first, second] {
            over = trailing.pass(part.as_bytes(), || b"X-A: b\r\n".to_vec(), &mut out).unwrap();
        }
        (String::from_utf8(out.to_vec()).unwrap(), over)
    }

    #[test]
    fn they_stand_behind_the_last_chunk_however_the_answer_is_cut() {
        for ahead in ["", INTERIM_HEAD] {
            let answer = format!("{ahead}{HEAD}{BODY}\r\n");
            for cut in 0..=answer.len() {
                let expected = format!("{ahead}{HEAD}{BODY}X-A: b\r\n\r\n");
                assert_eq!(passed(&answer, cut), (expected, true), "cut at {cut}");
            }
        }
    }

    #[test]
    fn an_answer_that_does_not_come_to_its_end_has_none() {
        let answer = format!("{HEAD}5\r\nab");
        assert_eq!(passed(&answer, 3), (answer, false));
    }

    #[test]
    fn what_is_not_in_chunks_is_not_taken_for_an_answer_that_has_a_place_for_them() {
        let mut trailing = Trailing::default();
        assert!(trailing.pass(b"HTTP/1.1 200 OK\r\n\r\nhello", Vec::new, &mut BytesMut::new()).is_err());
    }
}

//! Messages of HTTP/1: where they end.

use crate::connection::chunks::ChunkScan;
use crate::connection::head::{Framing, HeadBounds, HeadScan, judge};
use crate::connection::retarget::retargeted;
use crate::connection::stand_in::stand_in;
use crate::exchange::Failure;

/// A head is found in pieces as it is found whole, and one that is believed says in one way where its request ends.
pub fn heads(bytes: &[u8]) {
    lenient_heads(bytes);
    refused_heads(bytes);
    let whole = HeadScan::default().end(bytes);
    let mut scan = HeadScan::default();
    let pieces = (0..=bytes.len()).map(|length| scan.end(&bytes[..length])).find(|found| *found != Ok(None));
    assert_eq!(pieces.unwrap_or(Ok(None)), whole);
    let Ok(Some(length)) = whole else { return };
    let head = &bytes[..length];
    let Ok(framing) = judge(head, 128) else { return };
    let count = |name: &str| fields(head).filter(|(found, _)| found.eq_ignore_ascii_case(name)).count();
    let (lengths, codings) = (count("content-length"), count("transfer-encoding"));
    match framing {
        Framing::Chunked => assert_eq!((lengths, codings), (0, 1)),
        Framing::Length(0) => assert!(lengths <= 1 && codings == 0),
        Framing::Length(_) => assert_eq!((lengths, codings), (1, 0)),
    }
    assert!(count("host") <= 1);
    assert!(!head.contains(&0), "no NUL");
    assert!(
        head.split(|byte| *byte == b'\n').all(|line| line.is_empty() || line.ends_with(b"\r")),
        "no bare LF"
    );
}

/// What stands in for a head that is refused is one that is believed, and has no body.
fn refused_heads(bytes: &[u8]) {
    for lenient in [false, true] {
        let bounds = HeadBounds { size: 1 << 15, request_line: 1 << 13, fields: 128, lenient };
        let head = stand_in(bytes, bounds).head;
        assert_eq!(HeadScan::default().end(&head), Ok(Some(head.len())));
        let no_host = Failure::BadRequest("HTTP/1.1 without a Host header");
        assert!([Ok(Framing::Length(0)), Err(no_host)].contains(&judge(&head, 256)));
        assert_eq!(retargeted(&head, false), Ok(None));
        for name in ["connection", "upgrade", "expect", "content-length", "transfer-encoding"] {
            assert!(fields(&head).all(|(found, _)| !found.eq_ignore_ascii_case(name)));
        }
    }
}

/// A head that lenient rules take, and one that is written anew, says what it said before.
fn lenient_heads(bytes: &[u8]) {
    let bounds = HeadBounds { size: 1 << 15, request_line: 1 << 13, fields: 128, lenient: true };
    let Ok(Some(length)) = HeadScan::within(bounds).end(bytes) else { return };
    let head = &bytes[..length];
    let Ok(framing) = judge(head, 128) else { return };
    let Ok(Some(again)) = retargeted(head, true) else { return };
    assert_eq!(judge(&again, 128), Ok(framing));
    let others = |head| fields(head).filter(|(name, _)| !name.eq_ignore_ascii_case("host")).count();
    assert_eq!(others(&again), others(head));
    assert_eq!(retargeted(&again, true), Ok(None), "once is enough");
}

/// The fields of a head, read without the library: after the first line that is not empty.
fn fields(head: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let fields = lines.skip_while(|line| line.is_empty()).skip(1).filter(|line| !line.is_empty());
    fields.map(|line| {
        let colon = line.iter().position(|byte| *byte == b':').expect("a field has a colon");
        let (name, value) = line.split_at(colon);
        (std::str::from_utf8(name).expect("a name is ASCII"), &value[1..])
    })
}

/// A body ends in the same place, in whichever pieces it comes.
pub fn chunks(bytes: &[u8]) {
    let mut whole = ChunkScan::new();
    let followed = whole.follow(bytes);
    for size in [1, 2, 7] {
        let mut scan = ChunkScan::new();
        let sum = bytes.chunks(size).try_fold(0, |sum, piece| Ok(sum + scan.follow(piece)?));
        assert_eq!(sum, followed);
        if let Ok(followed) = followed {
            assert_eq!((scan.is_done(), scan.payload()), (whole.is_done(), whole.payload()));
            assert!(
                scan.is_done() || followed == bytes.len(),
                "nothing is left of a body that has not ended"
            );
        }
    }
}

//! HTTP/2: the frames that are watched, and requests as heads of HTTP/1.1.

use super::faults::Faults;
use super::frames::{FrameScan, PREFACE};
use super::request::{Framing, Head, head_of};
use crate::connection::head::{self, HeadScan, judge};
use crate::messages;
use h2::ext::Protocol;
use http::Version;
use tokio::time::Instant;

/// What is seen of frames, in and out, is the same in whichever pieces they come.
pub fn frames(bytes: &[u8]) {
    let now = Instant::now();
    let came = |size: usize| {
        let (mut scan, mut heard) = (FrameScan::new(now), Vec::new());
        scan.follow(PREFACE, now, |_| ()).expect("a preface is no flood");
        let followed =
            bytes.chunks(size).try_for_each(|piece| scan.follow(piece, now, |came| heard.push(came)));
        (format!("{heard:?}"), followed, scan.head_since())
    };
    let went = |size: usize| {
        let mut faults = Faults::default();
        (1..64).step_by(2).for_each(|stream| faults.head_came(stream));
        bytes.chunks(size).for_each(|piece| faults.follow(piece));
        std::iter::from_fn(|| faults.next()).collect::<Vec<_>>()
    };
    let whole = bytes.len().max(1);
    for size in [1, 4, 9] {
        assert_eq!(came(size), came(whole));
        assert_eq!(went(size), went(whole));
    }
}

/// A request is written as one head, in which everything stands once and at its place.
pub fn heads(bytes: &[u8]) {
    let Some((choices, bytes)) = bytes.split_first() else { return };
    let Some(mut request) = messages::request(bytes) else { return };
    request.version = Version::HTTP_2;
    if choices & 1 != 0 {
        request.extensions.insert(Protocol::from_static("websocket"));
    }
    let Ok(Head { bytes, framing }) = head_of(&request, choices & 2 != 0) else { return };
    assert_eq!(HeadScan::default().end(&bytes), Ok(Some(bytes.len())), "{bytes:?}");
    // What is no head of HTTP/1.1 all the same is refused there.
    let Ok(judged) = judge(&bytes, 256) else { return };
    assert_eq!(framing == Framing::Chunked, judged == head::Framing::Chunked);
    let written = messages::parsed(&bytes).expect("what is believed can be read");
    let path = request.uri.path_and_query().map(|both| both.as_str());
    assert_eq!(written.uri.path_and_query().map(|both| both.as_str()), path);
    let ours = [
        "connection",
        "content-length",
        "cookie",
        "host",
        "sec-websocket-key",
        "transfer-encoding",
        "upgrade",
    ];
    for name in written.headers.keys().filter(|name| !ours.contains(&name.as_str())) {
        let [before, after] = [&request.headers, &written.headers].map(|headers| headers.get_all(name));
        let trimmed = before.iter().map(|value| value.as_bytes().trim_ascii());
        assert!(trimmed.eq(after.iter().map(|value| value.as_bytes().trim_ascii())), "{name}");
    }
}

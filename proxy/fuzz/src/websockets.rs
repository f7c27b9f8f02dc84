//! Frames of a WebSocket.

use crate::websocket::frames::FrameScan;

/// Frames are the same, in whichever pieces they come.
pub fn websocket_frames(bytes: &[u8]) {
    let seen = |size: usize| {
        let (mut scan, mut frames) = (FrameScan::default(), Vec::new());
        for piece in bytes.chunks(size) {
            scan.follow(piece, |frame| frames.push(frame));
        }
        (frames, scan.is_between_frames())
    };
    let whole = seen(bytes.len().max(1));
    for size in [1, 3, 14] {
        assert_eq!(seen(size), whole);
    }
}

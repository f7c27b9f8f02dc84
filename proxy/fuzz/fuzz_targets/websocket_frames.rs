//! Frames of a WebSocket are the same, in whichever pieces they come.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::websocket_frames(bytes));

//! Frames of HTTP/2, in and out: what is seen of them is the same, in whichever pieces they come.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::http2_frames(bytes));

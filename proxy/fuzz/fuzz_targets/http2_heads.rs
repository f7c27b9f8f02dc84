//! Requests of HTTP/2 as heads of HTTP/1.1: everything once, and at its place.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::http2_heads(bytes));

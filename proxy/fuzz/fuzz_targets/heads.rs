//! Heads of requests: where they end, and that one that is believed has one length.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::heads(bytes));

//! Paths, ranges and conditions of requests for files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::files(bytes));

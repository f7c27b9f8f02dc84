//! What is decided on any request: forwarded headers, cookies, hosts, paths, CORS, and what an upstream is told.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::admission(bytes));

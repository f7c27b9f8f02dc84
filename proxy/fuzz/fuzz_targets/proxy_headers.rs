//! PROXY headers: none asks for a byte that is not its own, and what is read is written the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::proxy_headers(bytes));

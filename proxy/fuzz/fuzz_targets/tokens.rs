//! JSON web tokens and the keys of their issuers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::tokens(bytes));

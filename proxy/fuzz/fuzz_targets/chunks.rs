//! Bodies in chunks end in the same place, in whichever pieces they come.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vordr_fuzz::chunks(bytes));

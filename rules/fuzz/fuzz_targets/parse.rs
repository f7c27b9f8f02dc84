//! Any text is read as KDL, or what is wrong with it is told; what KDL reads is laid out, and its layout is stable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vordr_rules::format;

fuzz_target!(|text: &str| {
    match format("fuzz.kdl", text) {
        Ok(once) => assert_eq!(format("fuzz.kdl", &once).expect("what is laid out is KDL"), once),
        Err(found) => assert!(!found.is_empty()),
    }
});

//! Any text loads, or is explained; what loads is shown, and what is shown loads again; layout is stable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vordr_rules::{InMemory, format, load, render, show};

fuzz_target!(|text: &str| {
    let world = InMemory::default().with_variable("NAME", "value").with_file("a.kdl", text);
    match load("fuzz.kdl", text, &world) {
        Err(found) => {
            assert!(!found.is_empty());
            render::human(&found, render::Drawing::Plain);
            render::json(&found);
        }
        Ok(loaded) => {
            let shown = show::show(&loaded);
            if loaded.secrets.is_empty() && !shown.contains("that are no text") {
                load("shown.kdl", &shown, &world).unwrap_or_else(|found| panic!("{shown}\n{found}"));
            }
        }
    }
    if let Ok(once) = format("fuzz.kdl", text) {
        assert_eq!(format("fuzz.kdl", &once).expect("what is laid out is KDL"), once);
    }
});

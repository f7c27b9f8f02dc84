//! Any text loads, or is explained; what loads is shown, and what is shown is the same table again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vordr_rules::{InMemory, load, render, show};

static WORLD: LazyLock<InMemory> = LazyLock::new(|| {
    InMemory::default().with_variable("NAME", "value").with_file("a.kdl", "include \"a.kdl\"")
});

fuzz_target!(|text: &str| {
    match load("fuzz.kdl", text, &*WORLD) {
        Err(found) => {
            assert!(!found.is_empty());
            // Drawing costs more than all the rest, and is the same for every diagnostic.
            if found.len() == 1 {
                render::human(&found, render::Drawing::Plain);
            }
        }
        Ok(loaded) => {
            let shown = show::show(&loaded);
            if loaded.secrets.is_empty() && !shown.contains("that are no text") {
                let again = load("shown.kdl", &shown, &*WORLD).unwrap_or_else(|found| panic!("{shown}\n{found}"));
                assert_eq!(loaded.table.without_places(), again.table.without_places(), "{shown}");
            }
        }
    }
});

//! Any text loads, or is explained; what loads is shown and laid out, and both are the same table again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vordr_rules::{InMemory, format, load, render, show};

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
            let is_whole =
                loaded.secrets.is_empty() && !shown.contains("that are no text") && !shown.contains("***");
            let table = loaded.table.without_places();
            let laid_out = format("fuzz.kdl", text).expect("what loads is KDL");
            for again in [Some(laid_out), is_whole.then_some(shown)].into_iter().flatten() {
                let loaded =
                    load("again.kdl", &again, &*WORLD).unwrap_or_else(|found| panic!("{again}\n{found}"));
                assert_eq!(table, loaded.table.without_places(), "{again}");
            }
        }
    }
});

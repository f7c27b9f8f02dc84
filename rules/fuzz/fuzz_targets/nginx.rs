//! Any text in nginx's syntax loads, or is explained; what loads is shown in KDL as the same table.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vordr_rules::{InMemory, import, load, show};

static WORLD: LazyLock<InMemory> =
    LazyLock::new(|| InMemory::default().with_file("a.conf", "include a.conf; add_header A b;"));

fuzz_target!(|text: &str| {
    match import("fuzz.conf", text, &*WORLD) {
        Err(found) => assert!(!found.is_empty()),
        Ok(loaded) => {
            let shown = show::show(&loaded);
            let again = load("again.kdl", &shown, &*WORLD).unwrap_or_else(|found| panic!("{shown}\n{found}"));
            assert_eq!(loaded.table.without_places(), again.table.without_places(), "{shown}");
        }
    }
});

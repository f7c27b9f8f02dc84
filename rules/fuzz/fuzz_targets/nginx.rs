//! Any text in nginx's syntax loads, or is explained; what loads is shown, and put into KDL, as the same table.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vordr_rules::{InMemory, import, load, show};

static WORLD: LazyLock<InMemory> =
    LazyLock::new(|| InMemory::default().with_file("a.conf", "include a.conf; add_header A b;"));

fuzz_target!(|text: &str| {
    match import("fuzz.conf", text, &*WORLD) {
        Err(found) => assert!(!found.is_empty()),
        Ok(imported) => {
            let again = |kdl: &str| {
                let loaded = load("again.kdl", kdl, &*WORLD).unwrap_or_else(|found| panic!("{kdl}\n{found}"));
                loaded.table.without_places()
            };
            let (shown, kdl) = (show::show(&imported.loaded), imported.kdl);
            let table = imported.loaded.table.without_places();
            assert_eq!(table, again(&shown), "{shown}");
            assert_eq!(table, again(&kdl), "{kdl}");
        }
    }
});

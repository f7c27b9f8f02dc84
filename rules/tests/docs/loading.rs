//! Every KDL block and every example loads, or fails as it says; what is shown of it loads again.

use crate::text::{blocks_of, documentation, files_below, root, world};
use vordr_rules::{load, render};

#[test]
fn every_block_of_the_documentation_loads_or_fails_as_it_says() {
    let blocks: Vec<_> = documentation().iter().flat_map(|path| blocks_of(path)).collect();
    assert!(blocks.len() > 5, "only {} blocks were found", blocks.len());
    let mut faults = Vec::new();
    for block in &blocks {
        let expected = block.word("fails=");
        match (load("rules.kdl", &block.whole(), &world()), expected) {
            (Ok(_), None) => {}
            (Ok(_), Some(code)) => faults.push(format!("{}: loads, and says fails={code}", block.place)),
            (Err(found), Some(code)) if found.iter().any(|diagnostic| diagnostic.code == code) => {}
            (Err(found), _) => {
                faults.push(format!("{}:\n{}", block.place, render::human(&found, render::Drawing::Plain)));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_example_loads_without_a_warning() {
    let examples = files_below(&root().join("rules/examples"), "kdl");
    for path in &examples {
        let text = std::fs::read_to_string(path).unwrap();
        match load(&path.display().to_string(), &text, &world()) {
            Ok(loaded) => assert!(loaded.warnings.is_empty(), "{}", loaded.warnings),
            Err(found) => panic!("{}", render::human(&found, render::Drawing::Plain)),
        }
    }
}

#[test]
fn every_example_is_in_canonical_layout() {
    for path in files_below(&root().join("rules/examples"), "kdl") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(vordr_rules::format("example.kdl", &text).unwrap(), text, "{}", path.display());
    }
}

fn loaded(name: &str, text: &str) -> vordr_rules::Loaded {
    load(name, text, &world())
        .unwrap_or_else(|found| panic!("{text}\n{}", render::human(&found, render::Drawing::Plain)))
}

#[test]
fn what_is_shown_of_every_example_and_block_gives_the_same_table() {
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in files_below(&root().join("rules/examples"), "kdl") {
        texts.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    }
    for path in files_below(&root().join("docs"), "md") {
        let loading = blocks_of(&path).into_iter().filter(|block| block.word("fails=").is_none());
        texts.extend(loading.map(|block| (block.place.clone(), block.whole())));
    }
    for (name, text) in texts {
        let written = loaded(&name, &text);
        for never in ["dead-on-error", "late-ping"] {
            assert!(
                written.warnings.iter().all(|warning| warning.code != never),
                "{name}: {}",
                written.warnings
            );
        }
        let shown = vordr_rules::show::show(&written);
        if written.secrets.is_empty() {
            let again = loaded("shown.kdl", &shown).table.without_places();
            assert_eq!(written.table.without_places(), again, "{name}\n{shown}");
        }
    }
}

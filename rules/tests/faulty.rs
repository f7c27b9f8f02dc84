//! What is said of faulty rules: one snapshot for each of `faulty/*.kdl`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::Path;
use vordr_rules::{InMemory, load, render};

/// Files that the faulty ones speak of.
fn world() -> InMemory {
    InMemory::default()
        .with_variable("PORT", "80x")
        .with_variable("API_TOKEN", "s3cr3t.example")
        .with_file("a.kdl", "include \"b.kdl\"")
        .with_file("b.kdl", "include \"a.kdl\"")
        .with_file("part.kdl", "template part { buffering on; }")
        .with_file("broken.kdl", "server \"b.example\" { listn 80; }")
}

/// Errors where there are any, else warnings.
fn said(text: &str) -> String {
    match load("rules.kdl", text, &world()) {
        Err(found) => render::human(&found, render::Drawing::Plain),
        Ok(loaded) => render::human(&loaded.warnings, render::Drawing::Plain),
    }
}

#[test]
fn every_faulty_file_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faulty");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "kdl"));
    files.sort();
    assert!(files.len() >= 80, "only {} files", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let said = said(&text);
        assert!(!said.is_empty(), "{} has no fault", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "faulty" }, {
            insta::assert_snapshot!(name, said);
        });
    }
}

#[test]
fn a_program_gets_the_same_as_json() {
    let found = load("rules.kdl", "server \"a.example\" { listn 80; }", &world()).unwrap_err();
    let json = render::json(&found);
    assert_eq!(json[0]["code"], "unknown-node");
    assert_eq!((&json[0]["line"], &json[0]["column"]), (&1.into(), &22.into()));
}

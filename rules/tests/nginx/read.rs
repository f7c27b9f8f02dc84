//! Files that load: one snapshot of the rules that hold, and of what is warned of, for each of `read/*.conf`.

use super::loaded;
use std::path::Path;
use vordr_rules::{render, show};

#[test]
fn every_file_is_read_and_shown_as_rules_that_are_the_same_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nginx/read");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "conf"));
    files.sort();
    assert!(files.len() >= 8, "only {} files", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let first = loaded("nginx.conf", &text);
        let shown = show::show(&first);
        let again = loaded("shown.kdl", &shown);
        let warnings = render::human(&first.warnings, render::Drawing::Plain);
        assert_eq!(first.table.without_places(), again.table.without_places(), "{name}\n{shown}");
        // What concerns the process is another test's, so that its defaults may grow.
        let shown = shown.split_once("\n}\n").unwrap().1;
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "read" }, {
            insta::assert_snapshot!(name, format!("{shown}\n{warnings}").trim_end());
        });
    }
}

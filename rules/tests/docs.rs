//! Every KDL block of the documentation and every example loads, or fails as it says.
//!
//! A block is opened by three backticks and `kdl`, then perhaps words: `fails=CODE` for one that must fail so,
//! `in=WORD` for one that stands within a `server`, `location`, `upstream`, `proxy` or `vordr`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::{Path, PathBuf};
use vordr_rules::{InMemory, load, render};

struct Block {
    place: String,
    words: Vec<String>,
    text: String,
}

impl Block {
    fn word(&self, key: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(key))
    }

    /// The block with what it stands in.
    fn whole(&self) -> String {
        let text = &self.text;
        let server = |inside: &str| format!("server \"docs.example\" {{ listen 8080\n{inside}\n}}");
        let location = |inside: &str| server(&format!("location \"/\" {{\n{inside}\n}}"));
        match self.word("in=") {
            None => text.clone(),
            Some("vordr") => format!("vordr {{\n{text}\n}}\n{}", server("location \"/\" { respond 204; }")),
            Some("server") => server(text),
            Some("location") => location(text),
            Some("settings") => location(&format!("{text}\nproxy \"http://127.0.0.1:8000\"")),
            Some("proxy") => location(&format!("proxy \"https://app.example\" {{\n{text}\n}}")),
            Some("upstream") => {
                format!("upstream app {{ server \"127.0.0.1:8000\"\n{text}\n}}\n{}", location("proxy app"))
            }
            Some("tls") => server(&format!("tls {{\n{text}\n}}\nlocation \"/\" {{ respond 204; }}")),
            Some(other) => panic!("{}: there is no `in={other}`", self.place),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path, ending)),
            false => found.extend(path.extension().is_some_and(|e| e == ending).then_some(path)),
        }
    }
    found.sort();
    found
}

fn blocks_of(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut indent = None;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        match (indent, trimmed.strip_prefix("```")) {
            (None, Some(fence)) if fence == "kdl" || fence.starts_with("kdl ") => {
                indent = Some(line.len() - trimmed.len());
                let words = fence.split_whitespace().skip(1).map(str::to_owned).collect();
                blocks.push(Block {
                    place: format!("{}:{}", path.display(), number + 1),
                    words,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => indent = None,
            (Some(indent), None) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line.get(indent..).unwrap_or_default());
                block.text.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

/// Files and variables that the documentation speaks of.
fn world() -> InMemory {
    InMemory::default()
        .with_variable("TARGET_URL", "https://chat.ngrok-free.app")
        .with_variable("OCAPISTAINE_TARGET_URL", "https://chat.ngrok-free.app")
        .with_file("/srv/404.html", "gone")
        .with_file("/srv/maintenance.html", "later")
        .with_file("/run/secrets/x", "hush\n")
        .with_file("conf.d/site.kdl", "")
}

#[test]
fn every_block_of_the_documentation_loads_or_fails_as_it_says() {
    let mut files = files_below(&root().join("docs"), "md");
    files.extend(
        ["README.md", "CONTRIBUTING.md"]
            .map(|name| root().join(name))
            .into_iter()
            .filter(|path| path.exists()),
    );
    let blocks: Vec<_> = files.iter().flat_map(|path| blocks_of(path)).collect();
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
fn every_example_loads_without_a_warning_and_is_served() {
    let examples = files_below(&root().join("rules/examples"), "kdl");
    for path in &examples {
        let text = std::fs::read_to_string(path).unwrap();
        match load(&path.display().to_string(), &text, &world()) {
            Ok(loaded) => {
                assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
                assert!(loaded.pending.is_empty(), "{}", loaded.pending);
            }
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

/// What is shown, without the places, which differ.
fn shown(name: &str, text: &str) -> String {
    let loaded = load(name, text, &world()).unwrap_or_else(|found| {
        panic!("{text}\n{}", render::human(&found, render::Drawing::Plain));
    });
    let page = vordr_rules::show::show(&loaded);
    page.lines().map(|line| line.split("    // ").next().unwrap_or(line).to_owned() + "\n").collect()
}

#[test]
fn what_is_shown_loads_again_and_gives_the_same_table() {
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in files_below(&root().join("rules/examples"), "kdl") {
        texts.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    }
    for path in files_below(&root().join("docs"), "md") {
        let loading = blocks_of(&path).into_iter().filter(|block| block.word("fails=").is_none());
        texts.extend(loading.map(|block| (block.place.clone(), block.whole())));
    }
    for (name, text) in texts {
        let once = shown(&name, &text);
        assert_eq!(shown(&name, &once), once, "{name}");
    }
}

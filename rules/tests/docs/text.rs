//! Pages, the KDL blocks in them, and the world they speak of.

use std::path::{Path, PathBuf};
use vordr_rules::InMemory;

/// A block of KDL in a page.
pub(crate) struct Block {
    pub place: String,
    words: Vec<String>,
    text: String,
}

impl Block {
    /// What follows `key` among the words of its fence.
    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(key))
    }

    /// The block with what it stands in.
    pub(crate) fn whole(&self) -> String {
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

/// The folder of the whole project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files with this ending, in a folder and all below it.
pub(crate) fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
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

/// The blocks of a page.
pub(crate) fn blocks_of(path: &Path) -> Vec<Block> {
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
pub(crate) fn world() -> InMemory {
    InMemory::default()
        .with_variable("TARGET_URL", "https://chat.ngrok-free.app")
        .with_variable("OCAPISTAINE_TARGET_URL", "https://chat.ngrok-free.app")
        .with_file("/srv/404.html", "gone")
        .with_file("/srv/maintenance.html", "later")
        .with_file("/run/secrets/x", "hush\n")
        .with_file("/run/secrets/eab", "c2VjcmV0\n")
        .with_file("/run/secrets/admin", "0123456789abcdef\n")
        .with_file("/run/secrets/otlp", "s3cr3t\n")
        .with_file("/run/secrets/sticky", "fedcba9876543210\n")
        .with_file("/run/secrets/redis", "0123456789abcdef\n")
        .with_file("conf.d/site.kdl", "")
}

/// Every page of the project.
pub(crate) fn documentation() -> Vec<PathBuf> {
    let mut files = files_below(&root().join("docs"), "md");
    let beside = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    files.extend(beside.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    files.sort();
    files
}

//! `vordr fmt`: the canonical layout of a text, comments kept.

use crate::diagnostic::Diagnostics;
use crate::document;
use crate::source::Sources;
use kdl::{FormatConfig, KdlDocument};
use std::sync::Arc;

/// Lays a text out: four spaces a level, one node a line, values in their simplest spelling. What is not KDL is
/// reported; whether the words mean anything is not looked at.
pub fn format(name: &str, text: &str) -> Result<String, Diagnostics> {
    let mut sources = Sources::default();
    let source = sources.add(name, text);
    let document =
        document::parse(source, text).map_err(|found| Diagnostics::new(found, Arc::new(sources)))?;
    Ok(settled(document))
}

/// Formats until nothing changes; one round does, but for comments that move with what they stand at.
fn settled(mut document: KdlDocument) -> String {
    let mut text = laid_out(&mut document);
    for _ in 0..3 {
        let Ok(mut again) = KdlDocument::parse_v2(&text) else { return text };
        let next = laid_out(&mut again);
        if next == text {
            return text;
        }
        text = next;
    }
    text
}

fn laid_out(document: &mut KdlDocument) -> String {
    document.autoformat_config(&FormatConfig::builder().indent("    ").build());
    let text = document.to_string();
    let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
    let joined = trimmed.join("\n");
    let body = joined.trim_matches('\n');
    if body.is_empty() { String::new() } else { format!("{body}\n") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const WRITTEN: &str = "// first\nserver   \"a.example\" {\n\n  listen 80 // the usual\n location \"/\"  { respond 200 \"x\"; }\n/* why */ location \"/b\" { redirect 301 \"/\"; }\n}\n";

    #[test]
    fn the_layout_is_canonical_and_comments_stay() {
        let formatted = format("a.kdl", WRITTEN).unwrap();
        for comment in ["// first", "// the usual", "/* why */"] {
            assert!(formatted.contains(comment), "{formatted}");
        }
        assert!(formatted.contains("\n    listen 80"), "{formatted}");
    }

    #[test]
    fn formatting_twice_changes_nothing() {
        let once = format("a.kdl", WRITTEN).unwrap();
        assert_eq!(format("a.kdl", &once).unwrap(), once);
    }

    #[test]
    fn what_is_not_kdl_is_reported() {
        assert!(format("a.kdl", "server {").is_err());
    }
}

//! Every word of the language as JSON, for editors and other tools.

use crate::language::TOP;
use crate::word::{Often, Word};
use serde_json::{Value, json};

/// The words at the top of a file, each with what may stand in its block.
pub fn schema() -> Value {
    json!({
        "language": "vordr rules",
        "syntax": "KDL 2",
        "words": TOP.words().map(word).collect::<Vec<_>>(),
    })
}

/// An `on-error` may hold a `proxy` and so on, but no word holds itself, so this ends.
fn word(word: &'static Word) -> Value {
    json!({
        "name": word.name,
        "summary": word.summary,
        "arguments": word.arguments,
        "properties": word.properties,
        "often": if word.often == Often::Once { "once" } else { "many" },
        "words": word.words().map(self::word).collect::<Vec<_>>(),
    })
}

/// Every word with the way to it: `server.location.websocket`.
pub fn words() -> Vec<(String, &'static Word)> {
    let mut found = Vec::new();
    gather("", TOP, &mut found);
    found
}

fn gather(way: &str, parent: &'static Word, found: &mut Vec<(String, &'static Word)>) {
    for word in parent.words() {
        let way = if way.is_empty() { word.name.to_owned() } else { format!("{way}.{}", word.name) };
        found.push((way.clone(), word));
        gather(&way, word, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_summary_that_is_a_sentence() {
        for (way, word) in words() {
            assert!(word.summary.ends_with('.'), "{way}: {}", word.summary);
        }
    }
}

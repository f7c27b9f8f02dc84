//! KDL's own stumbling blocks, explained in plain words before the parser sees them.

use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};

/// How deep blocks and comments may nest: far more than any rules need, far less than a stack holds.
const DEEPEST: usize = 48;

/// What in a text KDL will not read as its author meant it.
pub(crate) fn find(source: SourceId, text: &str) -> Vec<Diagnostic> {
    let mut scan = Scan { source, text, at: 0, depth: 0, found: Vec::new() };
    while scan.step() {}
    scan.found
}

/// A walk over the text that knows just enough of KDL to tell words from strings and comments.
struct Scan<'a> {
    source: SourceId,
    text: &'a str,
    at: usize,
    depth: usize,
    found: Vec<Diagnostic>,
}

impl Scan<'_> {
    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return false };
        match first {
            '{' => self.open(),
            '}' => {
                self.depth = self.depth.saturating_sub(1);
                self.at += 1;
            }
            '"' => self.skip_string(""),
            '#' => self.skip_hashes(),
            '/' if rest.starts_with("//") => self.skip_to("\n"),
            '/' if rest.starts_with("/*") => self.skip_comment(),
            '/' if rest.starts_with("/-") => self.at += 2,
            c if c.is_whitespace() || "();=\\,".contains(c) => self.at += c.len_utf8(),
            _ => self.word(),
        }
        true
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn open(&mut self) {
        self.depth += 1;
        if self.depth == DEEPEST + 1 {
            let message = format!("blocks are nested more than {DEEPEST} deep");
            self.report(self.at, 1, Diagnostic::error("too-deep", Span::default(), message));
        }
        self.at += 1;
    }

    fn skip_to(&mut self, end: &str) {
        let rest = self.rest();
        self.at += rest.find(end).map_or(rest.len(), |found| found + end.len());
    }

    fn skip_comment(&mut self) {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
            } else {
                self.at += rest.chars().next().map_or(0, char::len_utf8);
            }
            if depth > DEEPEST {
                let message = format!("comments are nested more than {DEEPEST} deep");
                self.report(start, 2, Diagnostic::error("too-deep", Span::default(), message));
                self.at = self.text.len();
            }
            if depth == 0 || self.at >= self.text.len() {
                return;
            }
        }
    }

    /// A string in quotes; `hashes` is what stands around a raw one.
    fn skip_string(&mut self, hashes: &str) {
        let quotes = if self.rest().starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
        self.at += quotes.len();
        let end = format!("{quotes}{hashes}");
        while !self.rest().is_empty() {
            let rest = self.rest();
            if rest.starts_with(&end) {
                self.at += end.len();
                return;
            }
            let escaped = hashes.is_empty() && rest.starts_with('\\');
            self.at += rest.chars().take(1 + usize::from(escaped)).map(char::len_utf8).sum::<usize>();
        }
    }

    fn skip_hashes(&mut self) {
        let rest = self.rest();
        let hashes: String = rest.chars().take_while(|c| *c == '#').collect();
        self.at += hashes.len();
        if self.rest().starts_with('"') {
            self.skip_string(&hashes);
        } else {
            self.at += word_length(self.rest());
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let length = word_length(rest);
        let word = rest.get(..length).unwrap_or_default().to_owned();
        self.at += length.max(1);
        let after = self.rest();
        let is_key = after.starts_with('=');
        if word == "r" && (after.starts_with('"') || after.starts_with("#\"") || after.starts_with("##")) {
            self.report(start, 1, kdl1_raw_string());
        } else if let Some(stumble) = explain(&word).filter(|_| !is_key) {
            self.report(start, length, stumble);
        }
    }

    fn report(&mut self, start: usize, length: usize, diagnostic: Diagnostic) {
        self.found.push(Diagnostic { span: Span { source: self.source, start, length }, ..diagnostic });
    }
}

/// Where a bare word ends. A `/` belongs to it, so that a path or a URL is seen whole.
fn word_length(rest: &str) -> usize {
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        let here = rest.get(at..).unwrap_or_default();
        let comment = here.starts_with("/*") || (here.starts_with("//") && before != ':');
        if c.is_whitespace() || "{}();=\\\"#,".contains(c) || (comment && at > 0) {
            return at;
        }
        before = c;
    }
    rest.len()
}

fn explain(word: &str) -> Option<Diagnostic> {
    let unplaced = |code, message: String| Diagnostic::error(code, Span::default(), message);
    match word {
        "true" | "false" => {
            let switch = if word == "true" { "on" } else { "off" };
            let message = format!("a bare `{word}` is no value in KDL 2");
            Some(unplaced("bare-keyword", message).label(format!("write `{switch}`")))
        }
        "null" | "inf" | "-inf" | "nan" => Some(
            unplaced("bare-keyword", format!("a bare `{word}` is no value in KDL 2"))
                .label("leave it out, or quote it"),
        ),
        _ if word.contains('/') => Some(
            unplaced("unquoted-path", format!("`{word}` needs quotes: a `/` cannot stand in a bare word"))
                .label(format!("write `\"{word}\"`")),
        ),
        _ if is_number_with_letters(word) => Some(
            unplaced(
                "unquoted-value",
                format!("`{word}` needs quotes: a bare word cannot start with a digit"),
            )
            .label(format!("write `\"{word}\"`")),
        ),
        _ => None,
    }
}

/// `30s`, `1.2.3.4`, `80:90`; but neither a KDL number nor an identifier.
fn is_number_with_letters(word: &str) -> bool {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let based = ["0x", "0o", "0b"].iter().any(|prefix| unsigned.starts_with(prefix));
    unsigned.starts_with(|c: char| c.is_ascii_digit())
        && !based
        && unsigned.replace('_', "").parse::<f64>().is_err()
}

fn kdl1_raw_string() -> Diagnostic {
    Diagnostic::error("kdl1-raw-string", Span::default(), "raw strings have no `r` in KDL 2")
        .label("leave out the `r`")
        .help("a raw string is written #\"…\"#")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        find(SourceId::default(), text).into_iter().map(|found| found.code).collect()
    }

    #[test]
    fn bare_values_that_kdl_refuses_are_explained() {
        assert_eq!(codes("websocket true"), ["bare-keyword"]);
        assert_eq!(codes("a idle=30s"), ["unquoted-value"]);
        assert_eq!(codes("listen 127.0.0.1:80"), ["unquoted-value"]);
        assert_eq!(codes("location /api {}"), ["unquoted-path"]);
        assert_eq!(codes("proxy http://127.0.0.1:8000"), ["unquoted-path"]);
        assert_eq!(codes("location regex=r\"^/v\" {}"), ["kdl1-raw-string"]);
        assert_eq!(codes("location regex=r#\"^/v\"# {}"), ["kdl1-raw-string"]);
    }

    #[test]
    fn what_kdl_reads_well_is_left_alone() {
        for text in [
            "a \"true 30s /x\" // true 30s",
            "a #\"r\"x\" /p\"# on",
            "/* true /* 30s */ null */ a 1 2.5 0x1f -3 1_000",
            "a#true",
            "/- a { b; }",
            "a \"\"\"\n  30s\n  \"\"\"",
            "add X-Via vordr//why",
        ] {
            assert_eq!(codes(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        assert_eq!(codes(&"a {".repeat(10_000)), ["too-deep"]);
        assert_eq!(codes(&"/*".repeat(10_000)), ["too-deep"]);
    }
}

//! `vordr fmt`: the canonical layout of a text; every comment stays, and every value is spelt as it was.

mod lexer;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document;
use crate::source::{SourceId, Sources, Span};
use kdl::KdlDocument;
use lexer::{Token, tokens};
use std::sync::Arc;

/// Lays a text out: four spaces a level, one node a line, at most one empty line. What is not KDL is reported;
/// whether the words mean anything is not looked at.
pub fn format(name: &str, text: &str) -> Result<String, Diagnostics> {
    let mut sources = Sources::default();
    let source = sources.add(name, text);
    let laid_out = document::parse(source, text).and_then(|document| {
        let laid_out = lay_out(text);
        match document::parse(source, &laid_out).is_ok_and(|after| meaning(after) == meaning(document)) {
            true => Ok(laid_out),
            false => Err(vec![changed(source)]),
        }
    });
    laid_out.map_err(|found| Diagnostics::new(found, Arc::new(sources)))
}

/// What a document says, whatever its layout.
fn meaning(mut document: KdlDocument) -> KdlDocument {
    document.clear_format_recursive();
    document
}

fn changed(source: SourceId) -> Diagnostic {
    let message = "the canonical layout would change what this text says";
    let place = Span { source, start: 0, length: 0 };
    Diagnostic::error("layout", place, message).help("it is left as it is; please tell vordr's authors of it")
}

fn lay_out(text: &str) -> String {
    let tokens = tokens(text);
    let mut layout = Layout::default();
    for (at, token) in tokens.iter().enumerate() {
        if *token == Token::Open && layout.inline == 0 && is_short(tokens.get(at..).unwrap_or_default()) {
            layout.inline_next = true;
        }
        layout.place(token);
    }
    layout.finish()
}

/// A block that was written on one line and is short stays on it. A node that is commented out ends with its line:
/// KDL takes no `;` behind it.
fn is_short(tokens: &[Token<'_>]) -> bool {
    let (mut depth, mut width) = (0_usize, 0);
    for token in tokens {
        match token {
            Token::Open => depth += 1,
            Token::Close if depth == 1 => return width <= SHORT,
            Token::Close => depth -= 1,
            Token::Newline | Token::Continuation | Token::LineComment(_) => return false,
            Token::Word(word) if word.contains('\n') || has_comment(word) => return false,
            Token::Word(word) if word.starts_with("/-") => return false,
            Token::Word(word) => width += word.len() + 1,
            Token::Space | Token::Semicolon => {}
        }
    }
    false
}

/// A comment is no node, and takes no `;`.
fn has_comment(word: &str) -> bool {
    !word.starts_with(['"', '#']) && word.contains("/*")
}

/// The widest block that may stay on one line.
const SHORT: usize = 80;

/// Lines as they grow.
#[derive(Default)]
struct Layout {
    done: Vec<String>,
    line: String,
    depth: usize,
    /// White space stood before the token that comes.
    spaced: bool,
    /// How many line ends have come since the last token.
    newlines: usize,
    /// Where in the last line the `\` stands after which it goes on.
    backslash: Option<usize>,
    /// The line end behind that `\` has come.
    continued: bool,
    /// Nothing has been written into the present block yet.
    starts_block: bool,
    /// How many blocks on one line are open.
    inline: usize,
    inline_next: bool,
    /// A `;` stood behind a block on this line: it is written if another node follows.
    owes_semicolon: bool,
}

impl Layout {
    fn place(&mut self, token: &Token<'_>) {
        match token {
            Token::Open if self.inline > 0 || self.inline_next => {
                self.inline_next = false;
                self.inline += 1;
                self.word("{", true);
                self.spaced = true;
            }
            Token::Close if self.inline > 0 => {
                self.inline -= 1;
                self.end_statement();
                self.word("}", true);
                self.spaced = true;
            }
            Token::Semicolon if self.inline > 0 => {
                self.owes_semicolon = self.line.ends_with('}');
                self.end_statement();
                self.spaced = true;
            }
            Token::Space => self.spaced = true,
            Token::Newline if self.backslash.is_some() && !self.continued => {
                self.end_line();
                self.continued = true;
            }
            Token::Newline => {
                self.drop_backslash();
                self.newlines += 1;
                self.end_line();
            }
            Token::Semicolon => {
                self.drop_backslash();
                self.end_line();
            }
            Token::Open => {
                self.word("{", true);
                self.end_line();
                self.depth += 1;
                self.starts_block = true;
            }
            Token::Close => {
                self.drop_backslash();
                self.end_line();
                self.drop_empty_lines();
                self.depth = self.depth.saturating_sub(1);
                // What follows ends the line, unless it is the node's next block: one of the two is commented out.
                self.word("}", true);
            }
            // A second `\` alone on its line says nothing new.
            Token::Continuation if self.continued => self.continued = false,
            Token::Continuation => {
                self.word("\\", true);
                self.backslash = Some(self.line.len() - 1);
            }
            Token::LineComment(comment) => self.comment(comment.trim_end()),
            Token::Word(word) => self.word(word, false),
        }
    }

    fn word(&mut self, word: &str, spaced: bool) {
        if std::mem::take(&mut self.owes_semicolon) && word != "}" {
            self.line.push(';');
        }
        if self.line.is_empty() {
            self.empty_line();
            let depth = self.depth + usize::from(self.continued);
            self.line = "    ".repeat(depth);
            (self.continued, self.backslash) = (false, None);
        } else if self.spaced || spaced {
            self.line.push(' ');
        }
        self.line.push_str(word);
        (self.spaced, self.newlines, self.starts_block) = (false, 0, false);
    }

    /// On one line every node ends in a `;`, but after a block's brace.
    fn end_statement(&mut self) {
        if !self.line.ends_with([';', '{', '}']) {
            self.line.push(';');
        }
    }

    /// A comment behind a node stays behind it, though `{` or `;` ended the line.
    fn comment(&mut self, comment: &str) {
        if self.continued {
            self.drop_backslash();
            self.newlines = 1;
        }
        if !self.line.is_empty() {
            self.line.extend(["    ", comment]);
        } else if self.newlines == 0 && !self.done.is_empty() {
            if let Some(last) = self.done.last_mut() {
                last.extend(["    ", comment]);
            }
        } else {
            self.word(comment, false);
        }
        self.end_line();
        self.newlines = 0;
    }

    /// A `\` before an empty line or a comment does not go on with anything, and would once that is moved.
    fn drop_backslash(&mut self) {
        let (Some(at), true) = (self.backslash.take(), std::mem::take(&mut self.continued)) else { return };
        self.newlines = 1;
        let Some(mut line) = self.done.pop() else { return };
        let behind = line.split_off(at.min(line.len()));
        let behind = behind.trim_start_matches('\\').trim();
        match (line.trim().is_empty(), behind.is_empty()) {
            (true, true) => return,
            (true, false) => line.push_str(behind),
            (false, true) => line.truncate(line.trim_end().len()),
            (false, false) => line = format!("{}    {behind}", line.trim_end()),
        }
        self.done.push(line);
    }

    fn end_line(&mut self) {
        if !self.line.is_empty() {
            self.done.push(std::mem::take(&mut self.line));
        }
        self.spaced = false;
    }

    /// One empty line stays, but not at a block's start.
    fn empty_line(&mut self) {
        if self.newlines > 1 && !self.starts_block && !self.done.is_empty() {
            self.done.push(String::new());
        }
    }

    fn drop_empty_lines(&mut self) {
        while self.done.last().is_some_and(String::is_empty) {
            self.done.pop();
        }
        self.newlines = 0;
    }

    fn finish(mut self) -> String {
        self.end_line();
        self.done.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::stumble::tests::a_piece;
    use proptest::prelude::*;

    fn formatted(text: &str) -> String {
        let once = format("a.kdl", text).unwrap();
        assert_eq!(format("a.kdl", &once).unwrap(), once, "formatting twice changes it again");
        once
    }

    #[test]
    fn the_layout_is_canonical_and_every_comment_stays() {
        let text = "// first\n\n\n\nserver   \"a.example\" {  // open\n\n  listen 80 // the usual\n /* why */ location \"/b\" { redirect 301 \"/\"; /-respond 200\n}\n\n // last\n\n} // end\n";
        let expected = "// first\n\nserver \"a.example\" {    // open\n    listen 80    // the usual\n    /* why */ location \"/b\" {\n        redirect 301 \"/\"\n        /-respond 200\n    }\n\n    // last\n}    // end\n";
        assert_eq!(formatted(text), expected);
    }

    #[test]
    fn a_short_block_on_one_line_stays_on_it() {
        assert_eq!(formatted("a  { b   1 ;c { d } }\n"), "a { b 1; c { d; } }\n");
        assert_eq!(formatted("a { b { c; }; d; }\n"), "a { b { c; }; d; }\n");
        assert_eq!(formatted("a { b \"{;}\"; } // why\n"), "a { b \"{;}\"; }    // why\n");
        let wide = format!("a {{ b \"{}\"; }}\n", "x".repeat(100));
        assert_eq!(formatted(&wide).lines().count(), 3);
    }

    #[test]
    fn strings_keep_every_byte() {
        let text = "a \"{ ; // \\\" }\" #\"raw \"{\"#\nb \"\"\"\n   two\n     lines\n   \"\"\" x=1\n";
        assert_eq!(formatted(text), text);
    }

    #[test]
    fn a_line_may_go_on_in_the_next() {
        assert_eq!(formatted("a 1 \\\n2\n"), "a 1 \\\n    2\n");
        assert_eq!(formatted("a 1 \\ // why\n2\n"), "a 1 \\    // why\n    2\n");
    }

    #[test]
    fn a_line_that_only_seems_to_go_on_stays_apart_from_the_next() {
        assert_eq!(formatted("a 1 \\\n\nb\n"), "a 1\n\nb\n");
        assert_eq!(formatted("a 1 \\\n// c\nb\n"), "a 1\n// c\nb\n");
        assert_eq!(formatted("a 1 \\ // c\n\nb\n"), "a 1    // c\n\nb\n");
        assert_eq!(formatted("a \\\n; b\n"), "a\nb\n");
        assert_eq!(formatted("a {\nb \\\n}\n"), "a {\n    b\n}\n");
        assert_eq!(formatted("a\n\\\n\n\nb\n"), "a\n\nb\n");
    }

    #[test]
    fn nothing_stays_nothing_and_what_is_not_kdl_is_reported() {
        assert_eq!(formatted("\n\n"), "");
        assert!(format("a.kdl", "server {").is_err());
    }

    #[test]
    fn what_is_commented_out_stays_commented_out() {
        assert_eq!(formatted("a { b 1; /-c 2 }\n"), "a {\n    b 1\n    /-c 2\n}\n");
        assert_eq!(formatted("a /-{ b 1\n} {\nc 2\n}\n"), "a /- {\n    b 1\n} {\n    c 2\n}\n");
        assert_eq!(formatted("a {\nb 1\n} /-{ c 2; }\n"), "a {\n    b 1\n} /- { c 2; }\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_layout_changes_nothing_but_the_layout(pieces in prop::collection::vec(a_piece(), 0..14)) {
            let text = pieces.concat();
            if let Ok(before) = KdlDocument::parse_v2(&text) {
                let after = KdlDocument::parse_v2(&formatted(&text)).unwrap();
                prop_assert_eq!(meaning(after), meaning(before), "{}", text);
            }
        }
    }
}

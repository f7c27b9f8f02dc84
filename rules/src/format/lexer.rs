//! Just enough of KDL's lexical grammar to lay a text out without losing a byte of a value or a comment.

/// A piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Space,
    Newline,
    Semicolon,
    Open,
    Close,
    /// A `\`; its line goes on behind the line end that follows.
    Continuation,
    LineComment(&'t str),
    /// A value, a name, a comment within the line, with whatever sticks to it.
    Word(&'t str),
}

/// The whole text in pieces.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\r' if rest.starts_with("\r\n") => (Token::Newline, 2),
            c if is_newline(c) => (Token::Newline, c.len_utf8()),
            c if c.is_whitespace() => (Token::Space, c.len_utf8()),
            ';' => (Token::Semicolon, 1),
            '{' => (Token::Open, 1),
            '}' => (Token::Close, 1),
            '\\' => (Token::Continuation, 1),
            '/' if rest.starts_with("//") => {
                let length = line_length(rest);
                (Token::LineComment(rest.get(..length).unwrap_or(rest)), length)
            }
            _ => {
                let length = word_length(rest).max(first.len_utf8());
                (Token::Word(rest.get(..length).unwrap_or(rest)), length)
            }
        };
        found.push(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

/// KDL 2's line ends.
fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

fn line_length(text: &str) -> usize {
    text.find(is_newline).unwrap_or(text.len())
}

fn word_length(text: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        at += match first {
            '"' => string_length(rest, ""),
            '#' => {
                let hashes: &str = rest.get(..rest.len() - rest.trim_start_matches('#').len()).unwrap_or("#");
                match rest.get(hashes.len()..).is_some_and(|after| after.starts_with('"')) {
                    true => {
                        hashes.len() + string_length(rest.get(hashes.len()..).unwrap_or_default(), hashes)
                    }
                    false => hashes.len(),
                }
            }
            '/' if rest.starts_with("/*") => comment_length(rest),
            '/' if rest.starts_with("//") && at > 0 => break,
            ';' | '{' | '}' | '\\' => break,
            c if c.is_whitespace() || is_newline(c) => break,
            c => c.len_utf8(),
        };
    }
    at
}

fn string_length(text: &str, hashes: &str) -> usize {
    let quotes = if text.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let end = format!("{quotes}{hashes}");
    let mut at = quotes.len();
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(&end) {
            return at + end.len();
        }
        let escaped = hashes.is_empty() && rest.starts_with('\\');
        at += rest.chars().take(1 + usize::from(escaped)).map(char::len_utf8).sum::<usize>();
    }
    text.len()
}

fn comment_length(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if rest.starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

//! KDL's lexical grammar, as far as it takes to tell words, strings and comments apart.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The longest text that is written out in a remedy, in bytes.
const LONGEST_SHOWN: usize = 100;
/// How deep comments may nest.
const DEEPEST: usize = 48;

/// A piece of the text; white space, comments and continued lines are left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    pub kind: Kind,
    pub start: usize,
    pub text: &'t str,
    /// Nothing stands between it and what comes before it.
    pub glued: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word; a `/` belongs to it, so that a path or a URL is seen whole.
    Word,
    /// A string in quotes.
    Text,
    /// `#true` and its kin.
    Keyword,
    Equals,
    OpenBlock,
    CloseBlock,
    OpenType,
    CloseType,
    /// `/-`
    SlashDash,
    Newline,
    Semicolon,
}

/// What cannot be taken apart any further: where, how much of it, and why.
pub(super) struct Broken {
    pub start: usize,
    pub length: usize,
    pub why: Diagnostic,
}

/// The pieces of a text, up to what is broken in it.
pub(super) fn tokens(text: &str) -> (Vec<Token<'_>>, Option<Broken>) {
    let mut found = Vec::new();
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    if let Some((at, c)) =
        text.char_indices().skip_while(|(at, _)| *at < bom).find(|(_, c)| is_disallowed(*c))
    {
        let message = format!("the character U+{:04X} cannot stand in KDL", u32::from(c));
        let label = format!("in a string it is written `\\u{{{:x}}}`", u32::from(c));
        return (found, Some(Broken { start: at, length: c.len_utf8(), why: fault(message).label(label) }));
    }
    let mut at = bom;
    let mut glued = false;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = match piece(rest) {
            Ok(piece) => piece,
            Err((length, why)) => return (found, Some(Broken { start: at, length, why: *why })),
        };
        if let Some(kind) = kind {
            found.push(Token { kind, start: at, text: rest.get(..length).unwrap_or(rest), glued });
        }
        glued = matches!(kind, Some(Kind::Word | Kind::Text | Kind::Keyword));
        at += length;
    }
    (found, None)
}

/// What stands at the start of `rest`, `None` for space, and its length.
fn piece(rest: &str) -> Result<(Option<Kind>, usize), Fault> {
    let first = rest.chars().next().unwrap_or(' ');
    Ok(match first {
        '\r' if rest.starts_with("\r\n") => (Some(Kind::Newline), 2),
        c if is_newline(c) => (Some(Kind::Newline), c.len_utf8()),
        c if c.is_whitespace() => (None, c.len_utf8()),
        ';' => (Some(Kind::Semicolon), 1),
        '{' => (Some(Kind::OpenBlock), 1),
        '}' => (Some(Kind::CloseBlock), 1),
        '(' => (Some(Kind::OpenType), 1),
        ')' => (Some(Kind::CloseType), 1),
        '=' => (Some(Kind::Equals), 1),
        '\\' => (None, continuation(rest)?),
        '"' => (Some(Kind::Text), string(rest, "")?),
        '#' => hashes(rest)?,
        '/' if rest.starts_with("//") => (None, line_length(rest)),
        '/' if rest.starts_with("/*") => (None, comment(rest)?),
        '/' if rest.starts_with("/-") => (Some(Kind::SlashDash), 2),
        c => (Some(Kind::Word), word_length(rest).max(c.len_utf8())),
    })
}

/// How many bytes are broken, and why.
type Fault = (usize, Box<Diagnostic>);

fn broken(length: usize, why: Diagnostic) -> Fault {
    (length, Box::new(why))
}

fn fault(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("syntax", Span::default(), message)
}

/// KDL's line ends.
pub(crate) fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

/// What KDL admits nowhere but as an escape.
pub(crate) fn is_disallowed(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn line_length(text: &str) -> usize {
    text.find(is_newline).unwrap_or(text.len())
}

/// A `\` that ends a line, with what may stand between the two and the line's end.
fn continuation(rest: &str) -> Result<usize, Fault> {
    let line = line_length(rest);
    let between = rest.get(1..line).unwrap_or_default().trim_start();
    if !between.is_empty() && !between.starts_with("//") {
        return Err(broken(
            1,
            fault("a bare `\\` stands only at a line's end").label("quote what it belongs to"),
        ));
    }
    let end = rest.get(line..).unwrap_or_default();
    let newline = if end.starts_with("\r\n") { 2 } else { end.chars().next().map_or(0, char::len_utf8) };
    Ok(line + newline)
}

/// A string in quotes; `hashes` is what stands around a raw one.
fn string(rest: &str, hashes: &str) -> Result<usize, Fault> {
    let many_lines = rest.starts_with("\"\"\"");
    let quotes = if many_lines { "\"\"\"" } else { "\"" };
    let end = format!("{quotes}{hashes}");
    let mut at = quotes.len();
    if many_lines && !rest.get(at..).unwrap_or_default().starts_with(is_newline) {
        // `""` followed by `"` is not meant as a text of many lines either.
        let why = fault("a text in `\"\"\"` begins on a line of its own");
        return Err(broken(at, why.label("start a new line behind it")));
    }
    while let Some(inside) = rest.get(at..).filter(|inside| !inside.is_empty()) {
        if inside.starts_with(&end) {
            return Ok(at + end.len());
        }
        let first = inside.chars().next().unwrap_or(' ');
        at += first.len_utf8();
        if is_newline(first) && !many_lines {
            let why = fault("this string runs over the end of its line");
            return Err(broken(
                at - first.len_utf8(),
                why.label("close it, or write `\"\"\"` around a text of many lines"),
            ));
        }
        if first == '\\' && hashes.is_empty() {
            let after = rest.get(at..).unwrap_or_default();
            at += escape(after).ok_or_else(|| no_escape(rest, at - 1, after))?;
        }
    }
    Err(broken(quotes.len(), fault("this string is never closed").label(format!("its `{end}` is missing"))))
}

/// What a `\` in a string takes along: one character, one by its number, or white space over lines. `None` where it is no
/// escape.
fn escape(inside: &str) -> Option<usize> {
    let first = inside.chars().next();
    match first {
        None => Some(0),
        Some(c) if c.is_whitespace() => Some(inside.len() - inside.trim_start().len()),
        Some('n' | 'r' | 't' | 's' | 'b' | 'f' | '"' | '\\') => Some(1),
        Some('u') => {
            let (digits, _) = inside.strip_prefix("u{")?.split_once('}')?;
            let is_number = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let number = is_number.then(|| u32::from_str_radix(digits, 16).ok()).flatten()?;
            char::from_u32(number).map(|_| "u{}".len() + digits.len())
        }
        Some(_) => None,
    }
}

/// A `\` at `at` in the string that `rest` begins with. Regexes have them, and belong into raw strings.
fn no_escape(rest: &str, at: usize, after: &str) -> Fault {
    let number = after.strip_prefix("u{").and_then(|inside| inside.split_once('}'));
    let escape = match number {
        Some((digits, _)) if digits.len() <= 8 => format!("u{{{digits}}}"),
        _ => after.chars().take(1).collect(),
    };
    let is_number = escape.starts_with('u');
    let length = 1 + escape.len();
    let line = rest.get(..line_length(rest)).unwrap_or_default();
    let inside = line.get(1..).and_then(|inside| Some(inside.split_once('"')?.0));
    let is_shown = |inside: &&str| inside.len() <= LONGEST_SHOWN && !inside.ends_with('\\');
    let raw = inside.filter(is_shown).filter(|_| at < line.len() && !is_number);
    let why = fault(format!("`\\{escape}` is no escape that KDL knows"));
    let mut broken = broken(
        length,
        match raw {
            Some(inside) => why.label(format!("write the text raw: `#\"{inside}\"#`")),
            None if is_number => why.label("a character by its number is written `\\u{1F600}`"),
            None => why.label("write `\\\\` for a backslash, or `#\"…\"#` around a text with many"),
        },
    );
    broken.0 += at;
    broken
}

fn hashes(rest: &str) -> Result<(Option<Kind>, usize), Fault> {
    let (hashes, after) = rest.split_at(rest.len() - rest.trim_start_matches('#').len());
    if after.starts_with('"') {
        let length = string(after, hashes).map_err(|(length, why)| (hashes.len() + length, why))?;
        return Ok((Some(Kind::Text), hashes.len() + length));
    }
    let length = hashes.len() + word_length(after);
    match rest.get(..length) {
        Some("#true" | "#false" | "#null" | "#inf" | "#-inf" | "#nan") => Ok((Some(Kind::Keyword), length)),
        _ => {
            let is_comment = after.is_empty() || after.starts_with(char::is_whitespace);
            let why = fault("what begins with `#` is a raw string, or `#true` and its kin");
            Err(broken(
                length,
                match is_comment {
                    true => why.label("a comment begins with `//`"),
                    false => why.label("quote it; a comment begins with `//`"),
                },
            ))
        }
    }
}

fn comment(rest: &str) -> Result<usize, Fault> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(inside) = rest.get(at..).filter(|inside| !inside.is_empty()) {
        if inside.starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
            if depth > DEEPEST {
                let message = format!("comments are nested more than {DEEPEST} deep");
                return Err(broken(2, Diagnostic::error("too-deep", Span::default(), message)));
            }
        } else if inside.starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return Ok(at);
            }
        } else {
            at += inside.chars().next().map_or(1, char::len_utf8);
        }
    }
    Err(broken(2, fault("this comment is never closed").label("its `*/` is missing")))
}

/// Where a bare word ends.
fn word_length(rest: &str) -> usize {
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        let here = rest.get(at..).unwrap_or_default();
        let comment = here.starts_with("/*") || (here.starts_with("//") && before != ':');
        if c.is_whitespace() || "{}();=\\\"#".contains(c) || (comment && at > 0) {
            return at;
        }
        before = c;
    }
    rest.len()
}

//! KDL written line by line.

use crate::placeholder::Template;
use crate::table::Place;
use std::time::Duration;

/// Lines, in the blocks they stand in.
#[derive(Debug, Default)]
pub(crate) struct Page {
    lines: Vec<Line>,
    depth: usize,
}

/// A line of a page.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub text: String,
    /// How many blocks it stands in.
    pub depth: usize,
    /// Where what it says was written, as far as that is known.
    pub place: Option<Place>,
    /// What is shown in its place, where it holds a secret.
    masked: Option<String>,
}

impl Page {
    pub(super) fn line(&mut self, line: &str, place: Option<&Place>) {
        self.lines.push(Line {
            text: line.to_owned(),
            depth: self.depth,
            place: place.cloned(),
            masked: None,
        });
    }

    /// A line that is shown as `masked`. Masking it by itself leaves alone what reads the same elsewhere.
    pub(super) fn secret_line(&mut self, line: &str, masked: String) {
        let masked = Some(masked);
        self.lines.push(Line { text: line.to_owned(), depth: self.depth, place: None, masked });
    }

    pub(super) fn open(&mut self, head: &str, place: Option<&Place>) {
        self.line(&format!("{head} {{"), place);
        self.depth += 1;
    }

    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.line("}", None);
    }

    /// Its lines, as they are.
    pub(crate) fn into_lines(self) -> Vec<Line> {
        self.lines
    }

    /// The whole text, with `***` in the place of each secret.
    pub(super) fn masked(self, secrets: &[String]) -> String {
        let text: String = self.lines.iter().map(Line::drawn).collect();
        let mut secrets: Vec<_> = secrets.iter().map(|secret| escaped(secret)).collect();
        // A secret that holds another one is masked as a whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(text, |text, secret| text.replace(secret, "***"))
    }
}

impl Line {
    /// Indented, without its secret, with its place as a comment.
    fn drawn(&self) -> String {
        let place = self.place.as_ref();
        let place = place.map(|place| format!("    // {}:{}", escaped(&place.file), place.line));
        let text = self.masked.as_ref().unwrap_or(&self.text);
        format!("{}{text}{}\n", "    ".repeat(self.depth), place.unwrap_or_default())
    }
}

/// A string in quotes; a `${` in it is no variable.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || has_to_be_escaped(c) => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)))
            }
            c => out.push(c),
        }
    }
    out.replace("${", "$${")
}

/// What KDL takes for a line's end, or refuses as it stands (KDL 2, section 3.17).
fn has_to_be_escaped(c: char) -> bool {
    matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

pub(super) fn template(template: &Template) -> String {
    quoted(&template.to_string())
}

pub(super) fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

pub(super) fn duration(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) => format!("\"{seconds}s\""),
        (0, ms) => format!("\"{ms}ms\""),
        (seconds, ms) => format!("\"{seconds}s{ms}ms\""),
    }
}

pub(super) fn limit(limit: Option<Duration>) -> String {
    limit.map_or_else(|| "off".to_owned(), duration)
}

pub(super) fn number(limit: Option<impl ToString>) -> String {
    limit.map_or_else(|| "off".to_owned(), |limit| limit.to_string())
}

pub(super) fn words<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(" ")
}

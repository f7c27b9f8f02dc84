//! Named texts, and where in them a word stands.

use crate::table::{Place, ServerId};
use std::sync::{Arc, LazyLock};

/// Which text a [`Span`] is in: an index into [`Sources`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub(crate) u16);

impl SourceId {
    /// The text of the templates that vordr brings along: a part of every load.
    pub(crate) const BUILT_IN: Self = Self(u16::MAX);
}

/// Where a word stands: bytes of one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The text.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// Number of bytes.
    pub length: usize,
}

/// A value, with where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// Where a server names the files that its TLS needs. Reading them is not this crate's: it has no clock, and knows
/// no certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPlaces {
    /// The server.
    pub server: ServerId,
    /// Its hosts, in order.
    pub hosts: Vec<Span>,
    /// The files of each of its certificates and of their keys, in order.
    pub certificates: Vec<(Span, Span)>,
    /// Whether a later certificate takes the place of one whose key is of the same kind, as nginx has it.
    pub later_replaces: bool,
    /// The file of its clients' authorities.
    pub client_ca: Option<Span>,
}

/// A folder that `files` names. Opening it is not this crate's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// As written.
    pub path: String,
    /// Where.
    pub span: Span,
}

/// One text: a file that was read, or rules given as a string.
#[derive(Debug, Clone)]
pub struct Source {
    /// As it was named: a path.
    pub name: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
    marks: Arc<[Mark]>,
}

/// A place in a text from which lines and columns are counted on.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// In bytes.
    at: usize,
    line: u32,
    column: u32,
}

/// How many characters are counted from a mark at most, so that a place in a long line is found as fast as any.
const BETWEEN_MARKS: u32 = 256;

impl Source {
    fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into(), marks: marks(text).into() }
    }
}

fn marks(text: &str) -> Vec<Mark> {
    let mut here = Mark { at: 0, line: 1, column: 1 };
    let mut marks = vec![here];
    for (at, c) in text.char_indices() {
        here = match c {
            '\n' => Mark { at: at + 1, line: here.line.saturating_add(1), column: 1 },
            c => Mark { at: at + c.len_utf8(), column: here.column.saturating_add(1), ..here },
        };
        if here.column % BETWEEN_MARKS == 1 {
            marks.push(here);
        }
    }
    marks
}

/// What the templates that vordr brings along are called in diagnostics and by `show`.
pub(crate) const BUILT_IN_NAME: &str = "built-in templates";
/// Those templates, in their own language.
pub(crate) const BUILT_IN_TEXT: &str = include_str!("compile/built-in.kdl");

static BUILT_IN: LazyLock<Source> = LazyLock::new(|| Source::new(BUILT_IN_NAME, BUILT_IN_TEXT));

/// How many files one load reads at most.
const MOST_FILES: usize = 4096;
/// How many bytes it goes on reading files after.
const MOST_BYTES: usize = 16 << 20;

/// Every text that took part in one load.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Takes a text in.
    pub(crate) fn add(&mut self, name: &str, text: &str) -> SourceId {
        let id = SourceId(u16::try_from(self.list.len()).unwrap_or(u16::MAX));
        self.list.push(Source::new(name, text));
        id
    }

    /// The text a span is in.
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        match id {
            SourceId::BUILT_IN => Some(&BUILT_IN),
            SourceId(number) => self.list.get(usize::from(number)),
        }
    }

    /// The folder of the first text, where its name tells of one.
    pub(crate) fn first_folder(&self) -> Option<&str> {
        self.list.first()?.name.rsplit_once('/').map(|(folder, _)| folder)
    }

    /// Every text, in the order in which they were read.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }

    /// Whether a further text may be taken in.
    pub(crate) fn has_room(&self) -> bool {
        let bytes: usize = self.list.iter().map(|source| source.text.len()).sum();
        self.list.len() < MOST_FILES && bytes < MOST_BYTES
    }

    /// File, line and column of a span's start.
    pub fn place(&self, span: Span) -> Place {
        let Some(source) = self.source(span.source) else {
            return Place { file: "".into(), line: 0, column: 0 };
        };
        let next = source.marks.partition_point(|mark| mark.at <= span.start);
        let Some(mark) = next.checked_sub(1).and_then(|last| source.marks.get(last)) else {
            return Place { file: source.name.clone(), line: 1, column: 1 };
        };
        let between = source.text.get(mark.at..span.start).map_or(0, |text| text.chars().count());
        let column = mark.column.saturating_add(u32::try_from(between).unwrap_or(u32::MAX));
        Place { file: source.name.clone(), line: mark.line, column }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let source = sources.add("a.kdl", "vordr\n  é x");
        let place = sources.place(Span { source, start: 11, length: 1 });
        assert_eq!((&*place.file, place.line, place.column), ("a.kdl", 2, 5));
    }

    #[test]
    fn a_place_in_a_long_line_is_counted_from_a_mark_close_by() {
        let mut sources = Sources::default();
        let source = sources.add("a.kdl", &format!("one\n{}\nthree", "é".repeat(100_000)));
        let place = |start| {
            let place = sources.place(Span { source, start, length: 1 });
            (place.line, place.column)
        };
        assert_eq!(place(4 + 2 * 70_000), (2, 70_001));
        assert_eq!(place(4 + 2 * 100_000), (2, 100_001));
        assert_eq!(place(4 + 2 * 100_000 + 1), (3, 1));
        let marks = &sources.source(source).unwrap().marks;
        assert!(marks.windows(2).all(|pair| pair[1].at - pair[0].at <= 2 * 256));
    }
}

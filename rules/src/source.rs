//! Named texts, and where in them a word stands.

use crate::table::Place;
use std::sync::Arc;

/// Which text a [`Span`] is in: an index into [`Sources`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub(crate) u16);

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

/// One text: a file that was read, or rules given as a string.
#[derive(Debug, Clone)]
pub struct Source {
    /// As it was named: a path.
    pub name: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
}

/// Every text that took part in one load.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Takes a text in.
    pub(crate) fn add(&mut self, name: &str, text: &str) -> SourceId {
        let id = SourceId(u16::try_from(self.list.len()).unwrap_or(u16::MAX));
        self.list.push(Source { name: name.into(), text: text.into() });
        id
    }

    /// The text a span is in.
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.list.get(usize::from(id.0))
    }

    /// Whether a further text may be taken in.
    pub(crate) fn has_room(&self) -> bool {
        self.list.len() < usize::from(u16::MAX)
    }

    /// File, line and column of a span's start.
    pub fn place(&self, span: Span) -> Place {
        let Some(source) = self.source(span.source) else {
            return Place { file: "".into(), line: 0, column: 0 };
        };
        let before = source.text.get(..span.start).unwrap_or(&source.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: source.name.clone(),
            line: count(before.matches('\n').count() + 1),
            column: count(before.get(line_start..).map_or(0, |line| line.chars().count()) + 1),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let source = sources.add("a.kdl", "vordr\n  é x");
        let place = sources.place(Span { source, start: 11, length: 1 });
        assert_eq!((&*place.file, place.line, place.column), ("a.kdl", 2, 5));
    }
}

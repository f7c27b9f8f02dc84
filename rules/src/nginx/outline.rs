//! A text of nginx's by its lines: which directives stand where, and which comments beside them.

use super::lexer::{End, Lexer};
use crate::source::SourceId;

/// The lines of one text.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// In the order of the text.
    pub directives: Vec<Stood>,
    /// In the order of the text.
    pub comments: Vec<Comment>,
}

/// A directive.
#[derive(Debug)]
pub(crate) struct Stood {
    pub line: u32,
    pub name: String,
    /// Its first argument; empty where it has none.
    pub first: String,
    /// Which directive's block it stands in.
    pub inside: Option<usize>,
}

/// A comment.
#[derive(Debug)]
pub(crate) struct Comment {
    /// Without its mark.
    pub text: String,
    /// Which directive it tells of: the one before it on its line, else the next one of its block, else the block's own.
    pub of: Option<usize>,
}

impl Outline {
    /// The lines of a text, as far as it can be read.
    pub(crate) fn of(text: &str) -> Self {
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line = |at: usize| u32::try_from(ends.partition_point(|end| *end < at) + 1).unwrap_or(u32::MAX);
        let mut lexer = Lexer::new(SourceId::default(), text);
        let mut outline = Self::default();
        let mut open: Vec<usize> = Vec::new();
        while let Ok(run) = lexer.next() {
            let here = outline.directives.len();
            let mut words = run.words.iter();
            let first_line = words.next().map(|name| (line(name.span.start), name));
            let next = first_line.as_ref().map(|_| here).or(open.last().copied());
            for span in std::mem::take(&mut lexer.comments) {
                let at = line(span.start);
                let before = outline.directives.last().filter(|stood| stood.line == at).map(|_| here - 1);
                let within = first_line.as_ref().is_some_and(|(begun, _)| *begun <= at);
                let of = if within { Some(here) } else { before.or(next) };
                let text = text.get(span.start..span.start + span.length).unwrap_or_default();
                let text = text.trim_start_matches('#').trim_end();
                let text = text.strip_prefix(' ').unwrap_or(text).to_owned();
                outline.comments.push(Comment { text, of });
            }
            if let Some((line, name)) = first_line {
                let first = words.next().map(|word| word.value.clone()).unwrap_or_default();
                let inside = open.last().copied();
                outline.directives.push(Stood { line, name: name.value.clone(), first, inside });
            }
            match run.end {
                End::Open => open.push(here),
                End::Close => drop(open.pop()),
                End::Semicolon => {}
                End::Text => break,
            }
        }
        outline
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_comment_tells_of_what_is_before_it_on_its_line_or_comes_next() {
        let text = "# one\na 1; # two\n\n# three\n## four\nb {\n  # five\n  c \"#no\"; # six\n  # seven\n}\n# eight\n";
        let outline = Outline::of(text);
        let told: Vec<_> = outline
            .comments
            .iter()
            .map(|comment| {
                let of = comment.of.map_or("", |of| outline.directives[of].name.as_str());
                format!("{} {of}", comment.text)
            })
            .collect();
        assert_eq!(told, ["one a", "two a", "three b", "four b", "five c", "six c", "seven b", "eight "]);
    }
}

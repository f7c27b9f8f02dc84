//! Diagnostics for people and for programs.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError, MietteSpanContents,
    Report, SourceCode, SourceSpan, SpanContents,
};
use serde_json::{Value, json};
use std::fmt::Write;

/// How diagnostics are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// With colour, for a terminal.
    Colour,
    /// In the same shapes, without colour.
    Plain,
}

/// How many diagnostics are drawn: who has more has given vordr something that is no rules at all.
const MOST_DRAWN: usize = 100;

/// The diagnostics with the words they are about, one below the other.
pub fn human(diagnostics: &Diagnostics, drawing: Drawing) -> String {
    let drawn = diagnostics.iter().take(MOST_DRAWN).map(|diagnostic| one(diagnostics, diagnostic, drawing));
    let mut drawn: Vec<_> = drawn.collect();
    if diagnostics.len() > MOST_DRAWN {
        drawn.push(format!("… and {} more\n", diagnostics.len() - MOST_DRAWN));
    }
    drawn.join("\n")
}

/// A line for each: where, what, and the help.
pub fn lines(diagnostics: &Diagnostics) -> String {
    let line = |diagnostic: &Diagnostic| {
        let place = diagnostics.sources().place(diagnostic.span);
        let help = diagnostic.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let (file, line, column) = (&place.file, place.line, place.column);
        let (severity, code) = (diagnostic.severity, diagnostic.code);
        format!("{file}:{line}:{column}: {severity}[{code}]: {}{help}", diagnostic.message)
    };
    diagnostics.iter().take(MOST_DRAWN).map(line).collect::<Vec<_>>().join("\n")
}

/// A JSON array with an object for each diagnostic.
pub fn json(diagnostics: &Diagnostics) -> Value {
    let objects = diagnostics.iter().map(|diagnostic| {
        let place = diagnostics.sources().place(diagnostic.span);
        json!({
            "severity": diagnostic.severity.to_string(),
            "code": diagnostic.code,
            "message": diagnostic.message,
            "file": &*place.file,
            "line": place.line,
            "column": place.column,
            "length": diagnostic.span.length,
            "label": diagnostic.label,
            "help": diagnostic.help,
        })
    });
    Value::Array(objects.collect())
}

/// `error[code]: message`, then miette's picture of the place, then the help.
fn one(diagnostics: &Diagnostics, diagnostic: &Diagnostic, drawing: Drawing) -> String {
    let theme = match drawing {
        Drawing::Colour => GraphicalTheme::unicode(),
        Drawing::Plain => GraphicalTheme::unicode_nocolor(),
    };
    let (style, severity) = match diagnostic.severity {
        crate::Severity::Error => (theme.styles.error, miette::Severity::Error),
        crate::Severity::Warning => (theme.styles.warning, miette::Severity::Warning),
    };
    let title = format!("{}[{}]", diagnostic.severity, diagnostic.code);
    let mut out = format!("{}: {}\n", style.style(title), diagnostic.message);
    let Some(source) = diagnostics.sources().source(diagnostic.span.source) else { return out };
    let place = diagnostics.sources().place(diagnostic.span);
    let excerpt = Excerpt::new(&source.text, diagnostic.span, place.line);
    let label = LabeledSpan::new_with_span(diagnostic.label.clone(), excerpt.words);
    let picture = MietteDiagnostic::new("").with_severity(severity).with_label(label);
    let report = Report::new(picture).with_source_code(excerpt);
    let mut drawn = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(0).with_width(200);
    if handler.render_report(&mut drawn, report.as_ref()).is_ok() {
        // The first lines are miette's own title, which is empty here.
        let body =
            drawn.lines().skip_while(|line| !line.contains('╭')).filter(|line| !line.trim().is_empty());
        for line in body {
            match line.split_once("╭─[").or_else(|| line.split_once("╭────")) {
                // Whole lines are shown, so miette counts from their start.
                Some((margin, _)) => {
                    let _ = writeln!(out, "{margin}╭─[{}:{}:{}]", place.file, place.line, place.column);
                }
                None => out.extend([line, "\n"]),
            }
        }
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "  help: {help}");
    }
    out
}

/// How much of a line is drawn on either side of the words, and of the words themselves, in bytes: a whole line,
/// unless somebody wrote all of a file on one.
const WIDEST: usize = 400;

/// The lines that some words stand on.
#[derive(Debug)]
struct Excerpt {
    text: String,
    /// Where in `text` the words are.
    words: SourceSpan,
    /// The line that `text` starts on, from 0.
    line: usize,
}

impl Excerpt {
    fn new(text: &str, span: Span, line: u32) -> Self {
        let first = text.floor_char_boundary(span.start);
        let last = text.ceil_char_boundary(first + span.length.min(WIDEST));
        let before = text.get(..first).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let start = text.ceil_char_boundary(line_start.max(first.saturating_sub(WIDEST)));
        let after = text.get(last..).unwrap_or_default();
        let line_end = last + after.find(['\r', '\n']).unwrap_or(after.len());
        let end = text.floor_char_boundary(line_end.min(last + WIDEST));
        let cut = |is_cut: bool| if is_cut { "…" } else { "" };
        let head = cut(start > line_start);
        let shown = text.get(start..end).unwrap_or_default();
        Self {
            text: format!("{head}{shown}{}", cut(end < line_end)),
            words: SourceSpan::from((head.len() + first - start, last - first)),
            line: usize::try_from(line.saturating_sub(1)).unwrap_or(0),
        }
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let whole = SourceSpan::from((0, self.text.len()));
        let lines = self.text.lines().count();
        Ok(Box::new(MietteSpanContents::new(self.text.as_bytes(), whole, self.line, 0, lines)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{InMemory, load};

    #[test]
    fn of_very_many_diagnostics_the_first_are_drawn_and_the_rest_counted() {
        let found = load("rules.kdl", &"a\n".repeat(1_000), &InMemory::default()).unwrap_err();
        let drawn = human(&found, Drawing::Plain);
        assert!(drawn.ends_with("\n… and 900 more\n"), "{drawn}");
        assert_eq!(json(&found).as_array().unwrap().len(), 1_000);
    }

    #[test]
    fn lines_that_end_as_on_windows_have_their_own_numbers() {
        let text = "server \"a.example\" {\r\n    listen 80\r\n    listn 81\r\n}\r\n";
        let found = load("rules.kdl", text, &InMemory::default()).unwrap_err();
        let drawn = human(&found, Drawing::Plain);
        assert!(drawn.contains("rules.kdl:3:5") && drawn.contains(" 3 │     listn 81\n"), "{drawn}");
    }

    #[test]
    fn of_a_very_long_line_only_the_words_and_what_is_around_them_is_drawn() {
        let text =
            format!("server \"a.example\" {{ {} listn 80; {} }}", "é;".repeat(5_000), "é;".repeat(5_000));
        let found = load("rules.kdl", &text, &InMemory::default()).unwrap_err();
        let drawn = found
            .iter()
            .find(|diagnostic| diagnostic.message.contains("listn"))
            .map(|diagnostic| one(&found, diagnostic, Drawing::Plain))
            .unwrap();
        assert!(drawn.contains("…") && drawn.contains("listn 80"), "{drawn}");
        assert!(drawn.len() < 4_000, "{}", drawn.len());
    }
}

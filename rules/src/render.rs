//! Diagnostics for people and for programs.

use crate::diagnostic::{Diagnostic, Diagnostics};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError, NamedSource, Report,
    SourceCode, SourceSpan, SpanContents,
};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// How diagnostics are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// With colour, for a terminal.
    Colour,
    /// In the same shapes, without colour.
    Plain,
}

/// Every diagnostic with the words it is about, one below the other.
pub fn human(diagnostics: &Diagnostics, drawing: Drawing) -> String {
    diagnostics.iter().map(|diagnostic| one(diagnostics, diagnostic, drawing)).collect::<Vec<_>>().join("\n")
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
    let label = LabeledSpan::new(diagnostic.label.clone(), diagnostic.span.start, diagnostic.span.length);
    let picture = MietteDiagnostic::new("").with_severity(severity).with_label(label);
    let Some(source) = diagnostics.sources().source(diagnostic.span.source) else { return out };
    let report = Report::new(picture)
        .with_source_code(NamedSource::new(&*source.name, WholeLines(source.text.clone())));
    let mut drawn = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(0).with_width(200);
    if handler.render_report(&mut drawn, report.as_ref()).is_ok() {
        // The first lines are miette's own title, which is empty here.
        let body =
            drawn.lines().skip_while(|line| !line.contains('╭')).filter(|line| !line.trim().is_empty());
        let place = diagnostics.sources().place(diagnostic.span);
        for line in body {
            match line.split_once("╭─[") {
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

/// A text of which miette shows whole lines, not just the words it is about.
#[derive(Debug)]
struct WholeLines(Arc<str>);

impl SourceCode for WholeLines {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text: &'a str = &self.0;
        let start =
            text.get(..span.offset()).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let end = span.offset() + span.len();
        let end =
            text.get(end..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| end + newline);
        text.read_span(&SourceSpan::from((start, end.saturating_sub(start))), before, after)
    }
}

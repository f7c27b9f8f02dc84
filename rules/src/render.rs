//! Diagnostics for people and for programs.

use crate::diagnostic::{Diagnostic, Diagnostics};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
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
    let report =
        Report::new(picture).with_source_code(NamedSource::new(&*source.name, source.text.to_string()));
    let mut drawn = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(0).with_width(200);
    if handler.render_report(&mut drawn, report.as_ref()).is_ok() {
        // The first lines are miette's own title, which is empty here.
        let body =
            drawn.lines().skip_while(|line| !line.contains('╭')).filter(|line| !line.trim().is_empty());
        body.for_each(|line| out.extend([line, "\n"]));
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "  help: {help}");
    }
    out
}

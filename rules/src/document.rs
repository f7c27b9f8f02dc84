//! Text to a KDL document; what KDL has to say about it becomes ours.

use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};
use crate::stumble;
use kdl::{KdlDiagnostic, KdlDocument};

/// Reads a text as KDL 2.
pub(crate) fn parse(source: SourceId, text: &str) -> Result<KdlDocument, Vec<Diagnostic>> {
    let stumbles = stumble::find(source, text);
    if !stumbles.is_empty() {
        return Err(stumbles);
    }
    KdlDocument::parse_v2(text).map_err(|error| {
        let length = text.len();
        let mut found: Vec<_> = error.diagnostics.into_iter().map(|d| ours(source, length, d)).collect();
        if found.is_empty() {
            found.push(Diagnostic::error(
                "syntax",
                Span { source, start: 0, length: 0 },
                "this is not KDL 2",
            ));
        }
        found
    })
}

fn ours(source: SourceId, text_length: usize, theirs: KdlDiagnostic) -> Diagnostic {
    let start = theirs.span.offset().min(text_length);
    let length = theirs.span.len().min(text_length - start);
    let message = theirs.message.unwrap_or_else(|| "this is not KDL 2".to_owned());
    let mut found = Diagnostic::error("syntax", Span { source, start, length }, lowercase_first(&message));
    found.label = theirs.label;
    found.help = theirs.help;
    found
}

fn lowercase_first(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

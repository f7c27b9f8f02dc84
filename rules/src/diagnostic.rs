//! What is wrong with the rules, where, and what to write instead.

use crate::source::{Sources, Span};
use std::fmt;
use std::sync::Arc;

/// How grave a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The rules do not load.
    Error,
    /// They load, and are most likely not what was meant.
    Warning,
}

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable name in kebab-case: `unknown-node`.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to write there.
    pub label: Option<String>,
    /// A way out that is not in that place.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), span, label: None, help: None }
    }

    /// A warning.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Without the secrets that a variable or a file put into a value it speaks of.
    pub(crate) fn mask(&mut self, secrets: &[String]) {
        // A shorter one says nothing, and would mask half of every sentence.
        for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
            let texts = [Some(&mut self.message), self.label.as_mut(), self.help.as_mut()];
            texts.into_iter().flatten().for_each(|text| *text = text.replace(secret, "***"));
        }
    }

    /// With words at the place itself.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With a remedy below.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything to mend in one load, in the order of the text, with the texts it is about.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: Arc<Sources>,
}

impl Diagnostics {
    pub(crate) fn new(mut list: Vec<Diagnostic>, sources: Arc<Sources>) -> Self {
        list.sort_by_key(|diagnostic| diagnostic.span);
        list.dedup();
        Self { list, sources }
    }

    /// Others about the same texts.
    #[must_use]
    pub fn others(&self, list: Vec<Diagnostic>) -> Self {
        Self::new(list, self.sources.clone())
    }

    /// In the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// How many of them are errors.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// Whether there is nothing to mend.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The texts that the spans are in.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }
}

/// Each on a line: `file:line:column: error[code]: message`.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, diagnostic) in self.list.iter().enumerate() {
            let place = self.sources.place(diagnostic.span);
            let newline = if number == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{}:{}: ", place.file, place.line, place.column)?;
            write!(f, "{}[{}]: {}", diagnostic.severity, diagnostic.code, diagnostic.message)?;
        }
        Ok(())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// The longest word whose spelling is looked at, in bytes: comparing costs the product of two lengths.
const LONGEST: usize = 64;
/// How many words one is compared with.
const MOST_COMPARED: usize = 256;

/// The word among `known` that `written` was most likely meant to be.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > LONGEST {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let written = plain(written);
    known
        .into_iter()
        .take(MOST_COMPARED)
        .filter(|word| word.len() <= LONGEST)
        .map(|word| (strsim::damerau_levenshtein(&written, &plain(word)), word))
        .filter(|(distance, word)| *distance <= 1 + word.len().min(written.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_spelling_is_found_and_a_foreign_word_has_none() {
        let known = ["websocket", "timeouts", "body-limit"];
        assert_eq!(nearest("web-socket", known), Some("websocket"));
        assert_eq!(nearest("body_limit", known), Some("body-limit"));
        assert_eq!(nearest("timeout", known), Some("timeouts"));
        assert_eq!(nearest("proxy_pass", known), None);
    }

    #[test]
    fn a_warning_is_no_error_to_be_counted() {
        let nowhere = Span::default();
        let list = vec![Diagnostic::warning("a", nowhere, "a"), Diagnostic::error("b", nowhere, "b")];
        let found = Diagnostics::new(list, Arc::default());
        assert_eq!((found.len(), found.errors()), (2, 1));
    }
}

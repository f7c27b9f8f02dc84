//! Texts in the bodies of answers, and what takes their places.

use crate::placeholder::Template;
use http::HeaderValue;

/// `substitute`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitute {
    /// What is looked for, never empty, and what takes its place; of several that begin at one place, the first does.
    pub pairs: Vec<(String, Template)>,
    /// The types whose bodies are looked through; `*` is every type.
    pub types: Vec<String>,
    /// Whether each text is replaced at the first place alone.
    pub once: bool,
    /// Whether `Last-Modified` stays, and `ETag` as a weak one.
    pub validators: bool,
}

impl Substitute {
    /// Whether bodies of a type are looked through.
    pub fn is_for(&self, content_type: &HeaderValue) -> bool {
        let text = content_type.to_str().unwrap_or_default();
        let essence = text.split(';').next().unwrap_or(text).trim();
        self.types.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(essence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_whatever_stands_behind_it() {
        let is_for = |types: &[&str], content_type: &'static str| {
            let types = types.iter().map(|name| (*name).to_owned()).collect();
            let rules = Substitute { pairs: Vec::new(), types, once: false, validators: false };
            rules.is_for(&HeaderValue::from_static(content_type))
        };
        assert!(is_for(&["text/html"], "Text/HTML; charset=utf-8"));
        assert!(is_for(&["*"], "image/png"));
        assert!(!is_for(&["text/html"], "text/htm"));
        assert!(!is_for(&["text/html"], ""));
    }
}

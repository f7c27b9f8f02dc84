//! What one load has seen so far.

use super::wrong_value;
use crate::diagnostic::Diagnostic;
use crate::source::{Folder, SourceId, Sources, Span, Spanned};
use crate::surroundings::Surroundings;
use crate::table::UpstreamTls;
use crate::value::{Raw, Value};
use kdl::KdlNode;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What one load has seen so far.
pub(crate) struct Reading<'w> {
    pub sources: Sources,
    pub surroundings: &'w dyn Surroundings,
    pub found: Vec<Diagnostic>,
    /// Texts that braces were filled into from outside, and how they are written as texts with placeholders.
    pub(super) filled_in: HashMap<Span, (String, String)>,
    /// Values that `show` masks.
    pub secrets: Vec<String>,
    /// Folders that are named.
    pub folders: Vec<Folder>,
    /// Files that logs go to.
    pub logs: Vec<Spanned<String>>,
    /// What is said of TLS with upstreams.
    pub upstream_tls: Vec<Spanned<UpstreamTls>>,
    /// The file of the authorities of ACME's issuer.
    pub acme_ca: Option<Spanned<String>>,
    /// Variables that are asked for, where they are; each has to be made by something.
    pub variables: Vec<Spanned<String>>,
    /// Variables that steps and the groups of regexes make.
    pub made_variables: HashSet<String>,
    /// The headers of upstreams' answers that are asked for anywhere.
    pub upstream_headers: BTreeSet<String>,
    /// Whether the bodies of requests are asked for anywhere.
    pub keeps_bodies: bool,
    /// Whether it is asked anywhere how large the heads are that are exchanged with upstreams.
    pub weighs_heads: bool,
    /// Whether it is asked how many connections there are.
    pub counts_connections: bool,
    /// The text that is being read.
    pub source: SourceId,
}

impl<'w> Reading<'w> {
    pub(crate) fn new(sources: Sources, surroundings: &'w dyn Surroundings) -> Self {
        let source = SourceId::default();
        Self {
            sources,
            surroundings,
            found: Vec::new(),
            filled_in: HashMap::new(),
            secrets: Vec::new(),
            folders: Vec::new(),
            logs: Vec::new(),
            upstream_tls: Vec::new(),
            acme_ca: None,
            variables: Vec::new(),
            made_variables: HashSet::new(),
            upstream_headers: BTreeSet::new(),
            keeps_bodies: false,
            weighs_heads: false,
            counts_connections: false,
            source,
        }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub(super) fn span(&self, span: miette::SourceSpan) -> Span {
        Span { source: self.source, start: span.offset(), length: span.len() }
    }

    /// Where a node's name stands.
    pub(crate) fn name_span(&self, kdl: &KdlNode) -> Span {
        self.span(kdl.name().span())
    }

    /// A text, or one of its words, as a text with placeholders: what the environment and files put into it has none.
    pub(crate) fn with_placeholders<'t>(&self, text: &'t Spanned<String>) -> Cow<'t, str> {
        let Some((plain, template)) = self.filled_in.get(&text.span) else {
            return Cow::Borrowed(&text.value);
        };
        let words = plain.split(' ').zip(template.split(' '));
        let mut parts = std::iter::once((plain.as_str(), template.as_str())).chain(words);
        let found = parts.find(|(part, _)| *part == text.value);
        found.map_or(Cow::Borrowed(&text.value), |(_, template)| Cow::Owned(template.to_owned()))
    }

    /// A value from text that stands within a larger one, such as a path in a URL.
    pub(crate) fn value<T: Value>(&mut self, text: &Spanned<String>, word: &str) -> Option<Spanned<T>> {
        match T::read(&Raw::Text(&text.value)) {
            Ok(value) => Some(Spanned::new(value, text.span)),
            Err(reason) => {
                self.report(wrong_value::<T>(word, text.span, reason));
                None
            }
        }
    }
}

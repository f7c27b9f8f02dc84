//! Typed reading of one node. What is left unread is reported, so nothing is accepted and ignored.

mod reading;

pub(crate) use reading::Reading;

use crate::diagnostic::{Diagnostic, nearest};
use crate::environment::{self, Unfilled, with_doubled_braces};
use crate::hint;
use crate::source::{Sources, Span, Spanned};
use crate::value::{Raw, Value};
use crate::word::{Often, Word};
use kdl::{KdlEntry, KdlNode, KdlValue};
use std::collections::VecDeque;

/// A node while it is read.
pub(crate) struct Node<'k> {
    pub word: &'static Word,
    /// The node's name.
    pub span: Span,
    arguments: VecDeque<Entry>,
    properties: Vec<(String, Entry)>,
    children: Vec<&'k KdlNode>,
    /// Whether its block has words that were reported.
    pub lost_children: bool,
    /// Whether something it says could not be filled in, so that nobody knows what it lacks.
    unfilled: bool,
}

/// An argument or a property's value, environment filled in.
struct Entry {
    text: Option<String>,
    integer: Option<i128>,
    decimal: Option<f64>,
    span: Span,
    /// Whether variables were filled in.
    filled: bool,
    /// Whether they could not be, which is reported; it is there all the same.
    lost: bool,
}

impl Entry {
    fn raw(&self) -> Raw<'_> {
        match (&self.text, self.integer, self.decimal) {
            (Some(text), ..) => Raw::Text(text),
            (None, Some(integer), _) => Raw::Integer(integer),
            (None, None, Some(decimal)) => Raw::Decimal(decimal),
            (None, None, None) => Raw::Other,
        }
    }
}

impl<'k> Node<'k> {
    /// Takes a node apart; whatever `word` does not know is reported here.
    pub(crate) fn open(kdl: &'k KdlNode, word: &'static Word, reading: &mut Reading<'_>) -> Self {
        let span = reading.span(kdl.name().span());
        let mut node = Self {
            word,
            span,
            arguments: VecDeque::new(),
            properties: Vec::new(),
            children: Vec::new(),
            lost_children: false,
            unfilled: false,
        };
        if let Some(annotation) = kdl.ty() {
            let span = reading.span(annotation.span());
            reading.report(
                Diagnostic::error("type-annotation", span, "type annotations mean nothing here")
                    .label("leave it out"),
            );
        }
        for entry in kdl.entries() {
            node.take_entry(entry, reading);
        }
        if let Some(block) = kdl.children() {
            node.take_children(block.nodes(), reading);
        }
        node
    }

    fn take_entry(&mut self, kdl: &KdlEntry, reading: &mut Reading<'_>) {
        let entry = read_entry(kdl, reading);
        self.unfilled |= entry.lost;
        let Some(name) = kdl.name().map(|name| name.value().to_owned()) else {
            return self.arguments.push_back(entry);
        };
        if !self.word.properties.contains(&name.as_str()) {
            return reading.report(self.unknown_property(&name, entry.span));
        }
        if self.properties.iter().any(|(known, _)| *known == name) {
            let message = format!("`{name}` is given twice");
            return reading
                .report(Diagnostic::error("duplicate-property", entry.span, message).label("leave one out"));
        }
        self.properties.push((name, entry));
    }

    fn take_children(&mut self, nodes: &'k [KdlNode], reading: &mut Reading<'_>) {
        if self.word.children.is_empty() && !nodes.is_empty() {
            let message = format!("`{}` takes no block", self.word.name);
            return reading.report(Diagnostic::error("no-block", self.span, message));
        }
        self.children = known_nodes(nodes, self.word, reading);
        self.lost_children = self.children.len() < nodes.len();
    }

    fn unknown_property(&self, name: &str, span: Span) -> Diagnostic {
        let word = self.word.name;
        let error = Diagnostic::error("unknown-property", span, format!("`{word}` has no property `{name}`"));
        let known = self.word.properties;
        let error = match nearest(name, known.iter().copied()) {
            Some(meant) => error.label(format!("did you mean `{meant}`?")),
            None if self.word.child(name).is_some() => {
                error.label(format!("write it into a block: `{word} {{ {name} …; }}`"))
            }
            None if known.is_empty() => error.label("it takes none"),
            None => error.label(format!("known are {}", list(known.iter().copied()))),
        };
        error.help(format!("vordr help {word}"))
    }

    /// The next argument, if there is one and it can be read.
    pub(crate) fn take<T: Value>(&mut self, reading: &mut Reading<'_>) -> Option<Spanned<T>> {
        let entry = self.arguments.pop_front()?;
        self.value(&entry, reading)
    }

    /// The next argument; its absence is an error.
    pub(crate) fn need<T: Value>(&mut self, reading: &mut Reading<'_>) -> Option<Spanned<T>> {
        if self.arguments.is_empty() {
            let message = format!("`{}` lacks an argument", self.word.name);
            self.lacks(
                Diagnostic::error("missing-argument", self.span, message)
                    .label(format!("expected {}", T::EXPECTED))
                    .help(format!("it is written `{}`", self.word.usage())),
                reading,
            );
        }
        self.take(reading)
    }

    /// Every argument that is left.
    pub(crate) fn rest<T: Value>(&mut self, reading: &mut Reading<'_>) -> Vec<Spanned<T>> {
        let entries = std::mem::take(&mut self.arguments);
        entries.iter().filter_map(|entry| self.value(entry, reading)).collect()
    }

    /// Every argument that is left; that there is none is an error.
    pub(crate) fn need_some<T: Value>(&mut self, reading: &mut Reading<'_>) -> Vec<Spanned<T>> {
        match self.arguments.is_empty() {
            true => self.need(reading).into_iter().collect(),
            false => self.rest(reading),
        }
    }

    /// Whether the next argument is this very word; if so, it is taken.
    pub(crate) fn take_word(&mut self, word: &str) -> Option<Span> {
        let span = self.arguments.front().filter(|entry| entry.text.as_deref() == Some(word))?.span;
        self.arguments.pop_front();
        Some(span)
    }

    /// A property's value.
    pub(crate) fn property<T: Value>(&mut self, name: &str, reading: &mut Reading<'_>) -> Option<Spanned<T>> {
        let at = self.properties.iter().position(|(known, _)| known == name)?;
        let (_, entry) = self.properties.remove(at);
        self.value(&entry, reading)
    }

    /// Whether it has this property, and that has not been read yet.
    pub(crate) fn has_property(&self, name: &str) -> bool {
        self.properties.iter().any(|(known, _)| known == name)
    }

    /// Reports that something is missing, unless it may be what is there and could not be filled in.
    pub(crate) fn lacks(&self, error: Diagnostic, reading: &mut Reading<'_>) {
        if !self.unfilled {
            reading.report(error);
        }
    }

    /// The nodes of that name in the block.
    pub(crate) fn children(&self, name: &str) -> Vec<&'k KdlNode> {
        self.children.iter().copied().filter(|child| child.name().value() == name).collect()
    }

    /// Every node of the block, with its word.
    pub(crate) fn block(&self) -> Vec<(&'static Word, &'k KdlNode)> {
        let words = |child: &&'k KdlNode| Some((self.word.child(child.name().value())?, *child));
        self.children.iter().filter_map(words).collect()
    }

    /// The node of that name in the block.
    pub(crate) fn child(&self, name: &str) -> Option<&'k KdlNode> {
        self.children.iter().copied().find(|child| child.name().value() == name)
    }

    /// Leaves unsaid what was not read: nobody can tell what it would mean.
    pub(crate) fn forget_rest(&mut self) {
        self.arguments.clear();
        self.properties.clear();
    }

    /// Reports what was not read.
    pub(crate) fn finish(self, reading: &mut Reading<'_>) {
        for entry in self.arguments.iter().filter(|entry| !entry.lost) {
            let message = format!("`{}` takes no further argument", self.word.name);
            let error = Diagnostic::error("surplus-argument", entry.span, message).label("leave it out");
            reading.report(error.help(format!("it is written `{}`", self.word.usage())));
        }
        for (name, entry) in &self.properties {
            let message = format!("`{name}` means nothing in this form of `{}`", self.word.name);
            reading.report(Diagnostic::error("surplus-property", entry.span, message).label("leave it out"));
        }
    }

    fn value<T: Value>(&self, entry: &Entry, reading: &mut Reading<'_>) -> Option<Spanned<T>> {
        if entry.lost {
            return None;
        }
        match T::read(&entry.raw()) {
            Ok(value) => Some(Spanned::new(value, entry.span)),
            Err(reason) => {
                // The value itself is worth telling where a variable hides it, unless it is a secret.
                let is_secret = |text: &str| reading.secrets.iter().any(|secret| text.contains(secret));
                let hidden = entry.text.as_ref().filter(|text| entry.filled && !is_secret(text));
                let reason =
                    reason.or_else(|| hidden.map(|text| format!("`{text}` is what the variables come to")));
                reading.report(wrong_value::<T>(self.word.name, entry.span, reason));
                None
            }
        }
    }
}

/// The nodes that `parent` knows; the others, and those that stand too often, are reported.
pub(crate) fn known_nodes<'k>(
    nodes: &'k [KdlNode],
    parent: &'static Word,
    reading: &mut Reading<'_>,
) -> Vec<&'k KdlNode> {
    let mut kept: Vec<&KdlNode> = Vec::new();
    let mut once: Vec<&str> = Vec::new();
    for node in nodes {
        let name = node.name().value();
        let span = reading.span(node.name().span());
        match parent.child(name) {
            None => reading.report(unknown_node(parent, name, span)),
            Some(word) if word.often == Often::Once && once.contains(&word.name) => {
                let message = format!("`{name}` stands twice in one block");
                reading.report(
                    Diagnostic::error("duplicate-node", span, message)
                        .label("leave one out, or make them one"),
                );
            }
            Some(word) => {
                if word.often == Often::Once {
                    once.push(word.name);
                }
                kept.push(node);
            }
        }
    }
    kept
}

fn unknown_node(parent: &'static Word, name: &str, span: Span) -> Diagnostic {
    let (message, topic) = match parent.name {
        "" => (format!("there is no `{name}` at the top of a file"), String::new()),
        word => (format!("`{word}` has no `{name}`"), format!(" {word}")),
    };
    let error = Diagnostic::error("unknown-node", span, message);
    let error = match parent.meant(name) {
        _ if parent.properties.contains(&name) => {
            error.label(format!("it is a property: `{} … {name}=…`", parent.name))
        }
        _ if let blocks @ [_, ..] = hint::blocks_of(name) => {
            error.label(format!("it stands {}", places(blocks)))
        }
        Some(meant) => error.label(format!("did you mean `{meant}`?")),
        None => error.label(format!("known are {}", list(parent.words().map(|word| word.name)))),
    };
    error.help(format!("vordr help{topic}"))
}

/// In words, where a word stands that stands in these blocks.
fn places(blocks: &[&str]) -> String {
    match blocks {
        [""] => "at the top of a file".to_owned(),
        ["", inside @ ..] => format!("at the top of a file, and in {}", list(inside.iter().copied())),
        inside => format!("in {}", list(inside.iter().copied())),
    }
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn wrong_value<T: Value>(word: &str, span: Span, reason: Option<String>) -> Diagnostic {
    let message = match &reason {
        Some(reason) => format!("`{word}`: {reason}"),
        None => format!("`{word}` cannot take this value"),
    };
    Diagnostic::error("wrong-value", span, message).label(format!("expected {}", T::EXPECTED))
}

fn read_entry(kdl: &KdlEntry, reading: &mut Reading<'_>) -> Entry {
    let span = trimmed(reading.span(kdl.span()), &reading.sources);
    if kdl.ty().is_some() {
        reading.report(
            Diagnostic::error("type-annotation", span, "type annotations mean nothing here")
                .label("leave it out"),
        );
    }
    let mut entry = Entry { text: None, integer: None, decimal: None, span, filled: false, lost: false };
    match kdl.value() {
        KdlValue::String(text) if is_raw_string(kdl) => entry.text = Some(text.clone()),
        KdlValue::String(text) => {
            entry.text = fill_in(text, span, reading);
            entry.filled = text.contains("${");
            entry.lost = entry.text.is_none();
        }
        KdlValue::Integer(integer) => entry.integer = Some(*integer),
        KdlValue::Float(decimal) => entry.decimal = Some(*decimal),
        _ => {}
    }
    entry
}

/// KDL counts the white space before an entry as a part of it.
fn trimmed(span: Span, sources: &Sources) -> Span {
    let text =
        sources.source(span.source).and_then(|source| source.text.get(span.start..span.start + span.length));
    let Some(text) = text else { return span };
    let start = span.start + (text.len() - text.trim_start().len());
    Span { start, length: text.trim().len(), ..span }
}

fn is_raw_string(kdl: &KdlEntry) -> bool {
    kdl.format().is_some_and(|format| format.value_repr.starts_with('#'))
}

fn fill_in(text: &str, span: Span, reading: &mut Reading<'_>) -> Option<String> {
    let error = match environment::expand(text, reading.surroundings) {
        Ok(expanded) => {
            let filled = expanded.text.into_owned();
            if let Some(template) = expanded.template {
                reading.filled_in.insert(span, (filled.clone(), template));
            }
            // In a text with placeholders its braces are doubled.
            for secret in
                expanded.secrets.into_iter().flat_map(|secret| [with_doubled_braces(&secret), secret])
            {
                if !secret.is_empty() && !reading.secrets.contains(&secret) {
                    reading.secrets.push(secret);
                }
            }
            return Some(filled);
        }
        Err(Unfilled::Undefined { name, why }) => {
            let error =
                Diagnostic::error("undefined-variable", span, format!("the environment has no `{name}`"));
            match why {
                Some(why) => error.label(why).help(format!("set it: {name}=…")),
                None => error
                    .label("needed here")
                    .help(format!("set it, or give a default: `${{{name}:-default}}`")),
            }
        }
        Err(Unfilled::Unreadable { path, reason }) => {
            Diagnostic::error("unreadable-file", span, format!("`{path}` cannot be read")).label(reason)
        }
        Err(Unfilled::Unclosed) => Diagnostic::error("bad-variable", span, "`${` is not closed")
            .label("write `${NAME}`")
            .help("a literal `${` is written `$${`"),
        Err(Unfilled::Nested) => Diagnostic::error("bad-variable", span, "`${…}` stands within another one")
            .label("a default is plain text")
            .help("a literal `${` is written `$${`, and stands in no default"),
        Err(Unfilled::NoName(inside)) => {
            Diagnostic::error("bad-variable", span, format!("`{inside}` is no variable's name"))
                .label("names have letters, digits and `_`")
                .help("a literal `${` is written `$${`")
        }
    };
    reading.report(error);
    None
}

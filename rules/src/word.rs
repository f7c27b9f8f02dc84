//! What a word of the language is: the one definition that reading, spelling hints, schema and help share.

use crate::diagnostic::nearest;
use crate::hint;

/// So many properties show how a word is written.
const MOST_PROPERTIES: usize = 3;

/// A word of the language.
#[derive(Debug)]
pub struct Word {
    /// As it is written.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub summary: &'static str,
    /// Its arguments, as a person would write them down: `URL… | NAME`. Empty where it takes none.
    pub arguments: &'static str,
    /// The properties it takes.
    pub properties: &'static [&'static str],
    /// The words that may stand in its block; empty where it takes no block.
    pub children: &'static [&'static [&'static Word]],
    /// How often it may stand in one block.
    pub often: Often,
}

/// How often a word may stand in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Often {
    /// At most once.
    Once,
    /// Any number of times.
    Many,
}

impl Word {
    /// The word of that name in this word's block.
    pub fn child(&self, name: &str) -> Option<&'static Word> {
        self.words().find(|word| word.name == name)
    }

    /// Every word that may stand in this word's block.
    pub fn words(&self) -> impl Iterator<Item = &'static Word> + use<> {
        self.children.iter().flat_map(|family| family.iter().copied())
    }

    /// What `name`, which this word's block does not know, was most likely meant to be.
    pub fn meant(&self, name: &str) -> Option<String> {
        let by_spelling = || nearest(name, self.words().map(|word| word.name)).map(str::to_owned);
        hint::for_unknown(self, name).or_else(by_spelling)
    }

    /// How it is written: its arguments, the first of its properties, and its block.
    pub(crate) fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        if !self.arguments.is_empty() {
            usage = format!("{usage} {}", self.arguments);
        }
        for property in self.properties.iter().take(MOST_PROPERTIES) {
            usage = format!("{usage} {property}=…");
        }
        if self.properties.len() > MOST_PROPERTIES {
            usage.push_str(" …");
        }
        if !self.children.is_empty() {
            usage.push_str(" { … }");
        }
        usage
    }

    /// A word without properties and block, that stands at most once.
    pub(crate) const fn simple(name: &'static str, arguments: &'static str, summary: &'static str) -> Self {
        Self { name, summary, arguments, properties: &[], children: &[], often: Often::Once }
    }

    /// With these properties.
    pub(crate) const fn properties(self, properties: &'static [&'static str]) -> Self {
        Self { properties, ..self }
    }

    /// With a block of these words.
    pub(crate) const fn block(self, children: &'static [&'static [&'static Word]]) -> Self {
        Self { children, ..self }
    }

    /// Standing any number of times.
    pub(crate) const fn many(self) -> Self {
        Self { often: Often::Many, ..self }
    }
}

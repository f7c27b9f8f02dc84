//! What a word of the language is: the one definition that reading, spelling hints, schema and help share.

use crate::diagnostic::nearest;
use crate::hint;

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

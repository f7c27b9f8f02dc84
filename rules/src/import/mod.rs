//! `vordr import`: a file of nginx's as the KDL that a person would have written, and a report on what became of it.
//!
//! The effective rules are the beginning. What they say anyway is taken out, what several places say is made a
//! template, and comments come back to what they stood at. Whatever is taken out, the KDL is loaded again, and has to
//! come to the same table.

mod comments;
mod lean;
mod report;
mod templates;
mod tree;

pub use report::{Fate, Note};

use crate::diagnostic::Diagnostics;
use crate::node::Reading;
use crate::source::Sources;
use crate::surroundings::Surroundings;
use crate::{Loaded, load, nginx, show};
use tree::Item;

/// A file of nginx's, in KDL.
#[derive(Debug)]
pub struct Imported {
    /// The rules.
    pub kdl: String,
    /// What became of the file otherwise, in its order.
    pub report: Vec<Note>,
    /// The file itself, loaded.
    pub loaded: Loaded,
}

/// Puts a file of nginx's into KDL, whatever its name. What cannot be honoured is left out, and told in the report.
///
/// # Errors
///
/// What nginx would refuse too.
pub fn import(name: &str, text: &str, surroundings: &dyn Surroundings) -> Result<Imported, Diagnostics> {
    let mut reading = Reading::new(Sources::default(), surroundings);
    let read = nginx::read(name, text, true, &mut reading);
    let loaded = crate::finish(&read.file, read.globals, reading)?;
    let report = report::of(&loaded, &read.seen);
    Ok(Imported { kdl: kdl(name, &loaded, surroundings), report, loaded })
}

/// The shortest that comes to the same.
fn kdl(name: &str, loaded: &Loaded, surroundings: &dyn Surroundings) -> String {
    let full = tree::grown(show::page(&loaded.table).into_lines());
    let lean = lean::of(full.clone());
    let with_templates = templates::of(lean.clone());
    let comes_to_the_same = |items: &[Item]| {
        let again = load(&format!("{name}.kdl"), &tree::drawn(items), surroundings);
        again.is_ok_and(|again| tree::grown(show::page(&again.table).into_lines()) == full)
    };
    let shortest = [with_templates, lean].into_iter().find(|items| comes_to_the_same(items));
    let mut items = shortest.unwrap_or(full);
    comments::carry_over(loaded.warnings.sources(), &mut items);
    tree::drawn(&items)
}

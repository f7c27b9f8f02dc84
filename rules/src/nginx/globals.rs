//! What nginx's rules say of the process itself, and vordr asks of whoever starts it.

use super::check;
use super::directive::Context;
use super::{Nginx, tree};
use crate::diagnostic::{Diagnostics, Severity};
use crate::node::Reading;
use crate::source::Sources;
use crate::surroundings::Surroundings;
use std::collections::HashMap;
use std::sync::Arc;

/// What stands outside of `http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Globals {
    /// `daemon`: whether nginx goes into the background.
    pub daemon: bool,
    /// `pid`: the file with the number of the process, as it is written.
    pub pid: Option<String>,
}

/// Reads them. `name` stands for the text in diagnostics, and what it includes is relative to it.
///
/// # Errors
///
/// What nginx would refuse too: its syntax, and directives that stand where they may not.
pub fn globals(name: &str, text: &str, surroundings: &dyn Surroundings) -> Result<Globals, Diagnostics> {
    let mut reading = Reading::new(Sources::default(), surroundings);
    let mut directives = tree::read(name, text, &mut reading);
    let main = super::main_context(&directives);
    let mut nginx =
        Nginx { reading: &mut reading, lenient: true, maps: HashMap::new(), upstreams: HashMap::new() };
    check::check(&mut directives, main, &mut nginx);
    let errors: Vec<_> =
        reading.found.into_iter().filter(|found| found.severity == Severity::Error).collect();
    if !errors.is_empty() {
        return Err(Diagnostics::new(errors, Arc::new(reading.sources)));
    }
    let said = |name: &str| {
        let outside = directives.iter().filter(|_| main == Context::MAIN);
        outside
            .filter(|directive| directive.name.value == name)
            .map(|directive| directive.first())
            .next_back()
    };
    Ok(Globals { daemon: said("daemon") != Some("off"), pid: said("pid").map(str::to_owned) })
}

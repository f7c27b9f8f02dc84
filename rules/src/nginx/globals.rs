//! What nginx's rules say of the process itself, and vordr asks of whoever starts it.

use super::check;
use super::directive::Context;
use super::tree::Directive;
use super::{Nginx, tree};
use crate::diagnostic::{Diagnostics, Severity};
use crate::node::Reading;
use crate::source::Sources;
use crate::surroundings::Surroundings;
use std::sync::Arc;

/// What the text of `nginx -g` is called in diagnostics, as nginx calls it.
pub const COMMAND_LINE: &str = "command line";

/// What stands outside of `http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Globals {
    /// `daemon`: whether nginx goes into the background.
    pub daemon: bool,
    /// `pid`: the file with the number of the process, as it is written.
    pub pid: Option<String>,
}

impl Globals {
    pub(super) fn of(directives: &[Directive]) -> Self {
        let said = |name: &str| {
            directives.iter().find(|directive| directive.name.value == name).map(Directive::first)
        };
        let daemon = !said("daemon").is_some_and(|word| word.eq_ignore_ascii_case("off"));
        Self { daemon, pid: said("pid").map(str::to_owned) }
    }
}

/// Reads them, from a file of nginx's and from what `nginx -g` said before it.
///
/// # Errors
///
/// What nginx would refuse too: its syntax, and directives that stand where they may not.
pub fn globals(name: &str, text: &str, surroundings: &dyn Surroundings) -> Result<Globals, Diagnostics> {
    let mut reading = Reading::new(Sources::default(), surroundings);
    let globals = super::read(name, text, true, &mut reading).globals;
    let errors: Vec<_> =
        reading.found.into_iter().filter(|found| found.severity == Severity::Error).collect();
    match errors.is_empty() {
        true => Ok(globals),
        false => Err(Diagnostics::new(errors, Arc::new(reading.sources))),
    }
}

/// What `nginx -g` said, where the rules are no file of nginx's.
pub(crate) fn of_command_line(reading: &mut Reading<'_>) -> Globals {
    let mut directives = command_line(reading);
    let mut nginx = Nginx::new(reading, true);
    check::check(&mut directives, Context::MAIN, &mut nginx);
    Globals::of(&directives)
}

/// The directives of `nginx -g`.
pub(super) fn command_line(reading: &mut Reading<'_>) -> Vec<Directive> {
    let surroundings = reading.surroundings;
    match surroundings.nginx_directives() {
        Some(text) => tree::read(COMMAND_LINE, text, reading),
        None => Vec::new(),
    }
}

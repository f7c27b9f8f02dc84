//! The rule language of vordr: KDL text in; a routing [`table::Table`], or [`Diagnostics`], out.
//!
//! The way of a text: [`document`] makes KDL of it, [`language`] reads what the author wrote, [`compile`] makes
//! of that what runs. No socket is opened and no clock is read; files and variables come through
//! [`Surroundings`], so the same text with the same surroundings gives the same table.

mod compile;
mod diagnostic;
mod document;
mod environment;
mod format;
mod hint;
mod import;
mod language;
pub mod nginx;
mod node;
pub mod pages;
pub mod placeholder;
pub mod render;
pub mod schema;
pub mod show;
mod source;
mod stumble;
mod surroundings;
pub mod table;
mod text;
mod value;
mod word;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use format::format;
pub use import::{Fate, Imported, Note, import};
pub use language::TOP;
pub use nginx::{KnownDirective, Support, is_nginx, known_directives};
pub use source::{Folder, Source, SourceId, Sources, Span, Spanned, TlsPlaces};
pub use surroundings::{InMemory, Surroundings, glob_matches};
pub use text::read_text;
pub use word::{Often, Word};

use node::Reading;
use std::sync::Arc;
use table::{Table, UpstreamTls};

/// Rules that load.
#[derive(Debug)]
pub struct Loaded {
    /// What runs.
    pub table: Table,
    /// What is most likely not meant as it stands.
    pub warnings: Diagnostics,
    /// Where the files of each server's TLS are named, for whoever reads them.
    pub tls_places: Vec<TlsPlaces>,
    /// Folders that files are served from.
    pub folders: Vec<Folder>,
    /// Files that logs go to, where the rules are in KDL: nginx's syntax has its own words for those that cannot be.
    pub logs: Vec<Spanned<String>>,
    /// What is said of TLS with upstreams, for whoever reads the files that it names.
    pub upstream_tls: Vec<Spanned<UpstreamTls>>,
    /// The file of the authorities of ACME's issuer.
    pub acme_ca: Option<Spanned<String>>,
    /// Values that are not to be shown.
    pub secrets: Vec<String>,
    /// What nginx's directives say of the process itself.
    pub globals: nginx::Globals,
}

/// Loads rules. `name` stands for the text in diagnostics, and what it includes is relative to it; where it ends in
/// `.conf`, the text is nginx's syntax, else KDL.
pub fn load(name: &str, text: &str, surroundings: &dyn Surroundings) -> Result<Loaded, Diagnostics> {
    let mut reading = Reading::new(Sources::default(), surroundings);
    let (file, globals) = match is_nginx(name) {
        true => {
            let read = nginx::read(name, text, nginx::is_lenient(surroundings), &mut reading);
            (read.file, read.globals)
        }
        false => {
            let globals = nginx::of_command_line(&mut reading);
            (language::file::read(name, text, &mut reading), globals)
        }
    };
    finish(&file, globals, reading)
}

fn finish(
    file: &language::File,
    globals: nginx::Globals,
    mut reading: Reading<'_>,
) -> Result<Loaded, Diagnostics> {
    let outcome = compile::compile(file, &mut reading);
    reading.found.iter_mut().for_each(|diagnostic| diagnostic.mask(&reading.secrets));
    let sources = Arc::new(reading.sources);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        reading.found.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(Diagnostics::new(errors.into_iter().chain(warnings).collect(), sources));
    }
    Ok(Loaded {
        table: outcome.table,
        warnings: Diagnostics::new(warnings, sources),
        tls_places: outcome.tls_places,
        folders: reading.folders,
        logs: reading.logs,
        upstream_tls: reading.upstream_tls,
        acme_ca: reading.acme_ca,
        secrets: reading.secrets,
        globals,
    })
}

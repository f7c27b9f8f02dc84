//! `vordr import`: a file of nginx's as KDL, and which of nginx's directives are known.

use super::rules::print;
use super::say::{complain, counted, say};
use std::path::Path;
use std::process::ExitCode;
use vordr::System;
use vordr::rules::{Fate, Imported, Support, import, known_directives, read_text};

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// A file in nginx's syntax, whatever its name; or a folder of them, such as /etc/nginx.
    #[arg(value_name = "FILE|FOLDER", required_unless_present = "support")]
    path: Option<String>,
    /// Print every directive that is known, where it may stand, and what vordr makes of it.
    #[arg(long, conflicts_with = "path")]
    support: bool,
}

impl Import {
    pub(super) fn run(self) -> ExitCode {
        match self.path {
            Some(path) => print_as_kdl(&path),
            None => say(&support()),
        }
    }
}

/// The KDL goes to stdout; what became of the rest, and what most likely does not do what was meant, to stderr.
fn print_as_kdl(path: &str) -> ExitCode {
    let (path, text) = match read(path) {
        Ok(read) => read,
        Err(error) => {
            complain(&format!("vordr: cannot read {path}: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match import(&path, &text, &System) {
        Ok(imported) => {
            report(&imported);
            say(&imported.kdl)
        }
        Err(diagnostics) => {
            print(&diagnostics);
            complain(&format!("vordr: {} to mend in {path}", counted(diagnostics.errors(), "place")));
            ExitCode::FAILURE
        }
    }
}

/// A file's text. Of a folder it is its nginx.conf, else all of its `.conf` files.
fn read(path: &str) -> std::io::Result<(String, String)> {
    if !Path::new(path).is_dir() {
        return Ok((path.to_owned(), read_text(path, &System)?));
    }
    let whole = Path::new(path).join("nginx.conf").display().to_string();
    match read_text(&whole, &System) {
        Ok(text) => Ok((whole, text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok((format!("{}/all", path.trim_end_matches('/')), "http {\n    include *.conf;\n}\n".to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// A line for each thing that is not in the KDL as it was, and how many there are.
fn report(imported: &Imported) {
    for note in &imported.report {
        let place = &note.place;
        complain(&format!("{}:{}: {}: {}", place.file, place.line, note.fate.name(), note.said));
    }
    let count = |fate| imported.report.iter().filter(|note| note.fate == fate).count();
    complain(&format!(
        "vordr: {} dropped as nothing is lost without them, {} changed, {} impossible, {}",
        count(Fate::Dropped),
        count(Fate::Changed),
        count(Fate::Impossible),
        counted(count(Fate::Trap), "trap"),
    ));
}

/// A line for each directive.
fn support() -> String {
    let line = |(name, contexts, support): (&str, String, Support)| {
        let (what, why) = match support {
            Support::Honoured => ("honoured", ""),
            Support::Needless(why) => ("accepted", why),
            Support::Refused(why) => ("refused", why),
        };
        format!("{name:32} {what:9} {contexts:24} {why}").trim_end().to_owned() + "\n"
    };
    known_directives().map(|known| line((known.name, known.contexts.join(","), known.support))).collect()
}

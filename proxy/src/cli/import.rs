//! `vordr import`: a file of nginx's as KDL, and which of nginx's directives are known.

use super::rules::print;
use super::say::{complain, counted, say};
use std::process::ExitCode;
use vordr::System;
use vordr::rules::{Support, import, known_directives, show};

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// A file in nginx's syntax, whatever its name.
    #[arg(value_name = "FILE", required_unless_present = "support")]
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

/// The KDL goes to stdout; what was left out, and what most likely does not do what was meant, to stderr.
fn print_as_kdl(path: &str) -> ExitCode {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("vordr: cannot read {path}: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match import(path, &text, &System) {
        Ok(loaded) => {
            print(&loaded.warnings);
            print(&loaded.pending);
            say(&show::show(&loaded))
        }
        Err(diagnostics) => {
            print(&diagnostics);
            complain(&format!("vordr: {} to mend in {path}", counted(diagnostics.len(), "place")));
            ExitCode::FAILURE
        }
    }
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

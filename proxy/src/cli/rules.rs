//! `check` and `show`: rules loaded, and not served.

use super::say::{complain, counted, say};
use std::io::IsTerminal;
use std::process::ExitCode;
use vordr::rules::{Diagnostics, Loaded, load, read_text, render, show as effective};
use vordr::{System, check_surroundings};

/// Loads a file; what is wrong with it has been printed where there is no result.
pub(super) fn load_file(path: &str) -> Option<Loaded> {
    let text = match read_text(path, &System) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("vordr: cannot read {path}: {error}"));
            return None;
        }
    };
    match load(path, &text, &System) {
        Ok(loaded) => Some(loaded),
        Err(diagnostics) => {
            print(&diagnostics);
            complain(&format!("vordr: {} to mend in {path}", counted(diagnostics.errors(), "place")));
            None
        }
    }
}

/// Prints diagnostics for a person, in colour on a terminal.
pub(super) fn print(diagnostics: &Diagnostics) {
    if diagnostics.is_empty() {
        return;
    }
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let drawing = if colour { render::Drawing::Colour } else { render::Drawing::Plain };
    complain(&render::human(diagnostics, drawing));
}

/// `vordr check`
pub(super) fn check(path: &str, json: bool) -> ExitCode {
    if json {
        return check_json(path);
    }
    let Some(loaded) = load_file(path) else { return ExitCode::FAILURE };
    let found = all_of(&loaded);
    print(&found);
    if let errors @ 1.. = found.errors() {
        complain(&format!("vordr: {} to mend in {path}", counted(errors, "place")));
        return ExitCode::FAILURE;
    }
    let servers = counted(loaded.table.servers.len(), "server");
    let addresses = counted(loaded.table.listeners.len(), "address");
    say(&format!("{path}: the rules are good ({servers}, {addresses})\n"))
}

fn check_json(path: &str) -> ExitCode {
    let text = match read_text(path, &System) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("vordr: cannot read {path}: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let (diagnostics, code) = match load(path, &text, &System) {
        Ok(loaded) => {
            let found = all_of(&loaded);
            let code = if found.errors() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            (render::json(&found), code)
        }
        Err(diagnostics) => (render::json(&diagnostics), ExitCode::FAILURE),
    };
    let said = say(&format!("{diagnostics:#}\n"));
    if said == ExitCode::SUCCESS { code } else { said }
}

/// What is to be said of rules that load: their own warnings, and how the certificates and folders stand that they name.
fn all_of(loaded: &Loaded) -> Diagnostics {
    let surroundings = check_surroundings(loaded);
    loaded.warnings.others(loaded.warnings.iter().chain(surroundings.iter()).cloned().collect())
}

/// `vordr show`
pub(super) fn show(path: &str) -> ExitCode {
    let Some(loaded) = load_file(path) else { return ExitCode::FAILURE };
    say(&effective::show(&loaded))
}

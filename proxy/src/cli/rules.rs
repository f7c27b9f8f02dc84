//! `check` and `show`: rules loaded, and not served.

use std::io::IsTerminal;
use std::process::ExitCode;
use vordr::System;
use vordr::rules::{Diagnostics, Loaded, load, render, show as effective};

/// Loads a file; what is wrong with it has been printed where there is no result.
pub(super) fn load_file(path: &str) -> Option<Loaded> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("vordr: cannot read {path}: {error}");
            return None;
        }
    };
    match load(path, &text, &System) {
        Ok(loaded) => Some(loaded),
        Err(diagnostics) => {
            print(&diagnostics);
            eprintln!("vordr: {} to mend in {path}", counted(diagnostics.len()));
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
    eprintln!("{}", render::human(diagnostics, drawing));
}

/// `vordr check`
pub(super) fn check(path: &str, json: bool) -> ExitCode {
    if json {
        return check_json(path);
    }
    let Some(loaded) = load_file(path) else { return ExitCode::FAILURE };
    print(&loaded.warnings);
    print(&loaded.pending);
    let (servers, listeners) = (loaded.table.servers.len(), loaded.table.listeners.len());
    match loaded.pending.is_empty() {
        true => println!("{path}: the rules are good ({servers} servers, {listeners} addresses)"),
        false => println!("{path}: the rules load; `vordr run` will refuse what is not served yet"),
    }
    ExitCode::SUCCESS
}

fn check_json(path: &str) -> ExitCode {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("vordr: cannot read {path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (diagnostics, code) = match load(path, &text, &System) {
        Ok(loaded) => {
            let mut all = render::json(&loaded.warnings);
            if let (Some(all), serde_json::Value::Array(pending)) =
                (all.as_array_mut(), render::json(&loaded.pending))
            {
                all.extend(pending);
            }
            (all, ExitCode::SUCCESS)
        }
        Err(diagnostics) => (render::json(&diagnostics), ExitCode::FAILURE),
    };
    println!("{diagnostics:#}");
    code
}

/// `vordr show`
pub(super) fn show(path: &str) -> ExitCode {
    let Some(loaded) = load_file(path) else { return ExitCode::FAILURE };
    print!("{}", effective::show(&loaded));
    ExitCode::SUCCESS
}

fn counted(places: usize) -> String {
    if places == 1 { "one place".to_owned() } else { format!("{places} places") }
}

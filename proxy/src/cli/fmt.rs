//! `vordr fmt`: rules laid out canonically.

use super::replace::replace;
use super::say::{complain, say};
use super::{RulesFile, rules};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use vordr::System;
use vordr::rules::{format, is_nginx, read_text};

/// `vordr fmt [FILE]`
#[derive(Debug, clap::Args)]
pub(super) struct Fmt {
    #[command(flatten)]
    rules: RulesFile,
    /// Change nothing; exit 1 if the layout is not canonical.
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub(super) fn run(&self) -> ExitCode {
        let path = &self.rules.path;
        // A part of it may be KDL too, and would lose each `;`.
        if is_nginx(path) {
            complain(&format!(
                "vordr: {path} is in nginx's syntax, and fmt lays out KDL alone; `vordr import {path}` writes it as KDL"
            ));
            return ExitCode::FAILURE;
        }
        let text = match read(path) {
            Ok(text) => text,
            Err(error) => {
                complain(&format!("vordr: cannot read {path}: {error}"));
                return ExitCode::FAILURE;
            }
        };
        match format(path, &text) {
            Ok(formatted) if self.check && formatted != text => {
                complain(&format!("vordr: {path} is not in canonical layout; `vordr fmt {path}` mends it"));
                ExitCode::FAILURE
            }
            Ok(_) if self.check => ExitCode::SUCCESS,
            Ok(formatted) => write(path, &text, &formatted),
            Err(diagnostics) => {
                rules::print(&diagnostics);
                ExitCode::FAILURE
            }
        }
    }
}

/// `-` is standard input.
fn read(path: &str) -> std::io::Result<String> {
    if path != "-" {
        return read_text(path, &System);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn write(path: &str, before: &str, formatted: &str) -> ExitCode {
    if path == "-" {
        return say(formatted);
    }
    if before == formatted {
        return ExitCode::SUCCESS;
    }
    match replace(Path::new(path), formatted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("vordr: cannot write {path}: {error}"));
            ExitCode::FAILURE
        }
    }
}

//! `vordr health`: is the vordr that these rules belong to well?

use super::addresses::load_addresses;
use super::admin::{Admin, connect};
use super::rules;
use super::say::{complain, say};
use std::io::Error;
use std::process::ExitCode;
use std::time::Duration;
use vordr::System;
use vordr::rules::{Loaded, read_text};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the rules' `admin` address; without one, whether the first listener takes connections.
pub(super) fn run(path: &str) -> ExitCode {
    let Some(loaded) = rules::load_file(path).or_else(|| of_broken(path)) else { return ExitCode::FAILURE };
    let listener = loaded.table.listeners.first().map(|listener| &listener.address);
    let asked = match (Admin::of(&loaded.table.process), listener) {
        (Some(admin), _) => match admin.ask("GET /health", PATIENCE) {
            Ok((200, _)) => Ok(()),
            Ok((status, _)) => Err(Error::other(format!("answered {status}"))),
            Err(error) => Err(error),
        },
        (None, Some(listener)) => connect(listener, PATIENCE).map(drop),
        (None, None) => Err(Error::other("the rules name no address to ask")),
    };
    match asked {
        Ok(()) => say("healthy\n"),
        Err(error) => {
            complain(&format!("vordr: not healthy: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Rules that a reload refused are no reason to stop the vordr that runs by those before them.
fn of_broken(path: &str) -> Option<Loaded> {
    let loaded = load_addresses(path, &read_text(path, &System).ok()?)?;
    complain("vordr: asking whom these rules name all the same; it may run by earlier ones");
    Some(loaded)
}

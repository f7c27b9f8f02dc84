//! Serving, in the foreground or the background.

use super::super::rules;
use super::super::say::complain;
use super::daemon;
use super::given::{Given, tell};
use super::pid::{PidFile, in_words};
use std::process::ExitCode;
use vordr::rules::nginx::Globals;
use vordr::{StartError, Vordr};

/// Serves what was given.
pub(super) fn run(given: &Given, globals: &Globals) -> ExitCode {
    if globals.daemon && !daemon::is_background() {
        return daemon::go();
    }
    if daemon::is_background() {
        daemon::leave_terminal();
    }
    let vordr = match Vordr::from_file(&given.path) {
        Ok(vordr) => vordr,
        Err(error) => return refuse(&error),
    };
    rules::print(vordr.warnings());
    let mut pid = None;
    let served = vordr::run_and_then(vordr, || pid = Some(serves(given, globals)));
    drop(pid);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

/// What is done once it serves.
fn serves(given: &Given, globals: &Globals) -> PidFile {
    let path = given.pid_path(globals);
    let (file, written) = PidFile::write(&path);
    if let Err(error) = written {
        // On a read-only file system it serves all the same.
        complain(&format!("nginx: [alert] open() \"{}\" failed ({})", path.display(), in_words(&error)));
    }
    if daemon::is_background()
        && let Err(error) = daemon::tell_parent()
    {
        complain(&format!("nginx: [alert] /dev/null: {}", in_words(&error)));
    }
    file
}

fn refuse(error: &StartError) -> ExitCode {
    if let StartError::Rules(diagnostics) = error {
        tell(diagnostics);
        complain("nginx: it does not start with these rules");
        return ExitCode::FAILURE;
    }
    complain(&format!("nginx: [emerg] {error}"));
    ExitCode::FAILURE
}

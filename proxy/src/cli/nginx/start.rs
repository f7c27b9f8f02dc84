//! Serving, in the foreground or the background.

use super::daemon;
use super::given::Given;
use super::pid::{PidFile, in_words};
use super::words::{tell, tell_start};
use std::path::Path;
use std::process::ExitCode;
use vordr::{StartError, Vordr};

/// Serves what was given.
pub(super) fn run(given: &Given) -> ExitCode {
    let vordr = match Vordr::under_nginx(&given.path, given.command.clone()) {
        Ok(vordr) => vordr,
        Err(error) => return refuse(given, &error),
    };
    if !daemon::is_background() {
        tell(given, vordr.warnings());
    }
    match (vordr.nginx_globals().daemon, daemon::is_background()) {
        (true, false) => return daemon::go(given),
        (_, true) => daemon::leave_terminal(),
        (false, false) => {}
    }
    let path = given.pid_path(vordr.nginx_globals());
    let mut pid = None;
    let served = vordr::run_as_nginx(vordr, || pid = Some(serves(given, &path)));
    drop(pid);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(given, &error),
    }
}

/// What is done once it serves.
fn serves(given: &Given, path: &Path) -> PidFile {
    let (file, written) = PidFile::write(path);
    if let Err(error) = written {
        // On a read-only file system it serves all the same.
        given.say("alert", &format!("open() \"{}\" failed ({})", path.display(), in_words(&error)));
    }
    if daemon::is_background()
        && let Err(error) = daemon::tell_parent()
    {
        given.say("alert", &format!("open() \"/dev/null\" failed ({})", in_words(&error)));
    }
    file
}

fn refuse(given: &Given, error: &StartError) -> ExitCode {
    tell_start(given, error);
    ExitCode::FAILURE
}

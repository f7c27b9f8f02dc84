//! Into the background, as nginx goes unless told `daemon off`: the same program again, in a session of its own.

use super::given::Given;
use rustix::process::setsid;
use rustix::stdio::{dup2_stderr, dup2_stdout};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// Set for the one in the background, which its parent waits for.
const WAITED_FOR: &str = "VORDR_IN_BACKGROUND";

/// What it says when it serves, before it closes its end.
const SERVES: &[u8] = b"serves";

/// Whether this process is the one in the background.
pub(super) fn is_background() -> bool {
    std::env::var_os(WAITED_FOR).is_some()
}

/// Starts this program again in the background, and waits until it serves or has ended.
pub(super) fn go(given: &Given) -> ExitCode {
    match start(given) {
        Ok(code) => code,
        Err(error) => {
            given.say("emerg", &format!("the background process does not start: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start(given: &Given) -> io::Result<ExitCode> {
    let mut words = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    // Its options name what they named here.
    command
        .args(words)
        .current_dir(&given.started_in)
        .env(WAITED_FOR, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut said = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_end(&mut said)?;
    }
    if said == SERVES {
        return Ok(ExitCode::SUCCESS);
    }
    child.wait()?;
    Ok(ExitCode::FAILURE)
}

/// Leaves the terminal's session. To be called before anything is served.
pub(super) fn leave_terminal() {
    // A process that leads a group already cannot, and is its own session's then as well.
    let _ = setsid();
}

/// Tells whoever waits that this process serves now, and says nothing on the terminal from then on.
pub(super) fn tell_parent() -> io::Result<()> {
    io::stdout().write_all(SERVES)?;
    io::stdout().flush()?;
    // Whoever reads what the command says waits for the end of both.
    let nowhere = File::options().write(true).open("/dev/null")?;
    dup2_stdout(&nowhere)?;
    Ok(dup2_stderr(&nowhere)?)
}

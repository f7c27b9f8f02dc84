//! vordr by the name of nginx, so that scripts, units and containers that call `nginx` go on as they are.

mod arguments;
mod daemon;
mod given;
mod pid;
mod start;
mod test;
mod version;
mod words;

use super::say::complain;
use arguments::Arguments;
use given::Given;
use pid::Asked;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Whether a command is called by nginx's name.
pub(super) fn is_called(command: &OsString) -> bool {
    Path::new(command).file_name().is_some_and(|name| name == "nginx" || name == "nginx-debug")
}

/// Does what nginx's command line says.
pub(super) fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Arguments::read(words).and_then(|arguments| act(&arguments)) {
        Ok(code) => code,
        Err(said) => {
            complain(&format!("nginx: {said}"));
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &Arguments) -> Result<ExitCode, String> {
    if arguments.help || arguments.version || arguments.features {
        version::tell(arguments);
        return Ok(ExitCode::SUCCESS);
    }
    let asked = arguments.signal.as_deref().map(|word| Asked::of(word).ok_or(word)).transpose();
    let asked = asked.map_err(|word| format!("invalid option: \"-s {word}\""))?;
    let given = Given::of(arguments);
    given.go_to_prefix();
    if arguments.test || arguments.dump {
        return Ok(test::run(&given, arguments));
    }
    let Some(asked) = asked else { return Ok(start::run(&given)) };
    match given.globals() {
        Some(globals) => asked.send(&given.pid_path(&globals)).map(|()| ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

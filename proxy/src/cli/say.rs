//! What the command line prints. A reader that has gone away, as `head` does, is nobody's fault.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Prints to standard output; the exit code says whether it could be.
pub(super) fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("vordr: cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints a line to standard error. Where that cannot be, there is nowhere left to say so.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// `1 server`, `2 servers`, `2 addresses`.
pub(super) fn counted(count: usize, thing: &str) -> String {
    match (count, thing.ends_with('s')) {
        (1, _) => format!("1 {thing}"),
        (_, true) => format!("{count} {thing}es"),
        (_, false) => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(counted(1, "address"), "1 address");
        assert_eq!(counted(0, "address"), "0 addresses");
        assert_eq!(counted(2, "server"), "2 servers");
    }
}

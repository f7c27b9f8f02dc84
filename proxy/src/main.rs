//! The `vordr` command: arguments in, exit code out.

mod allocator;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}

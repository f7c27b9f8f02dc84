//! `vordr revoke`: a certificate from ACME is given back, and ordered anew.

use super::say::{complain, say};
use super::{RulesFile, rules};
use std::process::ExitCode;

/// `vordr revoke HOST [FILE]`
#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// One of the hosts that the certificate is for.
    host: String,
    #[command(flatten)]
    rules: RulesFile,
}

impl Revoke {
    /// Revokes, and says so.
    pub(super) fn run(&self) -> ExitCode {
        let Some(loaded) = rules::load_file(&self.rules.path) else { return ExitCode::FAILURE };
        let host = self.host.to_ascii_lowercase();
        match vordr::revoke(&loaded.table, &host) {
            Ok(()) => {
                say(&format!("the certificate for {host} is revoked; a new one is ordered by `vordr run`\n"))
            }
            Err(error) => {
                complain(&format!("vordr: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}

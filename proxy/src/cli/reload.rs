//! `vordr reload`: a running vordr loads its rules again.

use super::admin::Admin;
use super::rules;
use super::say::{complain, say};
use std::process::ExitCode;
use std::time::Duration;

/// How long it may take: names of certificates and files of includes are read meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked is where the running one was before.
const IF_CHANGED: &str = "  if `admin` itself is what has changed, send SIGHUP to the process";

/// Asks the vordr that these rules belong to, once they have been found to be in order.
pub(super) fn run(path: &str) -> ExitCode {
    // The running one would say the same, less well.
    let Some(loaded) = rules::load_file(path) else { return ExitCode::FAILURE };
    let Some(admin) = Admin::of(&loaded.table.process) else {
        complain("vordr: the rules name no `admin` address to ask; send SIGHUP to the process");
        return ExitCode::FAILURE;
    };
    match admin.ask("POST /reload", PATIENCE) {
        Ok((200, body)) => say(&format!("reloaded: {body}")),
        Ok((status, body)) => {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            let reason = body["error"].as_str().unwrap_or("it does not say why");
            complain(&format!("vordr: not reloaded, the old rules stay: {reason}"));
            if matches!(status, 401 | 403) {
                complain(IF_CHANGED);
            }
            for line in body["diagnostics"].as_array().into_iter().flatten() {
                let at = format!("{}:{}:{}", text(&line["file"]), line["line"], line["column"]);
                complain(&format!("  {at}: {}", text(&line["message"])));
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&format!("vordr: no vordr answers at {admin}: {error}\n{IF_CHANGED}"));
            ExitCode::FAILURE
        }
    }
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

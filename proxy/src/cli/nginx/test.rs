//! `nginx -t` and `-T`: rules loaded, and not served.

use super::super::rules;
use super::super::say::{complain, say};
use super::arguments::Arguments;
use super::given::{Given, tell};
use super::pid::in_words;
use std::process::ExitCode;
use vordr::rules::{Diagnostics, Loaded, Severity, Sources, load};
use vordr::{System, check_surroundings};

/// Loads what was given, and says how that went as nginx does.
pub(super) fn run(given: &Given, arguments: &Arguments) -> ExitCode {
    let path = &given.path;
    if given.globals().is_none() {
        return ExitCode::FAILURE;
    }
    let Some(loaded) = loads(path) else {
        complain(&format!("nginx: configuration file {path} test failed"));
        return ExitCode::FAILURE;
    };
    rules::print(&loaded.warnings);
    if !arguments.quiet {
        complain(&format!("nginx: the configuration file {path} syntax is ok"));
        complain(&format!("nginx: configuration file {path} test is successful"));
    }
    if arguments.dump { dump(loaded.warnings.sources()) } else { ExitCode::SUCCESS }
}

fn loads(path: &str) -> Option<Loaded> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        complain(&format!("nginx: [emerg] open() \"{path}\" failed ({})", in_words(&error)));
    });
    let loaded = load(path, &text.ok()?, &System).map_err(|found| tell(&found)).ok()?;
    let surroundings = check_surroundings(&loaded);
    let unfit: Vec<_> =
        surroundings.iter().filter(|found| found.severity == Severity::Error).cloned().collect();
    let wrong: Diagnostics = surroundings.others(unfit);
    for found in [&wrong, &loaded.pending] {
        tell(found);
    }
    (wrong.is_empty() && loaded.pending.is_empty()).then_some(loaded)
}

/// Every file that was read, as nginx prints them.
fn dump(sources: &Sources) -> ExitCode {
    let files =
        sources.iter().map(|source| format!("# configuration file {}:\n{}\n", source.name, source.text));
    say(&files.collect::<String>())
}

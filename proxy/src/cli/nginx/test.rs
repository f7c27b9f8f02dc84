//! `nginx -t` and `-T`: rules loaded, and not served.

use super::super::say::{complain, say};
use super::arguments::Arguments;
use super::given::Given;
use super::words::{tell, tell_unreadable};
use std::fs::OpenOptions;
use std::process::ExitCode;
use vordr::check_surroundings;
use vordr::rules::nginx::COMMAND_LINE;
use vordr::rules::table::{LogTarget, Table};
use vordr::rules::{Diagnostics, Loaded, Severity, Sources, load, read_text};

/// Loads what was given, and says how that went as nginx does.
pub(super) fn run(given: &Given, arguments: &Arguments) -> ExitCode {
    let path = &given.path;
    let loaded = loads(given);
    if let Some(loaded) = &loaded {
        tell(given, &loaded.warnings);
        if !arguments.quiet {
            complain(&format!("nginx: the configuration file {path} syntax is ok"));
        }
    }
    let Some(loaded) = loaded.filter(|loaded| logs_open(given, &loaded.table)) else {
        complain(&format!("nginx: configuration file {path} test failed"));
        return ExitCode::FAILURE;
    };
    if !arguments.quiet {
        complain(&format!("nginx: configuration file {path} test is successful"));
    }
    if arguments.dump { dump(loaded.warnings.sources()) } else { ExitCode::SUCCESS }
}

fn loads(given: &Given) -> Option<Loaded> {
    let path = &given.path;
    let text = read_text(path, &given.command).map_err(|error| tell_unreadable(given, path, &error)).ok()?;
    let loaded = load(path, &text, &given.command).map_err(|found| tell(given, &found)).ok()?;
    let surroundings = check_surroundings(&loaded);
    let unfit: Vec<_> =
        surroundings.iter().filter(|found| found.severity == Severity::Error).cloned().collect();
    let wrong: Diagnostics = surroundings.others(unfit);
    tell(given, &wrong);
    wrong.is_empty().then_some(loaded)
}

/// Whether every log can be written. As with nginx, a test makes the files that are not there yet.
fn logs_open(given: &Given, table: &Table) -> bool {
    let mut paths = table.log_targets.iter().filter_map(|target| match target {
        LogTarget::File(path) | LogTarget::Packed(path, _) => Some(path),
        LogTarget::Stdout | LogTarget::Stderr | LogTarget::Filled(_) | LogTarget::Syslog(_) => None,
    });
    paths.all(|path| {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|error| tell_unreadable(given, path, &error)).is_ok()
    })
}

/// Every file that was read, as nginx prints them.
fn dump(sources: &Sources) -> ExitCode {
    let files = sources.iter().filter(|source| &*source.name != COMMAND_LINE);
    let files = files.map(|source| format!("# configuration file {}:\n{}\n", source.name, source.text));
    say(&files.collect::<String>())
}

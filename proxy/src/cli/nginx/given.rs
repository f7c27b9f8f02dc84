//! Which rules nginx was given, and what they say of the process itself.

use super::super::rules;
use super::super::say::complain;
use super::arguments::Arguments;
use std::path::{Path, PathBuf};
use vordr::System;
use vordr::rules::Diagnostics;
use vordr::rules::nginx::{Globals, globals, is_nginx};

/// The folder that relative paths start from, where `-p` names none.
const PREFIX: &str = "/etc/nginx";
/// Where nginx's image has its rules.
const RULES: &str = "nginx.conf";
/// Where the number of the process is, where no `pid` says.
const PID: &str = "/run/nginx.pid";

/// What nginx was given to serve.
#[derive(Debug)]
pub(super) struct Given {
    /// The file of rules.
    pub(super) path: String,
    prefix: PathBuf,
    directives: Option<String>,
}

impl Given {
    /// `-c`, else `$VORDR_CONFIG`, else vordr's own rules where there are some, else nginx's.
    pub(super) fn of(arguments: &Arguments) -> Self {
        let prefix = PathBuf::from(arguments.prefix.as_deref().unwrap_or(PREFIX));
        let own = || {
            Path::new(super::super::DEFAULT_RULES).exists().then(|| super::super::DEFAULT_RULES.to_owned())
        };
        let path = arguments.rules.clone().or_else(|| std::env::var("VORDR_CONFIG").ok()).or_else(own);
        let path = prefix.join(path.as_deref().unwrap_or(RULES));
        Self { path: path.display().to_string(), prefix, directives: arguments.directives.clone() }
    }

    /// What the rules and `-g` say of the process; what is wrong has been told where there is nothing.
    pub(super) fn globals(&self) -> Option<Globals> {
        let told = |diagnostics: Diagnostics| {
            tell(&diagnostics);
            complain(&format!("nginx: configuration file {} test failed", self.path));
        };
        let directives = self.directives.as_deref().unwrap_or_default();
        let mut all = globals("-g", directives, &System).map_err(told).ok()?;
        // What cannot be read is told by whoever serves it.
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        if is_nginx(&self.path) {
            let here = globals(&self.path, &text, &System).map_err(told).ok()?;
            all = Globals { daemon: all.daemon && here.daemon, pid: all.pid.or(here.pid) };
        }
        Some(all)
    }

    /// Where the number of the process is.
    pub(super) fn pid_path(&self, globals: &Globals) -> PathBuf {
        self.prefix.join(globals.pid.as_deref().unwrap_or(PID))
    }
}

/// Tells what is wrong: in nginx's words on a line each, for programs, then drawn, for people.
pub(super) fn tell(diagnostics: &Diagnostics) {
    for found in diagnostics.iter() {
        let place = diagnostics.sources().place(found.span);
        complain(&format!("nginx: [emerg] {} in {}:{}", found.message, place.file, place.line));
    }
    rules::print(diagnostics);
}

//! Which rules nginx was given, and where it stands.

use super::super::say::complain;
use super::arguments::Arguments;
use super::words;
use std::path::{Path, PathBuf};
use vordr::NginxCommand;
use vordr::rules::nginx::{Globals, globals, is_nginx};
use vordr::rules::read_text;

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
    /// What its command line says of them.
    pub(super) command: NginxCommand,
    /// Where the command was given.
    pub(super) started_in: PathBuf,
    prefix: PathBuf,
}

impl Given {
    /// `-c`, else `$VORDR_CONFIG`, else vordr's own rules where there are some, else nginx's.
    pub(super) fn of(arguments: &Arguments) -> Self {
        let started_in = std::env::current_dir().unwrap_or_default();
        let prefix = started_in.join(arguments.prefix.as_deref().unwrap_or(PREFIX));
        let own = || {
            Path::new(super::super::DEFAULT_RULES).exists().then(|| super::super::DEFAULT_RULES.to_owned())
        };
        let path = arguments.rules.clone().or_else(|| std::env::var("VORDR_CONFIG").ok()).or_else(own);
        let path = prefix.join(path.as_deref().unwrap_or(RULES));
        let error_log = arguments.error_log.as_ref().map(|path| match path.as_str() {
            "stderr" => path.clone(),
            path => prefix.join(path).display().to_string(),
        });
        let command = NginxCommand { directives: arguments.directives.clone(), error_log };
        Self { path: path.display().to_string(), command, started_in, prefix }
    }

    /// Goes to the prefix: what the rules name is relative to it. Where there is none, opening the rules tells.
    pub(super) fn go_to_prefix(&self) {
        let _ = std::env::set_current_dir(&self.prefix);
    }

    /// What the rules and `-g` say of the process; what is wrong has been told where there is nothing.
    pub(super) fn globals(&self) -> Option<Globals> {
        let text = match is_nginx(&self.path) {
            true => match read_text(&self.path, &self.command) {
                Ok(text) => text,
                Err(error) => {
                    words::tell_unreadable(self, &self.path, &error);
                    return None;
                }
            },
            false => String::new(),
        };
        globals(&self.path, &text, &self.command).map_err(|found| words::tell(self, &found)).ok()
    }

    /// Where the number of the process is.
    pub(super) fn pid_path(&self, globals: &Globals) -> PathBuf {
        self.prefix.join(globals.pid.as_deref().unwrap_or(PID))
    }

    /// Says something on stderr, and in the error log of the command line.
    pub(super) fn say(&self, level: &str, said: &str) {
        complain(&format!("nginx: [{level}] {said}"));
        if let Some(path) = self.command.error_log.as_deref().filter(|path| *path != "stderr") {
            words::append(path, level, said);
        }
    }
}

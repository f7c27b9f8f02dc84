//! nginx's command line, and its words for what is wrong with one.

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgAction, Parser};
use std::ffi::OsString;

/// What nginx was told.
#[derive(Debug, Default, Parser)]
#[command(disable_help_flag = true, disable_version_flag = true, args_override_self = true)]
pub(super) struct Arguments {
    /// `-?`: how it is called.
    #[arg(short = 'h', short_alias = '?')]
    pub(super) help: bool,
    /// `-v`: its version.
    #[arg(short = 'v')]
    pub(super) version: bool,
    /// `-V`: what it was built with, too.
    #[arg(short = 'V')]
    pub(super) features: bool,
    /// `-t`: load the rules, and serve nothing.
    #[arg(short = 't')]
    pub(super) test: bool,
    /// `-T`: print them as well.
    #[arg(short = 'T')]
    pub(super) dump: bool,
    /// `-q`: say nothing of rules that are good.
    #[arg(short = 'q')]
    pub(super) quiet: bool,
    /// `-s`: what the one that runs is to do.
    #[arg(short = 's')]
    pub(super) signal: Option<String>,
    /// `-p`: the folder that paths are relative to.
    #[arg(short = 'p')]
    pub(super) prefix: Option<String>,
    /// `-e`: the error log, until the rules name one.
    #[arg(short = 'e')]
    pub(super) error_log: Option<String>,
    /// `-c`: the rules.
    #[arg(short = 'c')]
    pub(super) rules: Option<String>,
    /// `-g`: directives before those of the rules.
    #[arg(short = 'g', action = ArgAction::Set)]
    pub(super) directives: Option<String>,
}

impl Arguments {
    /// Reads them, or says what is wrong in nginx's words.
    pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        Self::try_parse_from(words).map_err(|error| fault(&error))
    }
}

fn fault(error: &clap::Error) -> String {
    let word = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let letter = word.trim_start_matches('-').chars().next();
    match (error.kind(), letter) {
        (ErrorKind::UnknownArgument, Some(letter)) if word.starts_with('-') => {
            format!("invalid option: \"{letter}\"")
        }
        (ErrorKind::InvalidValue, Some(letter)) => format!("option \"-{letter}\" requires {}", needs(letter)),
        _ => format!("invalid option: \"{word}\""),
    }
}

/// What follows an option.
fn needs(letter: char) -> &'static str {
    match letter {
        's' => "signal name",
        'p' => "directory name",
        'g' => "parameter",
        _ => "file name",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(words: &[&str]) -> Result<Arguments, String> {
        Arguments::read(["nginx"].iter().chain(words).map(OsString::from))
    }

    #[test]
    fn options_stand_together_and_their_values_beside_or_after_them() {
        let arguments = read(&["-tq", "-c/a.conf", "-p", "/b", "-g", "daemon off;"]).unwrap();
        assert!(arguments.test && arguments.quiet && !arguments.dump);
        assert_eq!(arguments.rules.as_deref(), Some("/a.conf"));
        assert_eq!(arguments.prefix.as_deref(), Some("/b"));
        assert_eq!(arguments.directives.as_deref(), Some("daemon off;"));
        assert!(read(&["-?"]).unwrap().help && read(&["-h"]).unwrap().help);
        assert_eq!(read(&["-c", "a", "-c", "b"]).unwrap().rules.as_deref(), Some("b"));
    }

    #[test]
    fn a_wrong_command_line_is_told_in_nginxs_words() {
        for (words, said) in [
            (&["-x"][..], "invalid option: \"x\""),
            (&["foo"], "invalid option: \"foo\""),
            (&["-c"], "option \"-c\" requires file name"),
            (&["-s"], "option \"-s\" requires signal name"),
            (&["-p"], "option \"-p\" requires directory name"),
            (&["-g"], "option \"-g\" requires parameter"),
        ] {
            assert_eq!(read(words).unwrap_err(), said);
        }
    }
}

//! The file that says which process runs, and signals to that one.

use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::path::{Path, PathBuf};

/// A file with this process's number; gone when it is dropped.
#[derive(Debug)]
pub(super) struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes it. Where the file system is read-only there is none, which the caller may say.
    pub(super) fn write(path: &Path) -> (Self, io::Result<()>) {
        match std::fs::write(path, format!("{}\n", std::process::id())) {
            Ok(()) => (Self(Some(path.to_owned())), Ok(())),
            Err(error) => (Self(None), Err(error)),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Whoever took it away meant it.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What `-s` asks of the one that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Stop,
    Quit,
    Reopen,
    Reload,
}

impl Asked {
    /// Reads the word after `-s`.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "stop" => Self::Stop,
            "quit" => Self::Quit,
            "reopen" => Self::Reopen,
            "reload" => Self::Reload,
            _ => return None,
        })
    }

    fn signal(self) -> Signal {
        match self {
            Self::Stop => Signal::TERM,
            Self::Quit => Signal::QUIT,
            Self::Reopen => Signal::USR1,
            Self::Reload => Signal::HUP,
        }
    }

    /// Sends it to the process whose number a file holds, or says in nginx's words why not.
    pub(super) fn send(self, path: &Path) -> Result<(), String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("[error] open() \"{shown}\" failed ({})", in_words(&error)))?;
        let number = text.trim();
        let pid = number.parse().ok().filter(|number| *number > 0).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| format!("[error] invalid PID number \"{number}\" in \"{shown}\""))?;
        let sent = kill_process(pid, self.signal());
        sent.map_err(|error| {
            format!("[alert] kill({number}, {}) failed ({})", self.signal().as_raw(), in_words(&error.into()))
        })
    }
}

/// As nginx tells an error: `2: No such file or directory`.
pub(super) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    error.raw_os_error().map_or_else(|| words.to_owned(), |number| format!("{number}: {words}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_wrong_with_a_pid_file_is_told_in_nginxs_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nginx.pid");
        let shown = path.display();
        let told = |path: &Path| Asked::Reload.send(path).unwrap_err();
        assert_eq!(told(&path), format!("[error] open() \"{shown}\" failed (2: No such file or directory)"));
        for word in ["", "x", "-1", "0"] {
            std::fs::write(&path, word).unwrap();
            assert_eq!(told(&path), format!("[error] invalid PID number \"{word}\" in \"{shown}\""));
        }
    }

    #[test]
    fn a_pid_file_goes_with_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nginx.pid");
        let (file, written) = PidFile::write(&path);
        written.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(file);
        assert!(!path.exists());
    }
}

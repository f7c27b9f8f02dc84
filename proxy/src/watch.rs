//! `run --watch`: the files that rules came from, and whether one of them has changed.
//!
//! They are looked at once a second. Notifications of the kernel would come sooner, and not at all through the
//! mounts of a container or a network, where a change of rules is most often made.

use crate::reload::Reloader;
use crate::start_error::StartError;
use crate::surroundings::{NginxCommand, System};
use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use vordr_rules::Surroundings;

/// How often the files are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// For how long nothing changes once whoever writes them is done, and how often that is looked for.
const SETTLED: Duration = Duration::from_millis(300);
const MOST_LOOKS: usize = 20;

/// The system, with a note of whatever is read.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    seen: RefCell<Seen>,
    command: NginxCommand,
}

impl Noted {
    /// The system under nginx's command line.
    pub(crate) fn under(command: &NginxCommand) -> Self {
        Self { seen: RefCell::default(), command: command.clone() }
    }

    pub(crate) fn seen(self) -> Seen {
        self.seen.into_inner()
    }
}

impl Surroundings for Noted {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.seen.borrow_mut().file(path);
        System.read(path)
    }

    fn list(&self, pattern: &str) -> io::Result<Vec<String>> {
        let found = System.list(pattern);
        self.seen.borrow_mut().patterns.push((pattern.to_owned(), found.as_ref().ok().cloned()));
        found
    }

    fn variable(&self, name: &str) -> Option<String> {
        System.variable(name)
    }

    fn addresses(&self, host: &str) -> Vec<IpAddr> {
        System.addresses(host)
    }

    fn nginx_directives(&self) -> Option<&str> {
        self.command.nginx_directives()
    }

    fn nginx_error_log(&self) -> Option<&str> {
        self.command.nginx_error_log()
    }
}

/// Files as they were when they were read, and what patterns found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    files: Vec<(String, Option<State>)>,
    patterns: Vec<(String, Option<Vec<String>>)>,
}

/// What changes when a file does: device, inode, length, and when it was written, in nanoseconds.
type State = (u64, u64, u64, i64, i64);

impl Seen {
    /// Notes a file as it is now.
    pub(crate) fn file(&mut self, path: &str) {
        self.files.push((path.to_owned(), state(path)));
    }

    /// Waits until whoever writes seems to have come to an end: half a file may read like a whole one. One that is
    /// written to again and again is not waited for.
    fn settle(&self) {
        let mut before = self.again();
        for _ in 0..MOST_LOOKS {
            thread::sleep(SETTLED);
            let now = self.again();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// The same files and patterns, as they are now.
    fn again(&self) -> Self {
        let files = self.files.iter().map(|(path, _)| (path.clone(), state(path)));
        let patterns = self.patterns.iter().map(|(pattern, _)| (pattern.clone(), System.list(pattern).ok()));
        Self { files: files.collect(), patterns: patterns.collect() }
    }

    /// Whether a file or what a pattern finds is not what it was.
    pub(crate) fn has_changed(&self) -> bool {
        self.files.iter().any(|(path, before)| state(path) != *before)
            || self.patterns.iter().any(|(pattern, before)| System.list(pattern).ok() != *before)
    }
}

/// Follows links, as a volume's files are often links to what is exchanged behind them.
fn state(path: &str) -> Option<State> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}

/// Loads the rules again whenever a file that they came from changes, from a thread of its own.
pub(crate) fn watch(
    reloader: Arc<Reloader>,
    stopping: CancellationToken,
    mut seen: Seen,
) -> Result<(), StartError> {
    let look = move || {
        while !stopping.is_cancelled() {
            thread::sleep(LOOK_AGAIN);
            if seen.has_changed() {
                seen.settle();
                // Whatever comes of it is in the log.
                (seen, _) = reloader.reload_watched();
            }
        }
    };
    thread::Builder::new().name("vordr-watch".to_owned()).spawn(look).map_err(StartError::Worker)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whoever_writes_a_file_bit_by_bit_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.kdl");
        std::fs::write(&path, "").unwrap();
        let mut seen = Seen::default();
        seen.file(&path.display().to_string());
        let written = path.clone();
        let writing = thread::spawn(move || {
            for length in 1..=4 {
                std::fs::write(&written, "server".repeat(length)).unwrap();
                thread::sleep(SETTLED / 3);
            }
        });
        seen.settle();
        assert_eq!(std::fs::read_to_string(&path).unwrap().len(), 24);
        writing.join().unwrap();
    }

    #[test]
    fn a_change_is_seen_whether_a_file_is_written_replaced_added_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("a.kdl"), "a").unwrap();
        let look = || {
            let noted = Noted::default();
            let _ = noted.read(&path("a.kdl"));
            let _ = noted.list(&path("*.kdl"));
            noted.seen()
        };
        let seen = look();
        assert!(!seen.has_changed());
        std::fs::write(path("a.kdl"), "longer").unwrap();
        assert!(seen.has_changed());
        let seen = look();
        std::fs::write(path("new"), "longer").unwrap();
        assert!(!seen.has_changed());
        std::fs::rename(path("new"), path("a.kdl")).unwrap();
        assert!(seen.has_changed());
        let seen = look();
        std::fs::write(path("b.kdl"), "b").unwrap();
        assert!(seen.has_changed());
        let seen = look();
        std::fs::remove_file(path("a.kdl")).unwrap();
        assert!(seen.has_changed());
        assert!(!look().has_changed());
    }
}

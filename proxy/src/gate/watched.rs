//! A file that is read again when it has changed.

use crate::observe::Observer;
use crate::tls::Stamp;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is asked how it stands, at most: when somebody wants its content.
const EVERY: Duration = Duration::from_secs(1);

/// What a file holds.
#[derive(Debug)]
pub(super) struct Watched<T> {
    path: String,
    read: fn(&str) -> Result<T, String>,
    content: ArcSwap<T>,
    stamp: Mutex<Stamp>,
    began: Instant,
    /// When it is to be looked at again, in milliseconds since `began`.
    next: AtomicU64,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads it for the first time; the reason, in a line that names the file, where that fails.
    pub(super) fn open(path: &str, read: fn(&str) -> Result<T, String>) -> Result<Arc<Self>, String> {
        let stamp = Stamp::of(path).into();
        let content = ArcSwap::from_pointee(read_text(path, read)?);
        let (path, began, next) = (path.to_owned(), Instant::now(), AtomicU64::new(0));
        Ok(Arc::new(Self { path, read, content, stamp, began, next }))
    }

    /// What it holds now. A file that cannot be read any more is said to be so, and what it held stays.
    pub(super) async fn now(self: &Arc<Self>, observer: &Observer) -> Arc<T> {
        if self.is_due() {
            let file = self.clone();
            // A file system that hangs holds up nobody but who has to know.
            match tokio::task::spawn_blocking(move || file.look()).await {
                Ok(Ok(true)) => observer.log().info("file read again", &[("file", &self.path)]),
                Ok(Err(reason)) => {
                    observer
                        .log()
                        .error("the new file is not taken; the one before stays", &[("reason", &reason)]);
                }
                Ok(Ok(false)) | Err(_) => {}
            }
        }
        self.content.load_full()
    }

    /// One of all who ask within a second is told so.
    fn is_due(&self) -> bool {
        let now = self.began.elapsed().as_millis() as u64;
        let next = self.next.load(Relaxed);
        let later = now + EVERY.as_millis() as u64;
        now >= next && self.next.compare_exchange(next, later, Relaxed, Relaxed).is_ok()
    }

    /// Whether it has changed and was read.
    fn look(&self) -> Result<bool, String> {
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Stamp::of(&self.path);
        if *stamp == now {
            return Ok(false);
        }
        *stamp = now;
        self.content.store(Arc::new(read_text(&self.path, self.read)?));
        Ok(true)
    }
}

fn read_text<T>(path: &str, read: fn(&str) -> Result<T, String>) -> Result<T, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    read(&text).map_err(|reason| format!("{path}: {reason}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn number(text: &str) -> Result<u32, String> {
        text.trim().parse().map_err(|_| "no number".to_owned())
    }

    #[test]
    fn a_file_is_read_again_when_it_has_changed_and_a_bad_one_is_not_taken() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        std::fs::write(path, "1").unwrap();
        let watched = Watched::open(path, number).unwrap();
        assert_eq!(watched.look(), Ok(false));
        std::fs::write(path, "22").unwrap();
        assert_eq!(watched.look(), Ok(true));
        assert_eq!(**watched.content.load(), 22);
        std::fs::write(path, "bad").unwrap();
        assert_eq!(watched.look(), Err(format!("{path}: no number")));
        assert_eq!(watched.look(), Ok(false), "it is said once");
        assert_eq!(**watched.content.load(), 22);
    }

    #[test]
    fn it_is_looked_at_by_one_of_many_and_not_again_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "1").unwrap();
        let watched = Watched::open(file.path().to_str().unwrap(), number).unwrap();
        assert!(watched.is_due());
        assert!(!watched.is_due());
    }
}

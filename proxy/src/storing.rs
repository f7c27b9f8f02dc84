//! Answers that are kept as files while they pass: written elsewhere first, and put in their place once they are whole.

use crate::temporary::Temporary;
use bytes::Bytes;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Seek};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use vordr_rules::table::Store;

/// How much of an answer may wait for the disk before the upstream does.
const AT_EASE: usize = 512 * 1024;
/// How much may wait at all: a disk that is slower than that keeps nothing.
const MOST: usize = 4 << 20;
/// How long the upstream waits where [`AT_EASE`] is reached; with more it waits longer.
const PAUSE: Duration = Duration::from_millis(20);
/// How much is written at once.
const STEP: usize = 256 * 1024;

/// What is to become of an answer.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where its file is to be.
    pub path: PathBuf,
    /// What the rules say of it.
    pub store: Arc<Store>,
    /// When it was changed, as far as the upstream says.
    pub modified: Option<SystemTime>,
    /// How long it is, where its head says so.
    pub length: Option<u64>,
}

/// An answer on its way into a file. What is dropped before its end leaves none.
#[derive(Debug)]
pub(crate) struct Storing {
    /// `None` where it was given up.
    parts: Option<UnboundedSender<Part>>,
    waiting: Arc<AtomicUsize>,
    length: Option<u64>,
    passed: u64,
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    End,
}

impl Storing {
    /// Begins; `failed` is told why there is no file.
    pub(crate) fn begin(plan: Plan, failed: impl FnOnce(&Path, &str) + Send + 'static) -> Self {
        let (sender, parts) = unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let storing = Self { parts: Some(sender), waiting: waiting.clone(), length: plan.length, passed: 0 };
        tokio::spawn(async move {
            let path = plan.path.clone();
            if let Err(error) = write_down(plan, parts, &waiting).await {
                failed(&path, &error.to_string());
            }
        });
        storing
    }

    /// A part passes; for how long the next one is to wait.
    pub(crate) fn pass(&mut self, part: &Bytes) -> Option<Duration> {
        let parts = self.parts.as_ref()?;
        self.passed += part.len() as u64;
        let waiting = self.waiting.fetch_add(part.len(), Relaxed) + part.len();
        if waiting > MOST || parts.send(Part::Bytes(part.clone())).is_err() {
            // More than is ever written meanwhile, so that the writer learns of it.
            self.waiting.store(usize::MAX, Relaxed);
            self.parts = None;
            return None;
        }
        let times = u32::try_from(waiting / AT_EASE).unwrap_or(u32::MAX);
        (times > 0).then(|| PAUSE * times)
    }

    /// The answer has come to its end.
    pub(crate) fn end(self) {
        let is_whole = self.length.is_none_or(|length| length == self.passed);
        if let Some(parts) = self.parts.filter(|_| is_whole) {
            // Who does not wait for it has told why.
            let _ = parts.send(Part::End);
        }
    }
}

/// Writes what comes into a file, and puts that in its place behind the last part.
async fn write_down(plan: Plan, mut parts: UnboundedReceiver<Part>, waiting: &AtomicUsize) -> io::Result<()> {
    let store = plan.store.clone();
    let (file, made) = apart(move || Temporary::make(&store.folder)).await?;
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(STEP);
    while let Some(part) = parts.recv().await {
        match part {
            Part::Bytes(bytes) => {
                if waiting.load(Relaxed) > MOST {
                    break;
                }
                file.write_all(&bytes).await?;
                waiting.fetch_sub(bytes.len(), Relaxed);
            }
            Part::End => {
                file.flush().await?;
                let file = file.into_std().await;
                return apart(move || settle(file, made, &plan)).await;
            }
        }
    }
    match waiting.load(Relaxed) > MOST {
        true => Err(io::Error::other("the disk is too slow for it")),
        false => Ok(()),
    }
}

/// Does what waits for the disk where nobody waits for it.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Puts a whole file in its place.
fn settle(file: File, made: Temporary, plan: &Plan) -> io::Result<()> {
    let mode = plan.store.mode;
    finish(&file, plan)?;
    let folder = plan.path.parent().unwrap_or(Path::new("/"));
    // Who may read a file may enter its folder.
    make_folders(folder, mode | (mode & 0o444) >> 2)?;
    match made.move_to(&plan.path) {
        // Its name is gone, or is about to be.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy(file, folder, plan),
        moved => moved,
    }
}

/// Its mode and its time.
fn finish(file: &File, plan: &Plan) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(plan.store.mode))?;
    plan.modified.map_or(Ok(()), |modified| file.set_modified(modified))
}

/// From another file system it is copied beside its place first, so that nobody reads a half of it.
fn copy(mut from: File, folder: &Path, plan: &Plan) -> io::Result<()> {
    let mut beside = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    from.rewind()?;
    io::copy(&mut from, beside.as_file_mut())?;
    finish(beside.as_file(), plan)?;
    beside.persist(&plan.path)?;
    Ok(())
}

/// Makes the folders that are not there yet.
fn make_folders(folder: &Path, mode: u32) -> io::Result<()> {
    let mut missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    while let Some(folder) = missing.pop() {
        match DirBuilder::new().mode(mode).create(folder) {
            // Whatever the process's mask takes away.
            Ok(()) => fs::set_permissions(folder, Permissions::from_mode(mode))?,
            // Another answer made it meanwhile; or nothing is there, and it is no path.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) if folder.as_os_str().is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;
    use std::time::UNIX_EPOCH;
    use tokio::sync::oneshot;
    use vordr_rules::placeholder::Template;
    use vordr_rules::table::TemporaryFolder;

    fn plan(at: &Path, path: &str, mode: u32, length: Option<u64>) -> Plan {
        let folder = TemporaryFolder { path: Some(at.join("new").display().to_string()), levels: vec![] };
        let store = Store { path: Template { parts: vec![] }, mode, folder };
        let modified = Some(UNIX_EPOCH + Duration::from_secs(1_600_000_000));
        Plan { path: at.join(path), store: Arc::new(store), modified, length }
    }

    /// What became of an answer in two parts: why there is no file, or nothing.
    async fn stored(plan: Plan, ends: bool) -> Option<String> {
        let (told, why) = oneshot::channel();
        let mut storing = Storing::begin(plan, move |_, why| drop(told.send(why.to_owned())));
        assert_eq!(storing.pass(&Bytes::from_static(b"one")), None);
        storing.pass(&Bytes::from_static(b"two"));
        if ends {
            storing.end();
        } else {
            drop(storing);
        }
        // Dropped with the task, where there is nothing to tell.
        why.await.ok()
    }

    #[tokio::test]
    async fn a_whole_answer_is_in_its_place_with_its_time_and_its_mode() {
        let at = tempfile::tempdir().unwrap();
        assert_eq!(stored(plan(at.path(), "a/b/c.txt", 0o664, Some(6)), true).await, None);
        let path = at.path().join("a/b/c.txt");
        assert_eq!(fs::read_to_string(&path).unwrap(), "onetwo");
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.mode() & 0o777, found.mtime()), (0o664, 1_600_000_000));
        assert_eq!(fs::metadata(at.path().join("a")).unwrap().mode() & 0o777, 0o775);
        assert_eq!(fs::read_dir(at.path().join("new")).unwrap().count(), 0);
    }

    #[test]
    fn what_goes_to_another_file_system_is_copied_though_its_name_is_gone() {
        let at = tempfile::tempdir().unwrap();
        let plan = plan(at.path(), "c.txt", 0o640, None);
        let (mut file, made) = Temporary::make(&plan.store.folder).unwrap();
        file.write_all(b"onetwo").unwrap();
        drop(made);
        copy(file, at.path(), &plan).unwrap();
        assert_eq!(fs::read_to_string(&plan.path).unwrap(), "onetwo");
        let found = fs::metadata(&plan.path).unwrap();
        assert_eq!((found.mode() & 0o777, found.mtime()), (0o640, 1_600_000_000));
    }

    #[tokio::test]
    async fn what_is_not_whole_leaves_nothing_and_what_was_there_stays() {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join("c.txt"), "before").unwrap();
        for (length, ends) in [(None, false), (Some(7), true)] {
            assert_eq!(stored(plan(at.path(), "c.txt", 0o600, length), ends).await, None);
            assert_eq!(fs::read_to_string(at.path().join("c.txt")).unwrap(), "before");
            while fs::read_dir(at.path().join("new")).is_ok_and(|left| left.count() > 0) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    #[tokio::test]
    async fn what_has_no_place_is_told_of() {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join("file"), "").unwrap();
        fs::create_dir(at.path().join("folder")).unwrap();
        for path in ["file/below", "folder"] {
            let why = stored(plan(at.path(), path, 0o600, None), true).await;
            assert!(why.is_some(), "{path}");
        }
    }

    #[tokio::test]
    async fn a_disk_that_cannot_keep_up_is_waited_for_and_then_given_up() {
        let at = tempfile::tempdir().unwrap();
        let (told, why) = oneshot::channel();
        let plan = plan(at.path(), "large", 0o600, None);
        let mut storing = Storing::begin(plan, move |_, why| drop(told.send(why.to_owned())));
        // Nothing is written while this does not wait.
        let part = Bytes::from(vec![0; AT_EASE]);
        assert_eq!(storing.pass(&part), Some(PAUSE));
        assert_eq!(storing.pass(&part), Some(PAUSE * 2));
        while storing.parts.is_some() {
            storing.pass(&part);
        }
        assert!(storing.passed <= (MOST + AT_EASE) as u64);
        assert_eq!(storing.pass(&part), None);
        assert_eq!(why.await.unwrap(), "the disk is too slow for it");
    }
}

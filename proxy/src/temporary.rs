//! Files that are called by a number, in a folder of the rules' choice: made where nothing is yet, and removed when nobody
//! wants them any more.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use tokio::runtime::Handle;
use vordr_rules::table::TemporaryFolder;

/// The number of the file that was made last.
static LAST: AtomicU32 = AtomicU32::new(0);
/// How many numbers are tried that are somebody's already.
const MOST_TRIES: usize = 100;
/// How far apart they are at most: who made those before made them in a row.
const STRIDE: u32 = 1_000_000;

/// A file by its name; removed when this is dropped, unless it is kept.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    /// It is not to be removed, or is no longer there.
    is_left: bool,
}

impl Temporary {
    /// Makes a file that only this process's user may read; waits for the disk.
    pub(crate) fn make(folder: &TemporaryFolder) -> io::Result<(File, Self)> {
        let root = folder.path.as_ref().map_or_else(std::env::temp_dir, PathBuf::from);
        let mut number = LAST.fetch_add(1, Relaxed).wrapping_add(1);
        for _ in 0..MOST_TRIES {
            let path = path_of(&root, &folder.levels, number);
            // The system's own folder is there, or is not to be.
            match open(&path, folder.path.is_some()) {
                Ok(file) => return Ok((file, Self { path, is_left: false })),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let stride = fastrand::u32(1..STRIDE);
                    number = LAST.fetch_add(stride, Relaxed).wrapping_add(stride);
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The same without a place in its folder: it is gone with whoever has it open. Waits for the disk.
    pub(crate) fn make_unlinked(folder: &TemporaryFolder) -> io::Result<(File, Self)> {
        let (file, mut made) = Self::make(folder)?;
        std::fs::remove_file(&made.path)?;
        made.is_left = true;
        Ok((file, made))
    }

    /// Where it is, or was.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in the place of any other, on the same file system.
    pub(crate) fn move_to(mut self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, path)?;
        self.is_left = true;
        Ok(())
    }

    /// It stays where it is.
    pub(crate) fn keep(&mut self) {
        self.is_left = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.is_left {
            return;
        }
        let removal = Removal(std::mem::take(&mut self.path));
        // Where a runtime ends, what it was given and has not begun is dropped, which removes the file as well.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(removal))),
            Err(_) => drop(removal),
        }
    }
}

/// Removes a file when it is dropped.
struct Removal(PathBuf);

impl Drop for Removal {
    fn drop(&mut self) {
        // Who removed it before wanted the same.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// `/root/7/45/0000123457`: the last digits name the folders, the very last one first.
fn path_of(root: &Path, levels: &[usize], number: u32) -> PathBuf {
    let name = format!("{number:010}");
    let mut path = root.to_owned();
    let mut end = name.len();
    for level in levels {
        let start = end.saturating_sub(*level);
        path.push(name.get(start..end).unwrap_or_default());
        end = start;
    }
    path.push(name);
    path
}

/// Never follows a link, and never takes a file that is there.
fn open(path: &Path, may_make_folders: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_make_folders => {
            let folder = path.parent().unwrap_or(path);
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            options.open(path)
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder(at: &Path, levels: &[usize]) -> TemporaryFolder {
        TemporaryFolder { path: Some(at.join("new").display().to_string()), levels: levels.to_vec() }
    }

    #[test]
    fn a_files_last_digits_name_the_folders_that_it_is_in() {
        let path = |levels: &[usize]| path_of(Path::new("/t"), levels, 123_457).display().to_string();
        assert_eq!(path(&[]), "/t/0000123457");
        assert_eq!(path(&[1, 2]), "/t/7/45/0000123457");
        assert_eq!(path(&[5, 5]), "/t/23457/00001/0000123457");
    }

    #[test]
    fn a_file_is_its_makers_alone_and_gone_when_it_is_not_kept() {
        let at = tempfile::tempdir().unwrap();
        let (file, made) = Temporary::make(&folder(at.path(), &[1, 2])).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let path = made.path().to_owned();
        assert!(path.exists());
        drop(made);
        assert!(!path.exists());
        let (_, mut kept) = Temporary::make(&folder(at.path(), &[])).unwrap();
        kept.keep();
        let path = kept.path().to_owned();
        drop(kept);
        assert!(path.exists());
    }

    #[test]
    fn a_number_that_is_taken_is_passed_over() {
        let at = tempfile::tempdir().unwrap();
        let folder = folder(at.path(), &[]);
        let (_, first) = Temporary::make(&folder).unwrap();
        let next = LAST.load(Relaxed);
        for number in next..next + 50 {
            let path = path_of(first.path().parent().unwrap(), &[], number);
            std::fs::write(path, "theirs").unwrap();
        }
        let (_, mine) = Temporary::make(&folder).unwrap();
        assert_eq!(std::fs::read(mine.path()).unwrap(), b"");
    }

    #[test]
    fn one_without_a_place_is_nobodys_to_find() {
        let at = tempfile::tempdir().unwrap();
        let (_file, made) = Temporary::make_unlinked(&folder(at.path(), &[])).unwrap();
        assert!(!made.path().exists());
    }

    #[tokio::test]
    async fn a_file_is_removed_off_the_threads_that_serve() {
        let at = tempfile::tempdir().unwrap();
        let (_, made) = Temporary::make(&folder(at.path(), &[])).unwrap();
        let path = made.path().to_owned();
        drop(made);
        while path.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

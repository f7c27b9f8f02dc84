//! What is kept of one issuer from one start to the next: files that are whole or not there, for nobody else to read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The account's file.
pub(super) const ACCOUNT: &str = "account.json";

/// The folder of one issuer.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: PathBuf,
}

/// Tells one content of a file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    modified: Option<SystemTime>,
}

/// Held by the one vordr that orders; given back when dropped, and by the system when its process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Store {
    /// Makes the issuer's folder below `state`, where it is missing, and sees that it can be written.
    pub(super) fn open(state: &str, directory: &str) -> io::Result<Self> {
        let folder = Path::new(state).join("acme").join(in_file_name(directory));
        DirBuilder::new().recursive(true).mode(0o700).create(folder.join("certificates"))?;
        for folder in [folder.as_path(), &folder.join("certificates"), &Path::new(state).join("acme")] {
            fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        }
        let store = Self { folder };
        // Without a name, as another vordr may start on the same folder at the same time.
        tempfile::tempfile_in(&store.folder)?;
        Ok(store)
    }

    /// The file of a certificate and its key: one, so that the two cannot fall apart.
    pub(super) fn certificate_file(name: &str) -> String {
        format!("certificates/{}.pem", in_file_name(name))
    }

    /// Where a file lies.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// A file's bytes; `None` where there is none.
    pub(super) fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(file)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Which content a file has now; `None` where there is none.
    pub(super) fn stamp(&self, file: &str) -> Option<Stamp> {
        let found = fs::metadata(self.path(file)).ok()?;
        Some(Stamp { inode: found.ino(), modified: found.modified().ok() })
    }

    /// Puts a file in the place of any before. Whoever reads it, and whatever breaks, finds the old one or the new.
    pub(super) fn write(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(file);
        let folder = path.parent().unwrap_or(&self.folder);
        // Made with mode 0600.
        let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        new.write_all(bytes)?;
        new.as_file().sync_all()?;
        new.persist(&path)?;
        // The name too is to outlive a loss of power.
        File::open(folder)?.sync_all()
    }

    /// Removes a file.
    pub(super) fn remove(&self, file: &str) -> io::Result<()> {
        fs::remove_file(self.path(file))
    }

    /// Gives a file that cannot be used another name, for whoever wants to look into it; returns that name.
    pub(super) fn set_aside(&self, file: &str) -> io::Result<PathBuf> {
        let aside = self.path(&format!("{file}.damaged"));
        fs::rename(self.path(file), &aside)?;
        Ok(aside)
    }

    /// Takes the lock of a file, unless another vordr has it.
    pub(super) fn lock(&self, file: &str) -> io::Result<Option<Lock>> {
        let path = self.path(&format!("{file}.lock"));
        let failed = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot lock {}: {error}", path.display()))
        };
        let mut options = OpenOptions::new();
        let file =
            options.create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// A URL or a host as the name of a file: `https://acme.example:14000/dir` is `acme.example_14000_dir`.
fn in_file_name(text: &str) -> String {
    let text = text.trim_start_matches("https://");
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' }).collect();
    // Neither hidden nor a way out.
    if name.starts_with('.') { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap(), "https://acme.example:14000/dir").unwrap();
        (folder, store)
    }

    fn mode(path: impl AsRef<Path>) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_and_folders_are_for_nobody_else_to_read() {
        let (folder, store) = store();
        let file = Store::certificate_file("a.test");
        store.write(&file, b"key").unwrap();
        let _lock = store.lock(&file).unwrap().unwrap();
        let acme = folder.path().join("acme");
        let issuer = acme.join("acme.example_14000_dir");
        for path in [&acme, &issuer, &issuer.join("certificates")] {
            assert_eq!(mode(path), 0o700, "{}", path.display());
        }
        for name in ["a.test.pem", "a.test.pem.lock"] {
            assert_eq!(mode(issuer.join("certificates").join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn folders_that_were_open_to_others_are_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let acme = folder.path().join("acme");
        DirBuilder::new().mode(0o755).create(&acme).unwrap();
        Store::open(folder.path().to_str().unwrap(), "https://a.test/dir").unwrap();
        assert_eq!(mode(&acme), 0o700);
    }

    #[test]
    fn several_that_open_one_folder_at_once_do_not_get_in_each_others_way() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::open(folder.path().to_str().unwrap(), "https://a.test/dir");
        std::thread::scope(|scope| {
            let all: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..50).try_for_each(|_| open().map(drop)))).collect();
            for one in all {
                one.join().unwrap().unwrap();
            }
        });
        assert_eq!(
            fs::read_dir(open().unwrap().folder).unwrap().count(),
            1,
            "nothing but the certificates' folder"
        );
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_behind() {
        let (_folder, store) = store();
        store.write(ACCOUNT, b"one").unwrap();
        let first = store.stamp(ACCOUNT);
        // What is already open stays what it was.
        let open = File::open(store.path(ACCOUNT)).unwrap();
        store.write(ACCOUNT, b"two").unwrap();
        assert_eq!(io::read_to_string(open).unwrap(), "one");
        assert_eq!(store.read(ACCOUNT).unwrap().unwrap(), b"two");
        assert_ne!(store.stamp(ACCOUNT), first);
        let names: Vec<_> =
            fs::read_dir(&store.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn one_of_two_has_the_lock_until_it_is_done() {
        let (folder, store) = store();
        let other = Store::open(folder.path().to_str().unwrap(), "https://acme.example:14000/dir").unwrap();
        let held = store.lock("a").unwrap();
        assert!(held.is_some());
        assert!(other.lock("a").unwrap().is_none());
        assert!(other.lock("b").unwrap().is_some());
        drop(held);
        assert!(other.lock("a").unwrap().is_some());
    }

    #[test]
    fn what_is_no_name_of_a_file_becomes_one() {
        assert_eq!(in_file_name("https://acme.example:14000/dir"), "acme.example_14000_dir");
        assert_eq!(in_file_name("../../etc"), "_.._.._etc");
        assert_eq!(in_file_name("bücher.example"), "b_cher.example");
    }
}

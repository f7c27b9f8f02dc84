//! Files opened below a folder, and nowhere else, whatever a path says and whoever moves folders about meanwhile.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use vordr_rules::table::Symlinks;

/// How often the kernel is asked again, where a folder was moved while it looked.
const TRIES: usize = 16;

/// What is opened: to be read; and without waiting, which a FIFO without a writer would have us do.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// A folder that paths are looked for in.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    way: Way,
}

/// How a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Wherever links lead. What is asked for has no dot segments, so it does not climb by itself.
    Anywhere,
    /// By the kernel (Linux 5.6), which sees to it that no step leads out.
    Kernel(ResolveFlags),
    /// By ourselves, name by name, and over no link: where the kernel cannot, or a filter of system calls forbids it.
    Steps,
}

impl Root {
    /// Opens a folder, behind whatever links lead to it.
    pub(super) fn open(path: &str, symlinks: Symlinks) -> io::Result<Self> {
        let folder = openat(CWD, path, READ | OFlags::DIRECTORY, Mode::empty())?;
        let links = match symlinks {
            Symlinks::Anywhere => return Ok(Self { folder, way: Way::Anywhere }),
            Symlinks::Below => ResolveFlags::NO_MAGICLINKS,
            Symlinks::Off => ResolveFlags::NO_SYMLINKS,
        };
        let root = Self { folder, way: Way::Kernel(ResolveFlags::BENEATH | links) };
        match root.file(b".") {
            Err(Errno::NOSYS | Errno::PERM) if symlinks == Symlinks::Below => {
                Err(io::Error::other("`symlinks=on` needs Linux 5.6, and its `openat2` allowed"))
            }
            Err(Errno::NOSYS | Errno::PERM) => Ok(Self { way: Way::Steps, ..root }),
            Ok(_) => Ok(root),
            Err(error) => Err(error.into()),
        }
    }

    /// What tells it from another folder that may take its place.
    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(fstat(&self.folder)?)
    }

    /// Opens what is at a path, which is relative and without dot segments: a file, a folder, or anything else.
    pub(super) fn file(&self, path: &[u8]) -> Result<File, Errno> {
        match self.way {
            Way::Anywhere => openat(&self.folder, path, READ, Mode::empty()),
            Way::Kernel(resolve) => self.by_kernel(path, resolve),
            Way::Steps => self.by_steps(path),
        }
        .map(File::from)
    }

    fn by_kernel(&self, path: &[u8], resolve: ResolveFlags) -> Result<OwnedFd, Errno> {
        let mut tries = 0;
        loop {
            match openat2(&self.folder, path, READ, Mode::empty(), resolve) {
                Err(Errno::AGAIN) if tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    fn by_steps(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let mut names = path.split(|byte| *byte == b'/').peekable();
        let mut within: Option<OwnedFd> = None;
        while let Some(name) = names.next() {
            let last = names.peek().is_none();
            let how = if last { READ } else { OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY };
            let at = within.as_ref().unwrap_or(&self.folder);
            let opened = match name {
                b"" | b".." => return Err(Errno::NOENT),
                name => openat(at, name, how | OFlags::NOFOLLOW, Mode::empty())?,
            };
            if last {
                return Ok(opened);
            }
            within = Some(opened);
        }
        Err(Errno::NOENT)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::symlink;

    /// A folder with a file, a folder, and links inwards and outwards; each as the kernel follows paths, and as we do.
    fn roots(symlinks: Symlinks) -> (tempfile::TempDir, Vec<Root>) {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("www/docs")).unwrap();
        std::fs::write(at("secret"), "secret").unwrap();
        std::fs::write(at("www/page"), "page").unwrap();
        std::fs::write(at("www/docs/inner"), "inner").unwrap();
        symlink("page", at("www/link")).unwrap();
        symlink("docs", at("www/linked")).unwrap();
        symlink("../secret", at("www/out")).unwrap();
        symlink(at("secret"), at("www/absolute")).unwrap();
        symlink("..", at("www/up")).unwrap();
        let path = at("www");
        let root = || Root::open(path.to_str().unwrap(), symlinks).unwrap();
        let roots = vec![root(), Root { way: Way::Steps, ..root() }];
        (folder, roots)
    }

    fn content(root: &Root, path: &str) -> Result<String, Errno> {
        let file = root.file(path.as_bytes())?;
        io::read_to_string(file).map_err(|error| Errno::from_io_error(&error).unwrap())
    }

    #[test]
    fn what_is_below_is_opened_and_nothing_else() {
        let (_folder, roots) = roots(Symlinks::Off);
        for root in &roots {
            assert_eq!(content(root, "page").as_deref(), Ok("page"));
            assert_eq!(content(root, "docs/inner").as_deref(), Ok("inner"));
            assert_eq!(content(root, "docs"), Err(Errno::ISDIR), "a folder is opened, and not read");
            assert_eq!(content(root, "nothing"), Err(Errno::NOENT));
            assert_eq!(content(root, "page/below"), Err(Errno::NOTDIR));
            for path in ["../secret", "docs/../../secret", "/etc/passwd", ".."] {
                assert!(content(root, path).is_err(), "{path}");
            }
        }
    }

    #[test]
    fn no_link_is_followed_unless_it_is_said() {
        let (_folder, roots) = roots(Symlinks::Off);
        for (root, path) in roots.iter().flat_map(|root| {
            ["link", "linked/inner", "out", "absolute", "up/secret", "up/www/page"].map(|path| (root, path))
        }) {
            let found = content(root, path);
            assert!(matches!(found, Err(Errno::LOOP | Errno::NOTDIR)), "{path}: {found:?}");
        }
    }

    #[test]
    fn a_link_that_is_followed_stays_below() {
        let (_folder, roots) = roots(Symlinks::Below);
        let root = &roots[0];
        assert_eq!(content(root, "link").as_deref(), Ok("page"));
        assert_eq!(content(root, "linked/inner").as_deref(), Ok("inner"));
        for path in ["out", "absolute", "up/secret", "up/www/page"] {
            assert_eq!(content(root, path), Err(Errno::XDEV), "{path}");
        }
    }

    #[test]
    fn a_link_may_lead_anywhere_where_that_is_said() {
        let (_folder, roots) = roots(Symlinks::Anywhere);
        let root = &roots[0];
        for (path, expected) in [("link", "page"), ("linked/inner", "inner"), ("out", "secret")] {
            assert_eq!(content(root, path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn a_fifo_is_not_waited_for() {
        let (folder, roots) = roots(Symlinks::Off);
        rustix::fs::mkfifoat(CWD, folder.path().join("www/fifo"), Mode::RWXU).unwrap();
        for root in &roots {
            assert!(!root.file(b"fifo").unwrap().metadata().unwrap().is_file());
        }
    }
}

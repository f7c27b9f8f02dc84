//! A folder whose files are served, and what a request finds in it.

use super::beneath::Root;
use super::reading::Reading;
use crate::exchange::{Coding, Failure, Representation, Sought, content_type};
use crate::start_error::StartError;
use arc_swap::ArcSwap;
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use vordr_rules::table::{Action, Files, Settings, Table};

/// How often it is asked whether another folder has taken its place, at most: when somebody wants a file.
const EVERY: Duration = Duration::from_secs(1);

/// The folders of one set of rules.
#[derive(Debug, Default)]
pub(crate) struct Folders(HashMap<Files, Arc<Folder>>);

impl Folders {
    /// Opens every folder that the rules serve files from.
    pub(crate) fn open(table: &Table) -> Result<Self, StartError> {
        let mut folders = HashMap::new();
        for files in actions(table).filter_map(files_of) {
            if !folders.contains_key(files) {
                folders.insert(files.clone(), Arc::new(Folder::open(files.clone())?));
            }
        }
        Ok(Self(folders))
    }

    /// The folder of an action of these rules.
    pub(crate) fn of(&self, action: Option<&Action>) -> Option<&Arc<Folder>> {
        self.0.get(action.and_then(files_of)?)
    }
}

fn files_of(action: &Action) -> Option<&Files> {
    match action {
        Action::Files(files) => Some(files),
        _ => None,
    }
}

/// Every action that may be in force.
fn actions(table: &Table) -> impl Iterator<Item = &Action> {
    fn on_errors(settings: &Settings) -> impl Iterator<Item = &Action> {
        settings.on_error.iter().map(|on_error| &on_error.action)
    }
    table.servers.iter().flat_map(|server| {
        let locations = server.locations.iter();
        let own = locations.clone().map(|location| &location.action);
        own.chain(locations.flat_map(|location| on_errors(&location.settings)))
            .chain(on_errors(&server.settings))
    })
}

/// A folder, and how its files are served.
#[derive(Debug)]
pub(crate) struct Folder {
    files: Files,
    root: ArcSwap<Root>,
    began: Instant,
    /// When it is to be looked at again, in milliseconds since `began`.
    next: AtomicU64,
}

/// What a request finds.
#[derive(Debug)]
pub(crate) enum Find {
    /// A file.
    File(Box<(Representation, Reading)>),
    /// A folder with an index, asked for without a `/` at the end.
    Folder,
}

/// Why nothing was found at a path.
#[derive(Debug)]
enum Miss {
    /// There is nothing.
    Absent,
    /// There is something that is not for anybody.
    Refused(Failure),
}

impl Folder {
    fn open(files: Files) -> Result<Self, StartError> {
        let root = Root::open(&files.root, files.symlinks)
            .map_err(|source| StartError::Folder { folder: files.root.clone(), source })?;
        Ok(Self { files, root: ArcSwap::from_pointee(root), began: Instant::now(), next: AtomicU64::new(0) })
    }

    /// Looks for what a request seeks. It waits for the disk, so it is not for a worker's own thread.
    pub(crate) fn find(&self, sought: &Sought) -> Result<Find, Failure> {
        self.look();
        let found = match self.at(sought) {
            Err(Miss::Absent) => match &self.files.fallback {
                Some(path) => self.file(path.trim_start_matches('/').as_bytes(), sought).map(Find::from),
                None => Err(Miss::Absent),
            },
            other => other,
        };
        found.map_err(|miss| match miss {
            Miss::Absent => Failure::NoFile("there is none"),
            Miss::Refused(failure) => failure,
        })
    }

    fn at(&self, sought: &Sought) -> Result<Find, Miss> {
        if sought.is_folder {
            return self.file(&self.index(&sought.path), sought).map(Find::from);
        }
        let (file, facts) = self.open_at(&sought.path)?;
        if facts.is_dir() {
            return self.regular(&self.index(&sought.path)).map(|_| Find::Folder);
        }
        self.represented(&sought.path, (file, facts), sought).map(Find::from)
    }

    fn index(&self, folder: &[u8]) -> Vec<u8> {
        let name = self.files.index.as_bytes();
        if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
    }

    fn file(&self, path: &[u8], sought: &Sought) -> Result<(Representation, Reading), Miss> {
        self.represented(path, self.regular(path)?, sought)
    }

    /// The form of a file that is most wanted: itself, or what was packed beforehand.
    fn represented(
        &self,
        path: &[u8],
        plain: (File, Metadata),
        sought: &Sought,
    ) -> Result<(Representation, Reading), Miss> {
        if !plain.1.is_file() {
            return Err(Miss::Refused(Failure::NoFile("what is there is no ordinary file")));
        }
        let packed = sought.codings.iter().find_map(|coding| {
            let beside = [path, b".", coding.ending().as_bytes()].concat();
            Some((self.regular(&beside).ok()?, *coding))
        });
        let ((file, facts), coding) = packed.map_or((plain, None), |(file, coding)| (file, Some(coding)));
        let representation = Representation {
            length: facts.len(),
            modified: facts.modified().ok(),
            tag: tag(&facts, coding),
            content_type: content_type(path),
            coding,
            varies: self.files.precompressed,
        };
        let reading = Reading::begin(file, facts.len(), sought.at_once);
        Ok((representation, reading.map_err(|error| Miss::Refused(unreadable(error)))?))
    }

    fn regular(&self, path: &[u8]) -> Result<(File, Metadata), Miss> {
        let (file, facts) = self.open_at(path)?;
        if facts.is_dir() {
            return Err(Miss::Absent);
        }
        if !facts.is_file() {
            return Err(Miss::Refused(Failure::NoFile("what is there is no ordinary file")));
        }
        Ok((file, facts))
    }

    fn open_at(&self, path: &[u8]) -> Result<(File, Metadata), Miss> {
        let path = if path.is_empty() { b"." } else { path };
        let file = self.root.load().file(path).map_err(miss)?;
        let facts = file.metadata().map_err(|error| Miss::Refused(unreadable(error)))?;
        Ok((file, facts))
    }

    /// Takes another folder that has come in the place of this one, as releases do by a link. One that is not there
    /// yet is waited for; until then what was open is served.
    fn look(&self) {
        let now = self.began.elapsed().as_millis() as u64;
        let next = self.next.load(Relaxed);
        let later = now + EVERY.as_millis() as u64;
        if now < next || self.next.compare_exchange(next, later, Relaxed, Relaxed).is_err() {
            return;
        }
        let (Ok(there), Ok(held)) = (std::fs::metadata(&self.files.root), self.root.load().stat()) else {
            return;
        };
        if (there.dev(), there.ino()) != (held.st_dev, held.st_ino)
            && let Ok(root) = Root::open(&self.files.root, self.files.symlinks)
        {
            self.root.store(Arc::new(root));
        }
    }
}

impl From<(Representation, Reading)> for Find {
    fn from(found: (Representation, Reading)) -> Self {
        Self::File(Box::new(found))
    }
}

fn miss(errno: Errno) -> Miss {
    Miss::Refused(match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => return Miss::Absent,
        Errno::LOOP => Failure::NoFile("a symbolic link is on the way, and `symlinks` is off"),
        Errno::XDEV => Failure::NoFile("a symbolic link leads out of the folder"),
        // What a socket says.
        Errno::NXIO | Errno::NODEV => Failure::NoFile("what is there is no ordinary file"),
        Errno::ACCESS | Errno::PERM => Failure::FileAccess,
        other => unreadable(other.into()),
    })
}

fn unreadable(error: io::Error) -> Failure {
    Failure::Unreadable(error.to_string())
}

/// What tells one content from another that takes its place. The time of change is in it, which nobody can set back;
/// and nothing of it can be read from what it comes to.
fn tag(facts: &Metadata, coding: Option<Coding>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (facts.dev(), facts.ino(), facts.size()).hash(&mut hasher);
    (facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec()).hash(&mut hasher);
    coding.map(Coding::ending).hash(&mut hasher);
    hasher.finish()
}

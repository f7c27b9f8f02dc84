//! A folder whose files are served, and what a request finds in it.

use super::beneath::Root;
use super::entries::{self, Entry};
use super::reading::Reading;
use crate::exchange::{Asks, Coding, Failure, Representation, Sought, Spot, content_type};
use crate::start_error::StartError;
use arc_swap::ArcSwapOption;
use rustix::fs::{AtFlags, Stat, fstat, statat};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use vordr_rules::placeholder::Template;
use vordr_rules::table::{Action, Files, Settings, Symlinks, Table, Ways};

/// How often it is asked whether another folder has taken its place, at most: when somebody wants a file.
const EVERY: Duration = Duration::from_secs(1);

/// The folders of one set of rules, by their paths.
#[derive(Debug, Default)]
pub(crate) struct Folders(HashMap<String, Vec<Arc<Folder>>>);

impl Folders {
    /// Opens every folder that the rules serve files from.
    pub(crate) fn open(table: &Table) -> Result<Self, StartError> {
        let mut folders = Self::default();
        for files in actions(table).filter_map(files_of) {
            if folders.of(files).is_none() {
                let folder = Arc::new(Folder::open(files)?);
                folders.0.entry(files.root.clone()).or_default().push(folder);
            }
        }
        Ok(folders)
    }

    /// Looks for a file, on a thread that may wait for a disk.
    pub(crate) async fn find(&self, sought: Sought) -> Result<Find, Failure> {
        let folder = self.of(&sought.files).ok_or(Failure::NoRoute)?.clone();
        let finding = tokio::task::spawn_blocking(move || folder.find(&sought));
        finding.await.unwrap_or_else(|error| Err(Failure::Unreadable(error.to_string())))
    }

    /// The folder of an action of these rules.
    pub(crate) fn of(&self, files: &Files) -> Option<&Arc<Folder>> {
        let is_its = |folder: &&Arc<Folder>| (folder.symlinks, folder.ways) == (files.symlinks, files.ways);
        self.0.get(&files.root)?.iter().find(is_its)
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
        let own = server.locations.iter().map(|location| &location.action);
        own.chain(server.every_settings().flat_map(on_errors))
    })
}

/// A folder that is open.
#[derive(Debug)]
pub(crate) struct Folder {
    path: String,
    symlinks: Symlinks,
    ways: Ways,
    /// `None` where it is not there yet, which is no fault in nginx's ways.
    root: ArcSwapOption<Root>,
    began: Instant,
    /// When it is to be looked at again, in milliseconds since `began`.
    next: AtomicU64,
}

/// What a request finds.
#[derive(Debug)]
pub(crate) enum Find {
    /// A file.
    File(Box<(Representation, Reading)>),
    /// A folder, asked for without a `/` at the end of this path.
    Folder(Vec<u8>),
    /// A folder's index, by the path under which a location is to be looked for anew.
    Index(Vec<u8>),
    /// What is in a folder that is shown, and the path under which it was asked for.
    Listing(Vec<u8>, Vec<Entry>),
    /// Nothing, and there is something to be done then.
    Nothing,
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
    fn open(files: &Files) -> Result<Self, StartError> {
        let root = match Root::open(&files.root, files.symlinks) {
            Ok(root) => Some(root),
            Err(_) if files.ways == Ways::Nginx => None,
            Err(source) => return Err(StartError::Folder { folder: files.root.clone(), source }),
        };
        Ok(Self {
            path: files.root.clone(),
            symlinks: files.symlinks,
            ways: files.ways,
            root: ArcSwapOption::from_pointee(root),
            began: Instant::now(),
            next: AtomicU64::new(0),
        })
    }

    /// Looks for what a request seeks. It waits for the disk, so it is not for a worker's own thread.
    pub(crate) fn find(&self, sought: &Sought) -> Result<Find, Failure> {
        self.look();
        let mut found = Err(Miss::Absent);
        for spot in &sought.spots {
            found = self.at(spot, sought);
            if !matches!(found, Err(Miss::Absent)) {
                break;
            }
        }
        let found = match (found, &sought.files.fallback) {
            (Err(Miss::Absent), Some(path)) => {
                self.file(path.trim_start_matches('/').as_bytes(), sought).map(Find::from)
            }
            (found, _) => found,
        };
        match found {
            Err(Miss::Absent) if sought.files.otherwise.is_some() => Ok(Find::Nothing),
            Err(Miss::Absent) => Err(Failure::NoFile("there is none")),
            Err(Miss::Refused(failure)) => Err(failure),
            Ok(found) => Ok(found),
        }
    }

    fn at(&self, spot: &Spot, sought: &Sought) -> Result<Find, Miss> {
        if let Some(folder) = spot.wants_folder
            && self.open_at(&spot.path)?.1.is_dir() != folder
        {
            return Err(Miss::Absent);
        }
        if spot.is_folder {
            return self.folder(spot, sought);
        }
        let plain = if_there(self.open_at(&spot.path))?;
        if plain.as_ref().is_some_and(|(_, facts)| facts.is_dir()) {
            let has_page = self.ways == Ways::Nginx || sought.files.listing.is_some();
            return match has_page || self.index(&spot.path, sought)?.is_some() {
                true => Ok(Find::Folder(spot.uri.clone())),
                false => Err(Miss::Absent),
            };
        }
        let (mut representation, reading) = self.represented(&spot.path, plain, sought)?;
        if let (Some(types), Ways::Nginx) = (&sought.types, self.ways) {
            // By what was asked for, wherever that is on the disk.
            representation.content_type = types.of(&spot.uri).clone();
        }
        Ok(Find::from((representation, reading)))
    }

    /// What there is for a folder.
    fn folder(&self, spot: &Spot, sought: &Sought) -> Result<Find, Miss> {
        match (self.index(&spot.path, sought)?, self.ways) {
            (Some(name), Ways::Own) => {
                return self.file(&below(&spot.path, name.as_bytes()), sought).map(Find::from);
            }
            (Some(name), Ways::Nginx) => {
                if name.starts_with('/') {
                    return Ok(Find::Index(name.as_bytes().to_vec()));
                }
                let slash: &[u8] = if spot.uri.ends_with(b"/") { b"" } else { b"/" };
                return Ok(Find::Index([&spot.uri, slash, name.as_bytes()].concat()));
            }
            (None, _) => {}
        }
        let (folder, facts) = self.open_at(&spot.path)?;
        match (facts.is_dir(), sought.files.listing) {
            (false, _) => Err(Miss::Absent),
            (true, Some(_)) if sought.asks == Asks::Read => {
                let entries = entries::of(&folder, |name| self.follow(&spot.path, &folder, name));
                Ok(Find::Listing(
                    spot.uri.clone(),
                    entries.map_err(|error| Miss::Refused(unreadable(error)))?,
                ))
            }
            (true, _) if self.ways == Ways::Nginx => Err(Miss::Refused(Failure::NoIndex)),
            (true, _) => Err(Miss::Absent),
        }
    }

    /// What a link in a folder leads to, where a request may follow it.
    fn follow(&self, path: &[u8], folder: &File, name: &CStr) -> Option<Stat> {
        match self.symlinks {
            Symlinks::Off => None,
            Symlinks::Below => fstat(self.open_at(&below(path, name.to_bytes())).ok()?.0).ok(),
            Symlinks::Anywhere => statat(folder, name, AtFlags::empty()).ok(),
        }
    }

    /// The first of the names of an index that is a file of the folder.
    fn index<'s>(&self, folder: &[u8], sought: &'s Sought) -> Result<Option<&'s str>, Miss> {
        let filled = sought.index.iter().map(|name| Some(name.as_str()));
        let written = sought.files.index.iter().map(Template::as_text);
        let names = filled.chain(written.filter(|_| sought.index.is_empty())).flatten();
        for name in names {
            if name.starts_with('/') && self.ways == Ways::Nginx {
                return Ok(Some(name));
            }
            match self.regular(&below(folder, name.as_bytes())) {
                Ok(_) => return Ok(Some(name)),
                Err(Miss::Absent) => {}
                Err(refused) => return Err(refused),
            }
        }
        Ok(None)
    }

    fn file(&self, path: &[u8], sought: &Sought) -> Result<(Representation, Reading), Miss> {
        self.represented(path, if_there(self.regular(path))?, sought)
    }

    /// The form of a file that is most wanted: itself, where it is there, or what was packed beforehand.
    fn represented(
        &self,
        path: &[u8],
        plain: Option<(File, Metadata)>,
        sought: &Sought,
    ) -> Result<(Representation, Reading), Miss> {
        if plain.as_ref().is_some_and(|(_, facts)| !facts.is_file()) {
            return Err(Miss::Refused(Failure::NoFile("what is there is no ordinary file")));
        }
        if sought.asks != Asks::Read {
            return Err(plain.map_or(Miss::Absent, |_| Miss::Refused(Failure::Method)));
        }
        let packed = sought.codings.iter().find_map(|coding| {
            let beside = [path, b".", coding.ending().as_bytes()].concat();
            Some((self.regular(&beside).ok()?, *coding))
        });
        let varies = self.varies(path, sought, packed.is_some());
        let form = packed.map(|(file, coding)| (file, Some(coding))).or(plain.map(|plain| (plain, None)));
        let ((file, facts), coding) = form.ok_or(Miss::Absent)?;
        let representation = Representation {
            length: facts.len(),
            modified: facts.modified().ok(),
            tag: tag(&facts, coding),
            content_type: match &sought.types {
                Some(types) => types.of(path).clone(),
                None => content_type(path),
            },
            coding,
            varies,
        };
        let reading = Reading::begin(file, facts.len(), sought.at_once);
        Ok((representation, reading.map_err(|error| Miss::Refused(unreadable(error)))?))
    }

    /// Whether others may get it in another form. nginx says so only where there is one.
    fn varies(&self, path: &[u8], sought: &Sought, is_packed: bool) -> bool {
        if !sought.files.precompressed || !sought.files.vary {
            return false;
        }
        let beside = || [path, b".", Coding::Gzip.ending().as_bytes()].concat();
        self.ways == Ways::Own || is_packed || self.regular(&beside()).is_ok()
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
        let root = self.root.load();
        let file = root.as_ref().ok_or(Miss::Absent)?.file(path).map_err(|errno| miss(errno, self.ways))?;
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
        let Ok(there) = std::fs::metadata(&self.path) else { return };
        let held = self.root.load().as_ref().and_then(|root| root.stat().ok());
        let is_another = held.is_none_or(|held| (there.dev(), there.ino()) != (held.st_dev, held.st_ino));
        if is_another && let Ok(root) = Root::open(&self.path, self.symlinks) {
            self.root.store(Some(Arc::new(root)));
        }
    }
}

impl From<(Representation, Reading)> for Find {
    fn from(found: (Representation, Reading)) -> Self {
        Self::File(Box::new(found))
    }
}

fn below(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

fn miss(errno: Errno, ways: Ways) -> Miss {
    Miss::Refused(match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => return Miss::Absent,
        // nginx says that there is something.
        Errno::LOOP if ways == Ways::Nginx => Failure::FileAccess,
        Errno::LOOP => Failure::NoFile("a symbolic link is on the way, and `symlinks` is off"),
        Errno::XDEV => Failure::NoFile("a symbolic link leads out of the folder"),
        // What a socket says.
        Errno::NXIO | Errno::NODEV => Failure::NoFile("what is there is no ordinary file"),
        Errno::ACCESS | Errno::PERM => Failure::FileAccess,
        other => unreadable(other.into()),
    })
}

/// `None` for what is not there.
fn if_there<T>(found: Result<T, Miss>) -> Result<Option<T>, Miss> {
    match found {
        Err(Miss::Absent) => Ok(None),
        found => found.map(Some),
    }
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

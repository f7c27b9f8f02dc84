//! What is in a folder, for a list of it.

use rustix::fs::{AtFlags, Dir, FileType, statat};
use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

/// One thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: Vec<u8>,
    pub is_folder: bool,
    /// In bytes.
    pub size: u64,
    /// When its content was changed.
    pub modified: SystemTime,
}

/// All that is to be shown, folders first: names that begin with `.` never are, nor is what is neither file nor folder.
/// `links` are those that may be followed.
pub(super) fn of(folder: &File, links: bool) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for found in Dir::read_from(folder)? {
        let found = found?;
        let name = found.file_name();
        if name.to_bytes().starts_with(b".") {
            continue;
        }
        let follow = if links { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        // It may be gone by now, or a link that leads nowhere.
        let Ok(facts) = statat(folder, name, follow) else { continue };
        let kind = FileType::from_raw_mode(facts.st_mode);
        if !matches!(kind, FileType::RegularFile | FileType::Directory) {
            continue;
        }
        entries.push(Entry {
            name: name.to_bytes().to_vec(),
            is_folder: kind == FileType::Directory,
            size: u64::try_from(facts.st_size).unwrap_or_default(),
            modified: SystemTime::UNIX_EPOCH
                + Duration::from_secs(u64::try_from(facts.st_mtime).unwrap_or_default()),
        });
    }
    entries.sort_by(|one, other| (!one.is_folder, &one.name).cmp(&(!other.is_folder, &other.name)));
    Ok(entries)
}

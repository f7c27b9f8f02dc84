//! What is in a folder, for a list of it.

use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use std::ffi::CStr;
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

/// All that is to be shown, folders first: names that begin with `.` never are, nor is what is neither file nor folder, nor
/// a link but where `follow` tells what it leads to.
pub(super) fn of(folder: &File, follow: impl Fn(&CStr) -> Option<Stat>) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for found in Dir::read_from(folder)? {
        let found = found?;
        let name = found.file_name();
        if name.to_bytes().starts_with(b".") {
            continue;
        }
        // It may be gone by now.
        let Ok(facts) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let is_link = FileType::from_raw_mode(facts.st_mode) == FileType::Symlink;
        let Some(facts) = (if is_link { follow(name) } else { Some(facts) }) else { continue };
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

//! A file's text replaced as a whole: whoever reads it meanwhile has the old text, or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

/// Writes a new text into the place of a file. Its permissions and its owner stay; a link goes on leading to it.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let beside = beside(&path)?;
    let written = write_like(&path, &beside, text).and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // What went wrong is told; a file left over is not worth a second error.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A name in the same folder, so that renaming stays within one file system.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", std::process::id()));
    Ok(path.with_file_name(hidden))
}

fn write_like(model: &Path, path: &Path, text: &str) -> io::Result<()> {
    let like = fs::metadata(model)?;
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    if like.uid() != file.metadata()?.uid() || like.gid() != file.metadata()?.gid() {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_the_link_to_it() {
        let folder = std::env::temp_dir().join(format!("vordr-replace-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (file, link) = (folder.join("a.kdl"), folder.join("link.kdl"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        // A hard link goes on naming the old text: the new one was written beside it.
        fs::hard_link(&file, folder.join("before.kdl")).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::read_to_string(folder.join("before.kdl")).unwrap(), "old");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
        fs::remove_dir_all(&folder).unwrap();
    }
}

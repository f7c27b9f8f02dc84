//! Whether the files can be written that logs go to, before anybody writes there.

use rustix::fs::Access;
use std::io;
use std::path::Path;
use vordr_rules::table::LogTarget;
use vordr_rules::{Diagnostic, Loaded};

/// What is to be said of the logs that rules name and that cannot be written. No file is made for it.
pub(crate) fn unwritable_logs(loaded: &Loaded) -> Vec<Diagnostic> {
    let is_used = |path: &String| {
        loaded.table.log_targets.iter().any(|target| match target {
            LogTarget::File(used) | LogTarget::Packed(used, _) => used == path,
            LogTarget::Stdout | LogTarget::Stderr | LogTarget::Filled(_) | LogTarget::Syslog(_) => false,
        })
    };
    let faulty = loaded.logs.iter().filter(|log| is_used(&log.value)).filter_map(|log| {
        let label = why_not(Path::new(&log.value))?;
        let message = format!("the log `{}` cannot be written", log.value);
        Some(Diagnostic::error("unwritable-log", log.span, message).label(label))
    });
    faulty.collect()
}

/// Why nothing can be appended to a file that is there, or is to be made.
fn why_not(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = folder.display();
    let may = |path: &Path, access: Access| rustix::fs::access(path, access).map_err(io::Error::from);
    if path.is_dir() {
        return Some("this is a folder".to_owned());
    }
    if path.exists() {
        return may(path, Access::WRITE_OK).err().map(|error| error.to_string());
    }
    match folder.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some(format!("there is no folder `{shown}`"))
        }
        Err(error) => Some(format!("`{shown}`: {error}")),
        Ok(found) if !found.is_dir() => Some(format!("`{shown}` is no folder")),
        Ok(_) => {
            let error = may(folder, Access::WRITE_OK | Access::EXEC_OK).err()?;
            Some(format!("no file can be made in `{shown}`: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_log_that_cannot_be_written_is_told_of_without_making_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| why_not(&folder.path().join(name));
        assert_eq!(at("new.log"), None);
        assert!(!folder.path().join("new.log").exists());
        std::fs::write(folder.path().join("old.log"), "").unwrap();
        assert_eq!(at("old.log"), None);
        assert_eq!(at(""), Some("this is a folder".to_owned()));
        assert!(at("none/x.log").unwrap().starts_with("there is no folder `"));
        assert!(at("old.log/x.log").unwrap().ends_with("old.log` is no folder"));
        assert_eq!(why_not(Path::new("/dev/null")), None);
        assert_eq!(why_not(Path::new("/dev/stderr")), None);
    }
}

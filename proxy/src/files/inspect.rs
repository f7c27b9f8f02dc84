//! The folders of loaded rules, looked at before anything is served.

use std::io;
use vordr_rules::{Diagnostic, Loaded};

/// An error for each folder that cannot be served from.
pub(crate) fn missing_folders(loaded: &Loaded) -> Vec<Diagnostic> {
    let faulty = loaded.folders.iter().filter_map(|folder| {
        let error = std::fs::read_dir(&folder.path).err()?;
        let message = format!("`{}` cannot be served from", folder.path);
        let found = Diagnostic::error("unreadable-folder", folder.span, message);
        Some(match error.kind() {
            io::ErrorKind::NotFound => found.label("there is no such folder"),
            io::ErrorKind::NotADirectory => found.label("this is no folder"),
            _ => found.label(error.to_string()),
        })
    });
    faulty.collect()
}

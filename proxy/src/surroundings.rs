//! The real world, as the rules see it: files and environment variables.

use crate::files::missing_folders;
use crate::tls::inspect;
use std::io;
use std::path::Path;
use vordr_rules::{Diagnostics, Loaded, Surroundings, glob_matches};

/// What is wrong with the certificates and folders that rules name, as of now: errors for what cannot be served,
/// warnings for the rest.
pub fn check_surroundings(loaded: &Loaded) -> Diagnostics {
    let found = inspect(loaded).found.into_iter().chain(missing_folders(loaded));
    loaded.warnings.others(found.collect())
}

/// This machine.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Surroundings for System {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    /// A pattern's wildcards stand in its file name, not in its folders.
    fn list(&self, pattern: &str) -> io::Result<Vec<String>> {
        let folder = pattern.rsplit_once('/').map_or("", |(folder, _)| folder);
        let at = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(at)? {
            let name = entry?.file_name();
            let path = if folder.is_empty() {
                name.to_string_lossy().into_owned()
            } else {
                format!("{folder}/{}", name.to_string_lossy())
            };
            if glob_matches(pattern, &path) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

//! The real world, as the rules see it: files and environment variables.

use crate::files::missing_folders;
use crate::observe::unwritable_logs;
use crate::tls::{Inspected, inspect, unusable_ca};
use crate::upstream::unusable_files;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use vordr_rules::{Diagnostics, Loaded, Surroundings, glob_matches};

/// What is wrong with the certificates, authorities, folders and logs that rules name, as of now: errors for what cannot be
/// served, warnings for the rest.
pub fn check_surroundings(loaded: &Loaded) -> Diagnostics {
    loaded.warnings.others(inspect_all(loaded).found)
}

/// Reads and judges whatever files rules name.
pub(crate) fn inspect_all(loaded: &Loaded) -> Inspected {
    let mut inspected = inspect(loaded);
    inspected.found.extend(missing_folders(loaded));
    inspected.found.extend(unwritable_logs(loaded));
    inspected.found.extend(unusable_files(loaded));
    inspected.found.extend(unusable_ca(loaded));
    inspected
}

/// This machine.
#[derive(Debug, Clone, Copy)]
pub struct System;

/// This machine, and what nginx's command line says of the rules.
#[derive(Debug, Clone, Default)]
pub struct NginxCommand {
    /// `-g`: directives before those of the file.
    pub directives: Option<String>,
    /// `-e`: the error log, where the file names none.
    pub error_log: Option<String>,
}

impl Surroundings for NginxCommand {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        System.read(path)
    }

    fn list(&self, pattern: &str) -> io::Result<Vec<String>> {
        System.list(pattern)
    }

    fn variable(&self, name: &str) -> Option<String> {
        System.variable(name)
    }

    fn addresses(&self, host: &str) -> Vec<IpAddr> {
        System.addresses(host)
    }

    fn nginx_directives(&self) -> Option<&str> {
        self.directives.as_deref()
    }

    fn nginx_error_log(&self) -> Option<&str> {
        self.error_log.as_deref()
    }
}

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

    fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let found = (host, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()));
        let mut addresses: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
        addresses.dedup();
        addresses
    }
}

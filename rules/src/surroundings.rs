//! What loading asks of the world: files and variables. Nothing else in this crate touches it.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// Files and environment variables.
pub trait Surroundings {
    /// A file's bytes.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    /// The files that a pattern with `*` and `?` names, sorted.
    fn list(&self, pattern: &str) -> io::Result<Vec<String>>;
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// The addresses that a host has by now, for what is written of it once and for all; none where it is not known.
    fn addresses(&self, _host: &str) -> Vec<IpAddr> {
        Vec::new()
    }
    /// `nginx -g`: directives that stand before those of a file of nginx's.
    fn nginx_directives(&self) -> Option<&str> {
        None
    }
    /// `nginx -e`: the error log of a file of nginx's that names none.
    fn nginx_error_log(&self) -> Option<&str> {
        None
    }
}

/// Files and variables that are made up: for tests, and for programs that make their own rules.
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    files: BTreeMap<String, Vec<u8>>,
    variables: BTreeMap<String, String>,
    hosts: BTreeMap<String, IpAddr>,
}

impl InMemory {
    /// With one more file.
    #[must_use]
    pub fn with_file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), bytes.into());
        self
    }

    /// With one more variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With one more host.
    #[must_use]
    pub fn with_host(mut self, host: &str, address: IpAddr) -> Self {
        self.hosts.insert(host.to_owned(), address);
        self
    }
}

impl Surroundings for InMemory {
    fn addresses(&self, host: &str) -> Vec<IpAddr> {
        self.hosts.get(host).copied().into_iter().collect()
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, pattern: &str) -> io::Result<Vec<String>> {
        Ok(self.files.keys().filter(|path| glob_matches(pattern, path)).cloned().collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// Whether a path fits a pattern: `*` is any text and `?` any character, neither across a `/`.
pub fn glob_matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.chars(), path.chars());
    // Where to take up again when the present reading of the last `*` fails.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (rest, before) = (pattern.clone(), path.clone());
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), before.clone()));
                path = before;
                continue;
            }
            (Some('?'), Some(c)) if c != '/' => continue,
            (Some(p), Some(c)) if p == c => continue,
            _ => drop(rest),
        }
        let Some((after_star, mut longer)) = retry.take() else { return false };
        match longer.next() {
            Some(c) if c != '/' => {
                (pattern, path) = (after_star.clone(), longer.clone());
                retry = Some((after_star, longer));
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_one_folder() {
        assert!(glob_matches("conf.d/*.kdl", "conf.d/a.kdl"));
        assert!(glob_matches("*a*b", "xaxxab"));
        assert!(glob_matches("a?c", "abc"));
        assert!(!glob_matches("conf.d/*.kdl", "conf.d/x/a.kdl"));
        assert!(!glob_matches("*.kdl", "a.kdlx"));
        assert!(glob_matches("*", ""));
    }
}

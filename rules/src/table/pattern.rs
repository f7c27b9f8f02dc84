//! One way in which a location takes a path.

use regex::bytes::Regex;

/// One way in which a location takes a path; compared with the normal form of a request's path.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// This path alone.
    Exact(String),
    /// This path and all below it, by whole segments.
    Prefix(String),
    /// Whatever starts with these bytes.
    RawPrefix(String),
    /// Whatever the regex matches.
    Regex(PathRegex),
}

impl Pattern {
    /// Whether it takes a path in its normal form ([`normal_path`](super::normal_path)), looked at alone.
    pub fn takes(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => path == exact.as_bytes(),
            Self::Prefix(prefix) => {
                let prefix = prefix.as_bytes();
                path.strip_prefix(prefix)
                    .is_some_and(|rest| rest.is_empty() || prefix.ends_with(b"/") || rest.starts_with(b"/"))
            }
            Self::RawPrefix(prefix) => path.starts_with(prefix.as_bytes()),
            Self::Regex(regex) => regex.is_match(path),
        }
    }
}

/// A regex over a path's bytes. Two are equal where they are written alike.
#[derive(Debug, Clone)]
pub struct PathRegex(Regex);

impl PathRegex {
    /// Compiles a regex of the regex crate's dialect.
    pub fn new(written: &str) -> Result<Self, regex::Error> {
        Regex::new(written).map(Self)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// How many groups it captures.
    pub fn groups(&self) -> usize {
        self.0.captures_len() - 1
    }

    /// The groups that have a name, by their numbers.
    pub fn names(&self) -> Vec<(usize, String)> {
        let names = self.0.capture_names().enumerate();
        names.filter_map(|(number, name)| Some((number, name?.to_owned()))).collect()
    }

    /// The number of a group by its name.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        self.0.capture_names().position(|known| known == Some(name))
    }

    pub(super) fn is_match(&self, path: &[u8]) -> bool {
        self.0.is_match(path)
    }

    pub(super) fn captures<'p>(&self, path: &'p [u8]) -> Option<regex::bytes::Captures<'p>> {
        self.0.captures(path)
    }
}

impl PartialEq for PathRegex {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for PathRegex {}

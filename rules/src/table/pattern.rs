//! One way in which a location takes a path.

use super::{Matched, PathRegex};

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
            Self::Regex(regex) => regex.matches(path) == Matched::Yes,
        }
    }
}

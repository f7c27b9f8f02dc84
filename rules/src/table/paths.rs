//! The paths of one server's locations, laid out so that a search looks at few of them.

use super::LocationId;
use regex::bytes::Regex;
use std::collections::HashMap;

/// One way in which a location takes a path; compared with the normal form of a request's path.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// This path alone.
    Exact(String),
    /// This path and all below it, by whole segments.
    Prefix(String),
    /// Whatever starts with these bytes.
    RawPrefix(String),
    /// Whatever the regex matches.
    Regex(Regex),
}

impl Pattern {
    /// Whether it takes a path, looked at alone.
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

/// Locations by path. Those that share a path are in the order in which they are tried.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    exact: HashMap<Box<[u8]>, Vec<LocationId>>,
    segments: HashMap<Box<[u8]>, Vec<LocationId>>,
    /// Longest first.
    raw: Vec<(Box<[u8]>, Vec<LocationId>)>,
    pub(super) regexes: Vec<(Regex, LocationId)>,
}

impl Paths {
    pub(crate) fn add(&mut self, pattern: &Pattern, location: LocationId) {
        match pattern {
            Pattern::Exact(path) => self.exact.entry(path.as_bytes().into()).or_default().push(location),
            Pattern::Prefix(path) => self.segments.entry(path.as_bytes().into()).or_default().push(location),
            Pattern::RawPrefix(path) => {
                match self.raw.iter_mut().find(|(known, _)| **known == *path.as_bytes()) {
                    Some((_, locations)) => locations.push(location),
                    None => {
                        self.raw.push((path.as_bytes().into(), vec![location]));
                        self.raw.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
                    }
                }
            }
            Pattern::Regex(regex) => self.regexes.push((regex.clone(), location)),
        }
    }

    /// Among locations that share a path, those without a condition are tried last.
    pub(crate) fn put_unconditional_last(&mut self, is_conditional: impl Fn(LocationId) -> bool) {
        let lists = self
            .exact
            .values_mut()
            .chain(self.segments.values_mut())
            .chain(self.raw.iter_mut().map(|(_, l)| l));
        lists.for_each(|locations| locations.sort_by_key(|location| !is_conditional(*location)));
    }

    pub(super) fn exact(&self, path: &[u8]) -> &[LocationId] {
        self.exact.get(path).map_or(&[], Vec::as_slice)
    }

    /// Every prefix that takes `path`, longest first; a raw one before one by segments of the same length.
    pub(super) fn prefixes<'s>(&'s self, path: &'s [u8]) -> impl Iterator<Item = LocationId> + 's {
        let mut segments = Segments { path, length: Some(path.len()) }
            .filter_map(|prefix| Some((prefix.len(), self.segments.get(prefix)?)))
            .peekable();
        let mut raw = self
            .raw
            .iter()
            .filter(|(prefix, _)| path.starts_with(prefix))
            .map(|(p, l)| (p.len(), l))
            .peekable();
        std::iter::from_fn(move || match (raw.peek(), segments.peek()) {
            (Some((raw_length, _)), Some((length, _))) if raw_length < length => segments.next(),
            (Some(_), _) => raw.next(),
            (None, _) => segments.next(),
        })
        .flat_map(|(_, locations)| locations.iter().copied())
    }
}

/// The prefixes of a path that end at a segment's end, with and without the slash: `/a/b`, `/a/`, `/a`, `/`.
struct Segments<'p> {
    path: &'p [u8],
    length: Option<usize>,
}

impl<'p> Iterator for Segments<'p> {
    type Item = &'p [u8];

    fn next(&mut self) -> Option<&'p [u8]> {
        let prefix = self.path.get(..self.length?)?;
        self.length = match prefix.split_last() {
            Some((b'/', before)) => Some(before.len()),
            Some((_, before)) => before.iter().rposition(|byte| *byte == b'/').map(|slash| slash + 1),
            None => None,
        };
        Some(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixes_of_a_path_end_where_its_segments_do() {
        let prefixes = |path: &'static str| -> Vec<_> {
            Segments { path: path.as_bytes(), length: Some(path.len()) }
                .map(|prefix| String::from_utf8_lossy(prefix).into_owned())
                .collect()
        };
        assert_eq!(prefixes("/a/bc"), ["/a/bc", "/a/", "/a", "/", ""]);
        assert_eq!(prefixes("/a/"), ["/a/", "/a", "/", ""]);
        assert_eq!(prefixes("//"), ["//", "/", ""]);
    }
}

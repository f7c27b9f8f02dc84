//! The paths of one server's locations, laid out so that a search looks at few of them.

use super::segments::SegmentTree;
use super::{LocationId, PathRegex, Pattern};
use std::collections::HashMap;

/// Locations by path. Those that share a path are in the order in which they are tried.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Paths {
    exact: HashMap<Box<[u8]>, Vec<LocationId>>,
    segments: SegmentTree,
    /// Longest first.
    raw: Vec<(Box<[u8]>, Vec<LocationId>)>,
    pub(super) regexes: Vec<(PathRegex, LocationId)>,
    /// Those that are asked within another location alone, which comes first.
    pub(super) regexes_within: Vec<(LocationId, PathRegex, LocationId)>,
}

impl Paths {
    /// The paths of a server's locations, each with the location that it stands within; `is_conditional` tells which
    /// locations have a `match`. Among those that share a path, the ones without are tried last.
    pub(crate) fn new<'p>(
        patterns: impl Iterator<Item = (&'p Pattern, LocationId, Option<LocationId>)>,
        is_conditional: impl Fn(LocationId) -> bool,
    ) -> Self {
        let mut paths = Self::default();
        let mut raw: HashMap<Box<[u8]>, Vec<LocationId>> = HashMap::new();
        for (pattern, location, within) in patterns {
            match pattern {
                Pattern::Exact(path) => paths.exact.entry(path.as_bytes().into()).or_default().push(location),
                Pattern::Prefix(path) => paths.segments.add(path.as_bytes(), location),
                Pattern::RawPrefix(path) => raw.entry(path.as_bytes().into()).or_default().push(location),
                Pattern::Regex(regex) => match within {
                    Some(within) => paths.regexes_within.push((within, regex.clone(), location)),
                    None => paths.regexes.push((regex.clone(), location)),
                },
            }
        }
        paths.raw = raw.into_iter().collect();
        paths.raw.sort_by(|(one, _), (other, _)| (other.len(), one).cmp(&(one.len(), other)));
        let lists = paths.exact.values_mut().chain(paths.raw.iter_mut().map(|(_, locations)| locations));
        lists
            .chain(paths.segments.lists_mut())
            .for_each(|locations| locations.sort_by_key(|location| !is_conditional(*location)));
        paths
    }

    pub(super) fn exact(&self, path: &[u8]) -> &[LocationId] {
        self.exact.get(path).map_or(&[], Vec::as_slice)
    }

    /// Every prefix that takes `path`, longest first; a raw one before one by segments of the same length.
    pub(super) fn prefixes<'s>(&'s self, path: &'s [u8]) -> impl Iterator<Item = LocationId> + 's {
        let mut segments = self.segments.prefixes(path).peekable();
        let mut raw = self
            .raw
            .iter()
            .filter(|(prefix, _)| path.starts_with(prefix))
            .map(|(prefix, locations)| (prefix.len(), locations.as_slice()))
            .peekable();
        std::iter::from_fn(move || match (raw.peek(), segments.peek()) {
            (Some((raw_length, _)), Some((length, _))) if raw_length < length => segments.next(),
            (Some(_), _) => raw.next(),
            (None, _) => segments.next(),
        })
        .flat_map(|(_, locations)| locations.iter().copied())
    }
}

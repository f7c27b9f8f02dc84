//! Prefixes by whole segments, as a tree: a path is walked once, however long it is and however many segments it has.

use super::LocationId;
use std::collections::HashMap;

/// Locations by the segments of their prefixes. The root is the empty prefix, its child `a` is `/a`.
#[derive(Debug, PartialEq)]
pub(super) struct SegmentTree {
    /// The root first; a child always behind its parent.
    nodes: Vec<Node>,
}

/// One prefix without a slash at its end.
#[derive(Debug, Default, PartialEq)]
struct Node {
    /// Bytes of the prefix.
    length: usize,
    parent: Option<usize>,
    children: HashMap<Box<[u8]>, usize>,
    /// Locations with this prefix: `/a` takes `/a` and `/a/b`.
    here: Vec<LocationId>,
    /// Locations with this prefix and a slash: `/a/` takes `/a/b` and not `/a`.
    below: Vec<LocationId>,
}

impl Default for SegmentTree {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl SegmentTree {
    /// Has a location take `prefix`.
    pub(super) fn add(&mut self, prefix: &[u8], location: LocationId) {
        let (segments, is_below) = match prefix.strip_suffix(b"/") {
            Some(folder) => (folder, true),
            None => (prefix, false),
        };
        let at = pieces(segments).fold(0, |parent, segment| self.child_or_new(parent, segment));
        if let Some(node) = self.nodes.get_mut(at) {
            let locations = if is_below { &mut node.below } else { &mut node.here };
            locations.push(location);
        }
    }

    /// Every list of locations that share a prefix.
    pub(super) fn lists_mut(&mut self) -> impl Iterator<Item = &mut Vec<LocationId>> {
        self.nodes.iter_mut().flat_map(|node| [&mut node.here, &mut node.below])
    }

    /// The prefixes that take `path`, longest first: each one's length in bytes, and its locations.
    pub(super) fn prefixes<'s>(
        &'s self,
        path: &[u8],
    ) -> impl Iterator<Item = (usize, &'s [LocationId])> + use<'s> {
        let length = path.len();
        let deepest = self.walk(path).last().unwrap_or(0);
        let upwards = std::iter::successors(self.nodes.get(deepest), |node| self.nodes.get(node.parent?));
        let lists = upwards.flat_map(move |node| {
            let below = (length > node.length).then_some((node.length + 1, node.below.as_slice()));
            below.into_iter().chain([(node.length, node.here.as_slice())])
        });
        lists.filter(|(_, locations)| !locations.is_empty())
    }

    /// The nodes on a path's way down, as far as the tree goes; the root is not among them.
    fn walk(&self, path: &[u8]) -> impl Iterator<Item = usize> {
        let mut at = 0;
        pieces(path).map_while(move |segment| {
            at = *self.nodes.get(at)?.children.get(segment)?;
            Some(at)
        })
    }

    fn child_or_new(&mut self, parent: usize, segment: &[u8]) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(parent) else { return parent };
        let length = node.length + 1 + segment.len();
        let at = *node.children.entry(segment.into()).or_insert(new);
        if at == new {
            self.nodes.push(Node { length, parent: Some(parent), ..Node::default() });
        }
        at
    }
}

/// What stands behind each slash of a path: `/a//b` is `a`, nothing and `b`.
fn pieces(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(prefixes: &[&str]) -> SegmentTree {
        let mut tree = SegmentTree::default();
        for (number, prefix) in prefixes.iter().enumerate() {
            tree.add(prefix.as_bytes(), LocationId(number));
        }
        tree
    }

    fn taking<'p>(prefixes: &[&'p str], path: &str) -> Vec<&'p str> {
        let tree = tree(prefixes);
        let found = tree.prefixes(path.as_bytes()).map(|(length, locations)| {
            let prefix = prefixes[locations[0].0];
            assert_eq!(length, prefix.len(), "{prefix}");
            prefix
        });
        found.collect()
    }

    #[test]
    fn the_prefixes_of_a_path_come_longest_first_and_end_where_its_segments_do() {
        let known = ["/", "/a", "/a/", "/a/b", "/a/bc", "/a//", "//"];
        assert_eq!(taking(&known, "/a/bc/d"), ["/a/bc", "/a/", "/a", "/"]);
        assert_eq!(taking(&known, "/a/b"), ["/a/b", "/a/", "/a", "/"]);
        assert_eq!(taking(&known, "/a/"), ["/a/", "/a", "/"]);
        assert_eq!(taking(&known, "/a"), ["/a", "/"]);
        assert_eq!(taking(&known, "/a//b"), ["/a//", "/a/", "/a", "/"]);
        assert_eq!(taking(&known, "//a"), ["//", "/"]);
        assert_eq!(taking(&known, "/ab"), ["/"]);
    }

    #[test]
    fn each_segment_of_a_path_is_looked_up_once_and_none_behind_the_longest_known_prefix() {
        let known = tree(&["/", &"/a".repeat(1_000)]);
        let looked_up = |path: &str| known.walk(path.as_bytes()).count();
        assert_eq!(looked_up(&"/b".repeat(16_000)), 0);
        assert_eq!(looked_up(&"/a".repeat(16_000)), 1_000);
        assert_eq!(looked_up(&format!("/a/a{}", "/b".repeat(16_000))), 2);
    }
}

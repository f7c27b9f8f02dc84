//! Which directives hold at a place: nginx's inheritance.

use super::tree::Directive;

/// The blocks around a place, outermost first: `http`, `server`, and the locations.
#[derive(Debug, Clone)]
pub(super) struct Scope<'d> {
    blocks: Vec<&'d [Directive]>,
}

impl<'d> Scope<'d> {
    pub(super) fn of(block: &'d [Directive]) -> Self {
        Self { blocks: vec![block] }
    }

    /// One block further in.
    pub(super) fn within(&self, block: &'d [Directive]) -> Self {
        let mut blocks = self.blocks.clone();
        blocks.push(block);
        Self { blocks }
    }

    /// The blocks from a depth on: what a location says besides its server.
    pub(super) fn from(&self, depth: usize) -> Self {
        Self { blocks: self.blocks.get(depth..).unwrap_or_default().to_vec() }
    }

    /// A directive that stands once: the nearest.
    pub(super) fn find(&self, name: &str) -> Option<&'d Directive> {
        self.blocks.iter().rev().find_map(|block| block.iter().find(|directive| directive.name.value == name))
    }

    /// Directives that stand often: those of the nearest block that has any, as they replace the outer ones.
    pub(super) fn all(&self, name: &str) -> Vec<&'d Directive> {
        self.lists(name).next().unwrap_or_default()
    }

    /// Those that the nearer ones replace.
    pub(super) fn replaced(&self, name: &str) -> Vec<&'d Directive> {
        self.lists(name).nth(1).unwrap_or_default()
    }

    /// `allow` and `deny` are one list in nginx too, in the order written.
    pub(super) fn all_of(&self, names: [&str; 2]) -> Vec<&'d Directive> {
        let of = |block: &&'d [Directive]| -> Vec<&'d Directive> {
            block.iter().filter(|directive| names.contains(&directive.name.value.as_str())).collect()
        };
        self.blocks.iter().rev().map(of).find(|list| !list.is_empty()).unwrap_or_default()
    }

    /// Every one, outermost block first: for what adds up, such as `set`.
    pub(super) fn every(&self, name: &str) -> impl Iterator<Item = &'d Directive> {
        self.blocks
            .iter()
            .flat_map(|block| block.iter())
            .filter(move |directive| directive.name.value == name)
    }

    /// Whether the innermost block says who may come.
    pub(super) fn own_access(&self) -> bool {
        let is_access =
            |directive: &Directive| matches!(directive.name.value.as_str(), "allow" | "deny" | "auth_basic");
        self.blocks.last().is_some_and(|block| block.iter().any(is_access))
    }

    fn lists(&self, name: &str) -> impl Iterator<Item = Vec<&'d Directive>> {
        let of = move |block: &&'d [Directive]| -> Vec<&'d Directive> {
            block.iter().filter(|directive| directive.name.value == name).collect()
        };
        self.blocks.iter().rev().map(of).filter(|list| !list.is_empty())
    }
}

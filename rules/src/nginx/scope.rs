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

    /// The block that the place is in.
    pub(super) fn innermost(&self) -> &'d [Directive] {
        self.blocks.last().copied().unwrap_or_default()
    }

    /// The nearest of directives that take one another's place, and whether it is of the innermost block.
    pub(super) fn nearest(&self, names: [&str; 2]) -> Option<(&'d Directive, bool)> {
        let of = |block: &&'d [Directive]| {
            block.iter().find(|directive| names.contains(&directive.name.value.as_str()))
        };
        let number = self.blocks.iter().rposition(|block| of(block).is_some())?;
        Some((self.blocks.get(number).and_then(of)?, number + 1 == self.blocks.len()))
    }

    /// The plain prefix of the location around the innermost block in which a directive stands.
    pub(super) fn around_of(&self, directive: &Directive) -> Option<&'d str> {
        let number =
            self.blocks.iter().position(|block| block.iter().any(|one| std::ptr::eq(one, directive)))?;
        let (outer, inside) = (self.blocks.get(number.checked_sub(1)?)?, self.blocks.get(number)?);
        let location = outer.iter().find(|one| std::ptr::eq(one.inside(), *inside))?;
        let path = match (location.first(), location.arguments.len()) {
            ("^~", 2) => location.argument(1),
            (_, 1) => location.first(),
            _ => return None,
        };
        Some(path.trim_start_matches("^~")).filter(|path| path.starts_with('/'))
    }

    /// The locations around the place, outermost first.
    pub(super) fn locations(&self) -> impl Iterator<Item = &'d Directive> {
        self.blocks.iter().zip(self.blocks.iter().skip(1)).filter_map(|(outer, inside)| {
            let mut within = outer.iter().filter(|directive| directive.name.value == "location");
            within.find(|location| std::ptr::eq(location.inside(), *inside))
        })
    }

    /// Directives that stand often: those of the nearest block that has any, as they replace the outer ones.
    pub(super) fn all(&self, name: &str) -> Vec<&'d Directive> {
        self.lists(name).next().unwrap_or_default()
    }

    /// The same where a directive says whether the outer ones are replaced (`on`), kept (`merge`) or dropped (`off`).
    pub(super) fn all_by(&self, name: &str, inherits: &str) -> Vec<&'d Directive> {
        let mut all = Vec::new();
        let mut how = "on";
        for block in &self.blocks {
            let said = block.iter().find(|directive| directive.name.value == inherits);
            how = said.map_or(how, |said| said.first());
            let own: Vec<_> = block.iter().filter(|directive| directive.name.value == name).collect();
            match how {
                "merge" => all.extend(own),
                "off" => all = own,
                _ if own.is_empty() => {}
                _ => all = own,
            }
        }
        all
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

    /// Whether both stand in the innermost block, and the one after the other.
    pub(super) fn stands_after(&self, one: &Directive, other: &Directive) -> bool {
        let place = |wanted: &Directive| {
            self.blocks.last().and_then(|block| block.iter().position(|known| std::ptr::eq(known, wanted)))
        };
        place(other).is_some_and(|other| place(one).is_some_and(|one| one > other))
    }

    /// Whether such a directive stands anywhere in the outermost block, however deep.
    pub(super) fn has_below(&self, fits: &dyn Fn(&Directive) -> bool) -> bool {
        fn has(block: &[Directive], fits: &dyn Fn(&Directive) -> bool) -> bool {
            block.iter().any(|directive| fits(directive) || has(directive.inside(), fits))
        }
        self.blocks.first().is_some_and(|block| has(block, fits))
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
        let is_access = |directive: &Directive| {
            matches!(directive.name.value.as_str(), "allow" | "deny" | "auth_basic" | "auth_request")
        };
        self.blocks.last().is_some_and(|block| block.iter().any(is_access))
    }

    fn lists(&self, name: &str) -> impl Iterator<Item = Vec<&'d Directive>> {
        let of = move |block: &&'d [Directive]| -> Vec<&'d Directive> {
            block.iter().filter(|directive| directive.name.value == name).collect()
        };
        self.blocks.iter().rev().map(of).filter(|list| !list.is_empty())
    }
}

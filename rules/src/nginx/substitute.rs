//! `sub_filter` and its kin: texts in bodies that others take the place of.

use super::scope::Scope;
use super::variable::Variables;
use super::{Nginx, at};
use crate::source::Spanned;
use crate::table::Substitute;

/// What is always looked through.
const HTML: &str = "text/html";

impl Nginx<'_, '_> {
    pub(super) fn read_substitute(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Spanned<Option<Substitute>>> {
        let filters = scope.all("sub_filter");
        let first = *filters.first()?;
        let mut pairs = Vec::new();
        for filter in filters {
            let [from, to] = filter.arguments.as_slice() else { continue };
            let (from, to) = (self.constant(from, variables), self.template(to, variables));
            match from.zip(to) {
                Some((from, _)) if from.value.is_empty() => self.fault(from.span, "empty search pattern"),
                Some((from, to)) => pairs.push((from.value, to)),
                None => {}
            }
        }
        let named = scope.find("sub_filter_types").map(|types| types.arguments.as_slice());
        let named = named.unwrap_or_default().iter().map(|name| name.value.to_ascii_lowercase());
        let substitute = Substitute {
            pairs,
            types: std::iter::once(HTML.to_owned()).chain(named.filter(|name| name != HTML)).collect(),
            once: self.switch(scope.find("sub_filter_once"), true),
            validators: self.switch(scope.find("sub_filter_last_modified"), false),
        };
        Some(at(first, Some(substitute)))
    }
}

//! `post_action`: what is done once a request has been answered.

use super::scope::Scope;
use super::tree::Directive;
use super::{Nginx, at};
use crate::language::afterwards::Afterwards;
use crate::placeholder::{Part, Template};
use crate::source::Spanned;

impl Nginx<'_, '_> {
    /// What the `own` blocks of a place say of it. A name that is nobody's leads nowhere.
    pub(super) fn read_afterwards(
        &mut self,
        own: &Scope<'_>,
        scope: &Scope<'_>,
    ) -> Option<Spanned<Option<Afterwards>>> {
        let directive = own.find("post_action")?;
        let target = directive.arguments.first()?;
        if target.value.starts_with('/') {
            let path = Template { parts: vec![Part::Text(escaped(&target.value))] };
            return Some(at(directive, Some(Afterwards::Search(path))));
        }
        let is_it = |location: &Directive| location.arguments.len() == 1 && location.first() == target.value;
        if target.value.starts_with('@') && scope.every("location").any(is_it) {
            let name = Spanned::new(target.value.trim_start_matches('@').to_owned(), target.span);
            return Some(at(directive, Some(Afterwards::Enter(name))));
        }
        let message = format!("this server has no \"location {}\": nothing is done", target.value);
        self.trap(target.span, message, "write a path, or the name of a location: `@done`");
        Some(at(directive, None))
    }
}

/// A path as it stands in a URL, with no query: nginx takes it as it is written.
fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F") + "?"
}

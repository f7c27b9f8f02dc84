//! `map`: a variable made of another.

use super::Nginx;
use super::tree::Directive;
use crate::source::Span;

/// One `map`.
#[derive(Debug)]
pub(super) struct Map {
    pub span: Span,
    /// The variable that it looks at, without its `$`.
    pub from: String,
}

impl Map {
    /// Whether it makes a `Connection` header of the request's `Upgrade`, as every guide to WebSockets has it.
    pub(super) fn is_for_upgrades(&self) -> bool {
        self.from == "http_upgrade"
    }
}

impl Nginx<'_, '_> {
    /// A map counts where its variable is used, so it is only taken down here.
    pub(super) fn read_map(&mut self, directive: &Directive) {
        let Some(name) = directive.argument(1).strip_prefix('$').filter(|name| !name.is_empty()) else {
            let message = format!("invalid variable name \"{}\"", directive.argument(1));
            return self.fault(directive.span_of(1), message);
        };
        for entry in directive.inside() {
            let is_volatile = entry.name.value == "volatile" && entry.arguments.is_empty();
            if entry.arguments.len() != 1 && !is_volatile {
                self.fault(entry.name.span, "invalid number of the map parameters");
            }
        }
        let from = directive.first().trim_start_matches('$').trim_matches(['{', '}']).to_owned();
        self.maps.insert(name.to_owned(), Map { span: directive.name.span, from });
    }
}

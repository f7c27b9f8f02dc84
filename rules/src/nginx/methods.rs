//! `if ($request_method = …)` that answers: a location of its own, which `match` tells apart.

use super::Nginx;
use super::answer;
use super::location::Kind;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use crate::language::location::Location;
use crate::table::Condition;

impl Nginx<'_, '_> {
    /// Each `if` that answers a method is a location of its own, with a condition.
    pub(super) fn read_methods(
        &mut self,
        directive: &Directive,
        kind: &Kind,
        scope: &Scope<'_>,
        variables: &Variables,
        locations: &mut Vec<Location>,
    ) {
        for block in before_return(directive).filter(|directive| directive.name.value == "if") {
            let (Some(method), Some(answered)) =
                (method_asked_for(block), answer::first_return(block.inside()))
            else {
                continue;
            };
            let condition = Condition { methods: vec![method], ..Condition::default() };
            let inner = scope.within(block.inside());
            if let Some(location) = self.answering(answered, kind, &inner, variables) {
                locations.push(Location { conditions: vec![condition], ..location });
            }
        }
    }
}

/// What stands behind a `return` is never come to.
fn before_return(directive: &Directive) -> impl Iterator<Item = &Directive> {
    directive.inside().iter().take_while(|directive| directive.name.value != "return")
}

/// Whether all that comes before a location's content is to answer some methods: `match` says that more plainly than steps.
pub(super) fn tells_methods_apart(location: &Directive) -> bool {
    let is_other = |directive: &Directive| {
        matches!(
            directive.name.value.as_str(),
            "set" | "rewrite" | "break" | "limit_except" | "location" | "internal"
        )
    };
    let answers = |block: &Directive| {
        method_asked_for(block).is_some()
            && answer::first_return(block.inside()).is_some()
            && !block
                .inside()
                .iter()
                .any(|directive| matches!(directive.name.value.as_str(), "set" | "rewrite" | "break" | "if"))
    };
    let mut ifs = before_return(location).filter(|directive| directive.name.value == "if");
    !location.first().starts_with('@') && !location.inside().iter().any(is_other) && ifs.all(answers)
}

/// `($request_method = OPTIONS)`
fn method_asked_for(block: &Directive) -> Option<http::Method> {
    let words: Vec<&str> = block.arguments.iter().map(|word| word.value.as_str()).collect();
    match words.as_slice() {
        ["($request_method", "=", method] => method.strip_suffix(')')?.parse().ok(),
        _ => None,
    }
}

//! `limit_rate`, `limit_rate_after` and `set $limit_rate`: how fast answers go.

use super::scope::Scope;
use super::tree::Directive;
use super::value::parse_size;
use super::variable::{Variables, literal};
use super::{Nginx, at};
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::table::{Pace, SendRate};

/// The variable that takes the directive's place where it is set.
const VARIABLE: &str = "limit_rate";

impl Nginx<'_, '_> {
    /// What holds at a place, where its own blocks say anything of it, or its variables do.
    pub(super) fn read_send_rate(
        &mut self,
        own: &Scope<'_>,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Spanned<Option<SendRate>>> {
        let [rate, after] = ["limit_rate", "limit_rate_after"].map(|name| scope.find(name));
        let set = variables.is_known(VARIABLE).then(|| scope.every("set").chain(rate).next()).flatten();
        let asks = [rate, after].into_iter().flatten().find(|directive| directive.first().contains('$'));
        let directive = own
            .find("limit_rate")
            .or_else(|| own.find("limit_rate_after"))
            .or(asks)
            .or(set)
            .or_else(|| self.place_of_a_set(scope, variables))?;
        let bytes = match (variables.is_known(VARIABLE), variables.text(VARIABLE), rate) {
            (false, ..) => self.rate_text(rate, variables)?,
            (true, None, Some(rate)) => self.either(rate, variables)?,
            (true, ..) => {
                self.template(&Spanned::new(format!("${VARIABLE}"), directive.name.span), variables)?
            }
        };
        let start = self.rate_text(after, variables)?;
        let (Some(bytes_text), Some(start_text)) = (bytes.as_text(), start.as_text()) else {
            return Some(at(directive, Some(SendRate::Filled(bytes, start))));
        };
        let (bytes, after) = (self.known_size(bytes_text, rate), self.known_size(start_text, after));
        let rate = match (bytes, after) {
            (0, 0) => None,
            (0, after) => Some(SendRate::Told(after)),
            (bytes, after) => Some(SendRate::Fixed(Pace { bytes, after })),
        };
        Some(at(directive, rate))
    }

    /// Where a `set` stands in an `if`, the location is told of.
    fn place_of_a_set<'d>(&self, scope: &Scope<'d>, variables: &Variables) -> Option<&'d Directive> {
        variables.is_known(VARIABLE).then(|| scope.innermost().first()).flatten()
    }

    fn rate_text(&mut self, directive: Option<&Directive>, variables: &Variables) -> Option<Template> {
        match directive.and_then(|directive| directive.arguments.first()) {
            Some(text) => self.template(text, variables),
            None => Some(literal("")),
        }
    }

    fn known_size(&mut self, text: &str, directive: Option<&Directive>) -> u64 {
        if text.is_empty() {
            return 0;
        }
        let size = parse_size(text);
        if let (None, Some(directive)) = (size, directive) {
            self.invalid(directive, 0);
        }
        size.unwrap_or(0)
    }

    /// A variable that only some requests set leaves the directive to the others: a map chooses.
    fn either(&mut self, rate: &Directive, variables: &Variables) -> Option<Template> {
        let otherwise = self.rate_text(Some(rate), variables)?;
        let otherwise = otherwise.as_text().unwrap_or(rate.first());
        let word = |text: &str| Spanned::new(text.to_owned(), rate.name.span);
        let entry =
            |key: &str, value: &str| Directive { name: word(key), arguments: vec![word(value)], block: None };
        let map = Directive {
            name: word("map"),
            arguments: vec![word("$limit_rate"), word("$limit_rate_or")],
            block: Some(vec![entry("", otherwise), entry("default", "$limit_rate")]),
        };
        let name = self.map_name("limit_rate_or");
        self.insert_map(&name, map);
        self.made_by_map(&name)
    }
}

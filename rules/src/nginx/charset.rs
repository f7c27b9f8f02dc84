//! `charset`, `source_charset`, `charset_map`: in which charset text is said to be, and what becomes of text in another.

use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use super::{Nginx, at};
use crate::language::media::{TEXT, is_charset};
use crate::source::Spanned;
use crate::table::{Charset, Recode};

/// What is said of it; one of them within a block makes another charset of what is said around it.
pub(super) const CHARSET: [&str; 4] = ["charset", "charset_types", "source_charset", "override_charset"];
/// More than a byte a letter.
const UTF_8: &str = "utf-8";

impl Nginx<'_, '_> {
    pub(super) fn read_charset(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Spanned<Option<Charset>>> {
        let directive = scope.find("charset")?;
        if directive.first() == "off" {
            return Some(at(directive, None));
        }
        let name = self.template(directive.arguments.first()?, variables)?;
        if name.as_text().is_some_and(|name| !is_charset(name)) {
            self.refuse(directive.span_of(0), "this is no charset's name", "write one such as `utf-8`");
            return None;
        }
        let types = match scope.find("charset_types") {
            // HTML is always one of them.
            Some(types) => {
                let named = types.arguments.iter().map(|name| name.value.clone());
                std::iter::once("text/html".to_owned())
                    .chain(named.filter(|name| name != "text/html"))
                    .collect()
            }
            None => TEXT.map(str::to_owned).to_vec(),
        };
        let source = scope.find("source_charset");
        let recodes = match name.as_text() {
            Some(name) => self.read_recodes(name, source, scope),
            None => Vec::new(),
        };
        if let (Some(source), None) = (source, name.as_text()) {
            let message = "\"source_charset\" beside a charset that each request says is not honoured";
            self.refuse(source.name.span, message, "write the charset out");
        }
        let source = source.map(|source| source.first().to_owned());
        let replaces = self.switch(scope.find("override_charset"), false);
        Some(at(directive, Some(Charset { name, types, source, replaces, recodes })))
    }

    /// From every charset that a map names beside this one.
    fn read_recodes(&mut self, name: &str, source: Option<&Directive>, scope: &Scope<'_>) -> Vec<Recode> {
        let mut recodes = Vec::new();
        for map in scope.every("charset_map") {
            let (from, to) = (map.first(), map.argument(1));
            let (other, is_forth) = match (to.eq_ignore_ascii_case(name), from.eq_ignore_ascii_case(name)) {
                (true, _) => (from, true),
                (false, true) => (to, false),
                (false, false) => continue,
            };
            let is_wide = [from, to].iter().any(|name| name.eq_ignore_ascii_case(UTF_8));
            if is_wide {
                let is_asked_for = source.is_some_and(|source| source.first().eq_ignore_ascii_case(other))
                    || scope.find("override_charset").is_some();
                if is_asked_for {
                    let message = "no text is made UTF-8 here, or taken from it";
                    self.refuse(map.name.span, message, "keep files in UTF-8");
                }
                continue;
            }
            let pairs = self.read_pairs(map);
            let turned = pairs.into_iter().map(|(from, to)| if is_forth { (from, to) } else { (to, from) });
            recodes.push(Recode::new(other.to_owned(), turned));
        }
        if let Some(source) = source
            && !source.first().eq_ignore_ascii_case(name)
            && !recodes.iter().any(|recode| recode.from.eq_ignore_ascii_case(source.first()))
        {
            let message =
                format!("no \"charset_map\" between the charsets \"{}\" and \"{name}\"", source.first());
            self.fault(source.span_of(0), message);
        }
        recodes
    }

    /// `C0 D0;`, in hexadecimal.
    fn read_pairs(&mut self, map: &Directive) -> Vec<(u8, u8)> {
        let mut pairs = Vec::new();
        for pair in map.inside() {
            let byte = |text: &str| u8::from_str_radix(text, 16).ok();
            match (byte(&pair.name.value), byte(pair.first()), pair.arguments.len()) {
                (Some(from), Some(to), 1) => pairs.push((from, to)),
                _ => self.fault(pair.name.span, "invalid parameters number or value"),
            }
        }
        pairs
    }
}

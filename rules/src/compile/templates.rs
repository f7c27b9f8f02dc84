//! Templates by name, and the layers of settings that hold at a place.

use crate::diagnostic::{Diagnostic, nearest};
use crate::language::file;
use crate::language::settings::{Settings, Template};
use crate::node::Reading;
use crate::source::{Sources, Spanned};
use crate::surroundings::InMemory;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

/// The templates that vordr brings along, read once, when one is asked for that is not the author's: their text is the
/// same for every load.
static BUILT_IN: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let nothing = InMemory::default();
    let mut reading = Reading::new(Sources::default(), &nothing);
    file::read_built_in(&mut reading).templates
});

/// How many templates a diagnostic lists.
const LISTED: usize = 12;

/// Every template; one of the author's own takes a built-in one's place.
pub(super) struct Templates<'t> {
    written: BTreeMap<&'t str, &'t Template>,
}

impl<'t> Templates<'t> {
    pub(super) fn new(written: &'t [Template], reading: &mut Reading<'_>) -> Self {
        let mut own: HashMap<&str, &Template> = HashMap::new();
        for template in written {
            if let Some(earlier) = own.insert(&template.name.value, template) {
                let place = reading.sources.place(earlier.name.span);
                let message = format!("there are two templates `{}`", template.name.value);
                reading.report(
                    Diagnostic::error("duplicate-name", template.name.span, message)
                        .label("name one of them otherwise")
                        .help(format!("the other stands at {}:{}", place.file, place.line)),
                );
            }
        }
        let by_name = written.iter().map(|template| (template.name.value.as_str(), template));
        let templates = Self { written: by_name.collect() };
        templates.report_faults(reading);
        templates
    }

    fn named(&self, name: &str) -> Option<&'t Template> {
        let built_in = || BUILT_IN.iter().find(|template| template.name.value == name);
        self.written.get(name).copied().or_else(built_in)
    }

    /// A template that is used nowhere is checked all the same. Each is looked into once, however many use it.
    fn report_faults(&self, reading: &mut Reading<'_>) {
        let mut done: HashSet<&str> = HashSet::new();
        for (name, template) in &self.written {
            if done.contains(name) {
                continue;
            }
            // The templates that pull one another in, outermost first; for each the next `use` to look at.
            let mut open = vec![(*template, 0)];
            let mut depths = HashMap::from([(*name, 0)]);
            while let Some((outer, next)) = open.last_mut() {
                let Some(used) = outer.settings.uses.get(*next) else {
                    depths.remove(outer.name.value.as_str());
                    done.insert(&outer.name.value);
                    open.pop();
                    continue;
                };
                *next += 1;
                match self.named(&used.value) {
                    None => reading.report(self.unknown(used)),
                    Some(inner) => match depths.get(used.value.as_str()) {
                        Some(depth) => reading.report(cycle(open.get(*depth..).unwrap_or_default(), used)),
                        None if done.contains(used.value.as_str()) => {}
                        None => {
                            depths.insert(&inner.name.value, open.len());
                            open.push((inner, 0));
                        }
                    },
                }
            }
        }
    }

    /// The settings that hold where `settings` stand, weakest first: its templates in the order of `use`, then
    /// its own words. A template that is pulled in more than once counts once, at the place where it is strongest.
    pub(super) fn layers(&self, settings: &'t Settings, reading: &mut Reading<'_>) -> Vec<&'t Settings> {
        for name in settings.uses.iter().filter(|name| self.named(&name.value).is_none()) {
            reading.report(self.unknown(name));
        }
        let mut layers = vec![settings];
        let mut met: HashSet<&str> = HashSet::new();
        // The strongest last, so that it is the next.
        let mut waiting: Vec<&Template> = self.used(settings).collect();
        while let Some(template) = waiting.pop() {
            if met.insert(&template.name.value) {
                layers.push(&template.settings);
                waiting.extend(self.used(&template.settings));
            }
        }
        layers.reverse();
        layers
    }

    /// The layers of a location, behind those of its server: one that is among both counts in the location alone.
    pub(super) fn inner_layers(
        &self,
        settings: &'t Settings,
        outer: &[&'t Settings],
        reading: &mut Reading<'_>,
    ) -> Vec<&'t Settings> {
        let own = self.layers(settings, reading);
        let is_own = |layer: &Settings| own.iter().any(|other| std::ptr::eq(*other, layer));
        outer.iter().copied().filter(|layer| !is_own(layer)).chain(own.iter().copied()).collect()
    }

    fn used(&self, settings: &'t Settings) -> impl Iterator<Item = &'t Template> {
        settings.uses.iter().filter_map(|name| self.named(&name.value))
    }

    fn unknown(&self, name: &Spanned<String>) -> Diagnostic {
        let message = format!("there is no template `{}`", name.value);
        let error = Diagnostic::error("unknown-template", name.span, message);
        let built_in = BUILT_IN.iter().map(|template| template.name.value.as_str());
        let known: BTreeSet<&str> = self.written.keys().copied().chain(built_in).collect();
        let mut known = known.iter().copied();
        match nearest(&name.value, known.clone()) {
            Some(meant) => error.label(format!("did you mean `{meant}`?")),
            None => {
                let listed = known.by_ref().take(LISTED).collect::<Vec<_>>().join(", ");
                let more = if known.next().is_some() { " and more" } else { "" };
                error.label(format!("known are {listed}{more}"))
            }
        }
    }
}

/// `around` are the templates of the cycle, from the one that `used` names again.
fn cycle(around: &[(&Template, usize)], used: &Spanned<String>) -> Diagnostic {
    let mut way: Vec<&str> = around.iter().take(LISTED).map(|(outer, _)| outer.name.value.as_str()).collect();
    if around.len() > LISTED {
        way.push("…");
    }
    let message = format!("template `{}` uses itself", used.value);
    Diagnostic::error("template-cycle", used.span, message).label(format!(
        "{} → {}",
        way.join(" → "),
        used.value
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_templates_have_no_fault() {
        let world = InMemory::default();
        let mut reading = Reading::new(Sources::default(), &world);
        let templates = file::read_built_in(&mut reading).templates;
        Templates::new(&templates, &mut reading);
        assert_eq!(reading.found, []);
        assert!(!BUILT_IN.is_empty());
    }
}

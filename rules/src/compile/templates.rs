//! Templates by name, and the layers of settings that hold at a place.

use crate::diagnostic::{Diagnostic, nearest};
use crate::language::file;
use crate::language::settings::{Settings, Template};
use crate::node::Reading;
use crate::source::Spanned;
use std::collections::BTreeMap;

/// The templates that vordr brings along, written in its own language.
const BUILT_IN: &str = include_str!("built-in.kdl");

/// Every template, built-in ones included; one of the author's own takes a built-in one's place.
pub(super) struct Templates {
    by_name: BTreeMap<String, Template>,
}

impl Templates {
    pub(super) fn new(written: Vec<Template>, reading: &mut Reading<'_>) -> Self {
        let built_in = file::read("built-in templates", BUILT_IN, reading).templates;
        let mut by_name: BTreeMap<_, _> =
            built_in.into_iter().map(|template| (template.name.value.clone(), template)).collect();
        let mut seen: Vec<String> = Vec::new();
        for template in written {
            let name = template.name.value.clone();
            if seen.contains(&name) {
                let message = format!("there are two templates `{name}`");
                reading.report(
                    Diagnostic::error("duplicate-name", template.name.span, message)
                        .label("name one of them otherwise"),
                );
            }
            seen.push(name.clone());
            by_name.insert(name, template);
        }
        let templates = Self { by_name };
        templates.report_faults(reading);
        templates
    }

    /// A template that is used nowhere is checked all the same.
    fn report_faults(&self, reading: &mut Reading<'_>) {
        for template in self.by_name.values() {
            self.layers_below(
                &template.settings,
                &mut vec![template.name.value.as_str()],
                &mut Vec::new(),
                Some(reading),
            );
        }
    }

    /// The settings that hold where `settings` stand, weakest first: its templates in the order of `use`, then
    /// its own words.
    pub(super) fn layers<'t>(
        &'t self,
        settings: &'t Settings,
        reading: &mut Reading<'_>,
    ) -> Vec<&'t Settings> {
        let mut layers = Vec::new();
        for name in settings.uses.iter().filter(|name| !self.by_name.contains_key(&name.value)) {
            reading.report(self.unknown(name));
        }
        self.layers_below(settings, &mut Vec::new(), &mut layers, None);
        layers
    }

    /// `open` are the templates that are being pulled in, outermost first. Faults within templates are reported
    /// once, when all of them are read.
    fn layers_below<'t>(
        &'t self,
        settings: &'t Settings,
        open: &mut Vec<&'t str>,
        layers: &mut Vec<&'t Settings>,
        mut reading: Option<&mut Reading<'_>>,
    ) {
        for used in &settings.uses {
            let fault = match self.by_name.get(&used.value) {
                None => Some(self.unknown(used)),
                Some(template) if open.contains(&template.name.value.as_str()) => {
                    let way = format!("{} → {}", open.join(" → "), used.value);
                    let message = format!("template `{}` uses itself", used.value);
                    Some(Diagnostic::error("template-cycle", used.span, message).label(way))
                }
                Some(template) => {
                    open.push(&template.name.value);
                    self.layers_below(&template.settings, open, layers, reading.as_deref_mut());
                    open.pop();
                    None
                }
            };
            if let (Some(fault), Some(reading)) = (fault, reading.as_deref_mut()) {
                reading.report(fault);
            }
        }
        layers.push(settings);
    }

    fn unknown(&self, name: &Spanned<String>) -> Diagnostic {
        let message = format!("there is no template `{}`", name.value);
        let error = Diagnostic::error("unknown-template", name.span, message);
        let known = self.by_name.keys().map(String::as_str);
        match nearest(&name.value, known.clone()) {
            Some(meant) => error.label(format!("did you mean `{meant}`?")),
            None => error.label(format!("known are {}", known.collect::<Vec<_>>().join(", "))),
        }
    }

    /// Every template's settings.
    pub(super) fn settings(&self) -> impl Iterator<Item = &Settings> {
        self.by_name.values().map(|template| &template.settings)
    }
}

//! `types`, `default_type`, `charset`, `expires`: what is said of bodies.

use super::charset::CHARSET;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use super::{Nginx, at};
use crate::language::settings::Settings;
use crate::source::{Span, Spanned};
use crate::table::{Bodies, Expires, Types};
use http::HeaderValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What nginx knows where no `types` stands.
const KNOWN: [(&str, &str); 3] = [("html", "text/html"), ("gif", "image/gif"), ("jpg", "image/jpeg")];
/// The type of what no ending tells of.
const UNKNOWN: &str = "text/plain";

impl Nginx<'_, '_> {
    /// What holds in a server, said outright.
    pub(super) fn read_media_of_server(&mut self, scope: &Scope<'_>, span: Span, settings: &mut Settings) {
        settings.types = Some(Spanned::new(self.read_types(scope), span));
        settings.bodies = Some(Spanned::new(Bodies::Nginx, span));
        settings.charset = self.read_charset(scope, &Variables::default());
    }

    /// What a location says besides its server; `own` are its blocks, and `scope` those around it too.
    pub(super) fn read_media(
        &mut self,
        (own, scope): (&Scope<'_>, &Scope<'_>),
        variables: &Variables,
        settings: &mut Settings,
    ) {
        if let Some(directive) = own.find("types").or_else(|| own.find("default_type")) {
            settings.types = Some(at(directive, self.read_types(scope)));
        }
        if CHARSET.iter().any(|name| own.find(name).is_some()) {
            settings.charset = self.read_charset(scope, variables);
        }
        settings.expires = self.read_expires(scope, variables);
    }

    fn read_types(&mut self, scope: &Scope<'_>) -> Arc<Types> {
        let mut by_ending = BTreeMap::new();
        let blocks = scope.all("types");
        for entry in blocks.iter().flat_map(|block| block.inside()) {
            let Some(name) = self.content_type_of(&entry.name) else { continue };
            for ending in &entry.arguments {
                by_ending.insert(ending.value.to_ascii_lowercase(), name.clone());
            }
        }
        if blocks.is_empty() {
            by_ending = KNOWN
                .map(|(ending, name)| (ending.to_owned(), HeaderValue::from_static(name)))
                .into_iter()
                .collect();
        }
        let default = scope.find("default_type").and_then(|directive| directive.arguments.first());
        let default = default.and_then(|name| self.content_type_of(name));
        Arc::new(Types { default: default.unwrap_or(HeaderValue::from_static(UNKNOWN)), by_ending })
    }

    fn content_type_of(&mut self, name: &Spanned<String>) -> Option<HeaderValue> {
        let value = HeaderValue::from_str(&name.value).ok();
        if value.is_none() {
            self.fault(name.span, format!("invalid type \"{}\"", name.value.escape_debug()));
        }
        value
    }

    pub(super) fn read_expires(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Spanned<Expires>> {
        let directive = scope.find("expires")?;
        let text = lifetime(directive);
        if text.contains('$') {
            let written = Spanned::new(text, directive.span_of(0));
            let filled = self.template(&written, variables)?;
            return Some(Spanned::new(Expires::Filled(filled), written.span));
        }
        match text.parse() {
            Ok(lifetime) => Some(at(directive, Expires::Always(lifetime))),
            Err(_) => {
                self.fault(directive.span_of(0), "invalid value");
                None
            }
        }
    }
}

/// `modified +24h` is two arguments.
fn lifetime(directive: &Directive) -> String {
    match directive.arguments.get(1) {
        Some(time) => format!("{} {}", directive.first(), time.value),
        None => directive.first().to_owned(),
    }
}

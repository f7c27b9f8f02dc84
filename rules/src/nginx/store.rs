//! `proxy_store` and its kin: answers of upstreams that are kept as files.

use super::Nginx;
use super::files::Folder;
use super::location::Kind;
use super::scope::Scope;
use super::variable::Variables;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Span;
use crate::table::Store;

impl Nginx<'_, '_> {
    /// Where answers are kept, where they are.
    pub(super) fn read_store(
        &mut self,
        kind: &Kind,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Store> {
        let folder = self.read_temporary_folder(scope.find("proxy_temp_path"));
        let mode = self.read_store_access(scope);
        let directive = scope.find("proxy_store").filter(|directive| directive.first() != "off")?;
        let path = match directive.first() {
            "on" => {
                let folder = self.read_folder(kind, scope, variables)?;
                self.path_of_files(folder, kind, directive.span_of(0))?
            }
            _ => {
                let mut path = self.template(directive.arguments.first()?, variables)?;
                if let Some(Part::Text(text)) = path.parts.first_mut() {
                    *text = self.below_prefix(text);
                }
                path
            }
        };
        if !matches!(path.parts.first(), Some(Part::Text(_))) {
            let message = "the path has to begin with what is known before there is a request";
            self.refuse(directive.span_of(0), message, "write `/srv/copies$uri`");
            return None;
        }
        Some(Store { path, mode, folder })
    }

    fn read_store_access(&mut self, scope: &Scope<'_>) -> u32 {
        let directive = scope.find("proxy_store_access");
        let words = directive.map(|directive| directive.arguments.as_slice()).unwrap_or_default();
        let mode = Store::read_mode(words.iter().map(|word| word.value.as_str()));
        if let (None, Some(directive)) = (mode, directive) {
            self.fault(directive.span_of(0), format!("invalid value \"{}\"", directive.first()));
        }
        mode.unwrap_or(0o600)
    }

    /// Where the file of a request's path is, by `root` or `alias`.
    fn path_of_files(&mut self, folder: Folder, kind: &Kind, span: Span) -> Option<Template> {
        let mut parts = vec![Part::Text(folder.root)];
        if let Some(within) = folder.within {
            end_folder(&mut parts);
            parts.extend(within.parts);
        }
        match (folder.path, folder.strip_prefix) {
            (Some(path), _) => {
                end_folder(&mut parts);
                parts.extend(path.parts);
            }
            (None, None) => parts.push(Part::Placeholder(Placeholder::NormalPath)),
            (None, Some(prefix)) => {
                let is_own =
                    matches!(kind, Kind::Prefix { path, .. } if path.trim_end_matches('/') == prefix);
                if !is_own {
                    let message = "where files are is said by an \"alias\" of a location around";
                    self.refuse(span, message, "write the path out: `proxy_store /srv/copies$uri;`");
                    return None;
                }
                end_folder(&mut parts);
                parts.push(Part::Placeholder(Placeholder::Rest));
            }
        }
        let mut path = Template { parts: Vec::new() };
        parts.into_iter().for_each(|part| super::variable::push(&mut path.parts, part));
        Some(path)
    }
}

/// What follows is in the folder that is named so far.
fn end_folder(parts: &mut Vec<Part>) {
    if !matches!(parts.last(), Some(Part::Text(text)) if text.ends_with('/')) {
        parts.push(Part::Text("/".to_owned()));
    }
}

//! `proxy_request_buffering` and `client_body_*`: how bodies are read before they are sent, and where they wait.

use super::scope::Scope;
use super::tree::Directive;
use super::{Nginx, at};
use crate::source::{Span, Spanned};
use crate::table::{BodyFile, Buffering, TemporaryFolder};
use std::sync::Arc;

/// What any of it is said by.
const WORDS: [&str; 6] = [
    "proxy_request_buffering",
    "client_body_buffer_size",
    "client_body_temp_path",
    "client_body_in_file_only",
    "proxy_set_body",
    "proxy_pass_request_body",
];

/// What holds in a server that says nothing.
pub(super) fn usual_buffering(server: Span) -> Option<Spanned<Option<Arc<Buffering>>>> {
    Some(Spanned::new(Some(Arc::default()), server))
}

impl Nginx<'_, '_> {
    /// What holds at a place, where its `own` blocks say anything of it; in KDL it is one word.
    pub(super) fn read_buffering(
        &mut self,
        own: &Scope<'_>,
        scope: &Scope<'_>,
    ) -> Option<Spanned<Option<Arc<Buffering>>>> {
        let file = self.read_body_file(scope);
        // Whether another body goes in its place decides only on the file.
        let words = WORDS.into_iter().take(if file.is_some() { WORDS.len() } else { 4 });
        let directive = words.filter_map(|word| own.find(word)).next()?;
        let usual = Buffering::default();
        let is_passed = scope.find("proxy_set_body").is_none()
            && self.switch(scope.find("proxy_pass_request_body"), true);
        let on = self.switch(scope.find("proxy_request_buffering"), true);
        let memory = scope.find("client_body_buffer_size").and_then(|size| self.size(size, 0));
        let memory = memory.map_or(usual.memory, |size| size.value.0);
        let folder = self.read_temporary_folder(scope.find("client_body_temp_path"));
        // A body that nobody waits for is read whole all the same, where a file is wanted.
        let is_read = on || (file.is_some() && !is_passed);
        Some(at(directive, is_read.then(|| Arc::new(Buffering { memory, folder, file }))))
    }

    fn read_body_file(&mut self, scope: &Scope<'_>) -> Option<BodyFile> {
        let directive = scope.find("client_body_in_file_only")?;
        match directive.first() {
            "on" => Some(BodyFile::Kept),
            "clean" => Some(BodyFile::Removed),
            "off" => None,
            word => {
                self.fault(directive.span_of(0), format!("invalid value \"{word}\""));
                None
            }
        }
    }

    /// A folder, and how many digits name those in it.
    pub(super) fn read_temporary_folder(&mut self, directive: Option<&Directive>) -> TemporaryFolder {
        let Some(directive) = directive else { return TemporaryFolder::default() };
        let words = directive.arguments.iter().skip(1).map(|word| word.value.as_str());
        let levels = TemporaryFolder::read_levels(words);
        if levels.is_none() {
            let written = directive.argument(1);
            self.fault(directive.span_of(1), format!("invalid value \"{written}\""));
        }
        let path = Some(self.below_prefix(directive.first()));
        TemporaryFolder { path, levels: levels.unwrap_or_default() }
    }
}

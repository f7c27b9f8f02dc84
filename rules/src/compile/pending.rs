//! Words that are understood and checked, and whose behaviour this version does not have: `run` refuses them, so
//! that nothing is accepted and ignored.

use super::templates::Templates;
use crate::diagnostic::Diagnostic;
use crate::language::File;
use crate::language::server::Server;
use crate::language::settings::Settings;
use crate::source::Span;

/// Everything in a file that is not served yet.
pub(super) fn find(file: &File, templates: &Templates<'_>) -> Vec<Diagnostic> {
    let mut found = Found(Vec::new());
    templates.settings().for_each(|settings| found.in_settings(settings));
    file.servers.iter().for_each(|server| found.in_server(server));
    found.0
}

struct Found(Vec<Diagnostic>);

impl Found {
    fn note(&mut self, what: &str, span: Option<Span>) {
        let Some(span) = span else { return };
        let message = format!("{what} is not served by this version of vordr");
        self.0.push(
            Diagnostic::error("not-yet", span, message).label("understood, and refused by `vordr run`"),
        );
    }

    fn in_server(&mut self, server: &Server) {
        self.in_settings(&server.settings);
        for location in &server.locations {
            self.in_settings(&location.settings);
        }
    }

    fn in_settings(&mut self, settings: &Settings) {
        let ping = settings.websocket.ping.as_ref().filter(|ping| ping.value.0.is_some());
        self.note("`websocket ping`", ping.map(|ping| ping.span));
    }
}

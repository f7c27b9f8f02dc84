//! What a server says of requests that are refused before they have a location. In KDL its locations would have that
//! besides their own; in nginx their own takes its place.

use super::Nginx;
use super::scope::Scope;
use super::variable::Variables;
use crate::language::action::Action;
use crate::language::on_error::OnError;
use crate::language::settings::Settings;
use crate::table::HeaderOperation;

impl Nginx<'_, '_> {
    /// `add_header`, `add_trailer`, `error_page` and `expires`, as far as such a request can meet them; `None` where it meets
    /// nothing.
    pub(super) fn read_early(&mut self, scope: &Scope<'_>, variables: &Variables) -> Option<Settings> {
        let on_error = self.read_early_error_pages(scope, variables);
        let mut response = self.read_added_headers(scope, variables);
        let leads_away = |page: &OnError| matches!(page.action, Some(Action::Redirect(_)));
        let is_redirected = on_error.iter().any(leads_away);
        // Without a redirect every such answer is a failure.
        response
            .retain(|operation| is_redirected || !matches!(operation.value, HeaderOperation::OnSuccess(_)));
        if on_error.is_empty() && response.is_empty() {
            return None;
        }
        let expires = if is_redirected { self.read_expires(scope, variables) } else { None };
        Some(Settings { response, expires, on_error, ..Settings::default() })
    }
}

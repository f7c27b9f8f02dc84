//! `error_page`: what is answered in the place of a failure.

use super::Nginx;
use super::scope::Scope;
use super::settings::AROUND;
use super::tree::Directive;
use super::variable::{Variables, push};
use crate::language::action::Action;
use crate::language::on_error::OnError;
use crate::language::redirect::Redirect;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Spanned;
use crate::table::{AnswerStatus, OnErrorFrom};
use http::StatusCode;

/// What a request may be refused with before it has a location, but for the statuses of TLS.
const EARLY: [u16; 7] = [400, 405, 414, 421, 494, 501, 505];

impl Nginx<'_, '_> {
    /// Those of the nearest block that has any, for what fails in a location.
    pub(super) fn read_error_pages(&mut self, scope: &Scope<'_>, variables: &Variables) -> Vec<OnError> {
        // A location's own may be for a status that its `return` names.
        let own = scope.from(AROUND).find("error_page");
        let fits = if own.is_some() { |_| true } else { |status| !is_of_tls(status) };
        self.read_pages_of(scope, variables, fits)
    }

    /// The same for what fails before there is a location: the way by which the client comes.
    pub(super) fn read_first_error_pages(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Vec<OnError> {
        self.read_pages_of(scope, variables, is_of_tls)
    }

    /// The same for what fails before there is a location in other ways.
    pub(super) fn read_early_error_pages(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Vec<OnError> {
        self.read_pages_of(scope, variables, |status| EARLY.contains(&status.as_u16()))
    }

    fn read_pages_of(
        &mut self,
        scope: &Scope<'_>,
        variables: &Variables,
        fits: fn(StatusCode) -> bool,
    ) -> Vec<OnError> {
        let intercepts = self.switch(scope.find("proxy_intercept_errors"), false);
        let again = self.switch(scope.find("recursive_error_pages"), false);
        let from = if intercepts { OnErrorFrom::All } else { OnErrorFrom::Rules };
        let mut pages = Vec::new();
        for directive in scope.all("error_page") {
            if let Some(mut page) = self.read_error_page(directive, scope, variables) {
                page.statuses.retain(|status| fits(*status));
                pages.extend((!page.statuses.is_empty()).then_some(OnError { from, again, ..page }));
            }
        }
        pages
    }

    fn read_error_page(
        &mut self,
        directive: &Directive,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<OnError> {
        let (uri, before) = directive.arguments.split_last()?;
        let (codes, status) = match before.split_last() {
            Some((word, codes)) if word.value.starts_with('=') => (codes, self.read_overwrite(word)?),
            _ => (before, AnswerStatus::Failure),
        };
        if codes.is_empty() {
            self.fault(uri.span, format!("invalid value \"{}\"", directive.first()));
            return None;
        }
        let statuses: Vec<_> = codes.iter().filter_map(|code| self.read_code(code)).collect();
        let action = self.read_error_action(uri, status, (scope, variables))?;
        let span = directive.name.span;
        let from = OnErrorFrom::Rules;
        Some(OnError { span, statuses, from, status, again: false, action: Some(action) })
            .filter(|page| !page.statuses.is_empty())
    }

    /// `=` is the status of whatever answers, as is `=0`; `=200` is this one.
    fn read_overwrite(&mut self, word: &Spanned<String>) -> Option<AnswerStatus> {
        let digits = word.value.trim_start_matches('=');
        match digits.parse::<u16>() {
            _ if digits.is_empty() => Some(AnswerStatus::Own),
            Ok(0) => Some(AnswerStatus::Own),
            Ok(code @ 200..=599) => StatusCode::from_u16(code).ok().map(AnswerStatus::Fixed),
            Ok(_) => {
                self.fault(word.span, format!("value \"{}\" must be between 200 and 599", word.value));
                None
            }
            Err(_) => {
                self.fault(word.span, format!("invalid value \"{}\"", word.value));
                None
            }
        }
    }

    fn read_code(&mut self, code: &Spanned<String>) -> Option<StatusCode> {
        let Ok(number) = code.value.parse::<u16>() else {
            self.fault(code.span, format!("invalid value \"{}\"", code.value));
            return None;
        };
        match number {
            300..=498 | 500..=599 => StatusCode::from_u16(number).ok(),
            _ => {
                self.fault(code.span, format!("value \"{}\" must be between 300 and 599", code.value));
                None
            }
        }
    }

    /// A path is looked for anew, a name entered, and anything else a redirect.
    fn read_error_action(
        &mut self,
        uri: &Spanned<String>,
        status: AnswerStatus,
        (scope, variables): (&Scope<'_>, &Variables),
    ) -> Option<Action> {
        if uri.value.starts_with('@') {
            return Some(self.read_entering(uri, scope));
        }
        let target = Spanned::new(self.template(uri, variables)?, uri.span);
        if is_path(&target.value) {
            return Some(Action::Search(Spanned::new(with_its_own_query(target.value), uri.span)));
        }
        let status = match status {
            AnswerStatus::Fixed(status) if matches!(status.as_u16(), 301..=303 | 307 | 308) => status,
            _ => StatusCode::FOUND,
        };
        Some(Action::Redirect(Redirect { status, target, keeps_query: false }))
    }
}

/// nginx's own statuses for a client certificate that does not hold, or is not there, and for HTTP in the clear.
fn is_of_tls(status: StatusCode) -> bool {
    (495..=497).contains(&status.as_u16())
}

/// A path as nginx goes on with it: the query that came does not stay.
pub(super) fn with_its_own_query(mut path: Template) -> Template {
    let may_have_one = |part: &Part| match part {
        Part::Text(text) => text.contains('?'),
        Part::Placeholder(placeholder) => matches!(
            placeholder,
            Placeholder::Uri | Placeholder::Query | Placeholder::QueryMark | Placeholder::Variable(_)
        ),
    };
    if !path.parts.iter().any(may_have_one) {
        push(&mut path.parts, Part::Text("?".to_owned()));
    }
    path
}

/// Whether a text is a path of this server.
pub(super) fn is_path(template: &Template) -> bool {
    match template.parts.first() {
        Some(Part::Text(text)) => text.starts_with('/'),
        Some(Part::Placeholder(placeholder)) => {
            matches!(placeholder, Placeholder::Uri | Placeholder::Path | Placeholder::NormalPath)
        }
        None => false,
    }
}

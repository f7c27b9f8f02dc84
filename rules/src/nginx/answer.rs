//! `return`: an answer that stands in the file.

use super::Nginx;
use super::error_page::is_path;
use super::files::failing;
use super::location::{Kind, made};
use super::scope::Scope;
use super::tree::Directive;
use super::variable::{Variables, literal};
use crate::language::action::Action;
use crate::language::location::Location;
use crate::language::redirect::Redirect;
use crate::language::respond::{Body, Respond};
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Spanned;
use crate::table::HeaderOperation;
use http::StatusCode;

/// The `return` that ends a block, where it has one.
pub(super) fn first_return(directives: &[Directive]) -> Option<&Directive> {
    directives.iter().find(|directive| directive.name.value == "return")
}

/// The highest capture that a header operation asks for.
pub(super) fn highest_capture(operation: &HeaderOperation) -> usize {
    match operation {
        HeaderOperation::Set(_, value)
        | HeaderOperation::Add(_, value)
        | HeaderOperation::Default(_, value)
        | HeaderOperation::Trailer(_, value) => value.highest_capture(),
        HeaderOperation::OnSuccess(operation) => highest_capture(operation),
        HeaderOperation::Remove(_) | HeaderOperation::RemovePrefix(_) => 0,
    }
}

/// This very server: `http://host:port`.
fn own_address(host: Template, port: Option<Template>) -> Template {
    let mut parts = vec![Part::Placeholder(Placeholder::Scheme), Part::Text("://".to_owned())];
    parts.extend(host.parts);
    if let Some(port) = port {
        parts.push(Part::Text(":".to_owned()));
        parts.extend(port.parts);
    }
    Template { parts: joined(parts) }
}

/// Neighbouring text as one part.
pub(super) fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match (all.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => all.push(part),
        }
    }
    all
}

impl Nginx<'_, '_> {
    /// A location that answers as a `return` says; `None` where that cannot be, and has been reported.
    pub(super) fn answering(
        &mut self,
        directive: &Directive,
        kind: &Kind,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Location> {
        // What cannot be answered is not answered with files either.
        let action = self.read_return(directive, scope, variables);
        let action = action.unwrap_or_else(|| failing(StatusCode::BAD_GATEWAY));
        let settings = self.read_settings_before_access(scope, variables);
        if scope.own_access() {
            let message = "\"return\" comes before \"allow\", \"deny\" and \"auth_basic\", so they keep nobody out here";
            self.trap(directive.name.span, message, "leave them out, or let an upstream answer");
        }
        Some(made(directive.name.span, kind, Some(action), settings))
    }

    pub(super) fn read_return(
        &mut self,
        directive: &Directive,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Action> {
        let first = directive.first();
        let is_status = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
        let (status, text) = match (is_status, directive.arguments.get(1)) {
            (true, text) => (first.parse::<u16>().unwrap_or(u16::MAX), text),
            (false, None)
                if ["http://", "https://", "$scheme"].iter().any(|start| first.starts_with(start)) =>
            {
                (302, directive.arguments.first())
            }
            (false, _) => {
                self.fault(directive.span_of(0), format!("invalid return code \"{first}\""));
                return None;
            }
        };
        let known = StatusCode::from_u16(status).ok().filter(|_| (200..=599).contains(&status));
        let Some(status) = known.filter(|status| status.as_u16() != 499) else {
            if status > 999 {
                self.fault(directive.span_of(0), format!("invalid return code \"{first}\""));
            } else {
                let message = format!("vordr answers every request, and never with {status}");
                self.refuse(directive.span_of(0), message, "write a status from 200 to 599, such as 404");
            }
            return None;
        };
        match (status.as_u16(), text) {
            (301..=303 | 307 | 308, Some(target)) => self.read_redirect(status, target, scope, variables),
            (204 | 304 | 444, _) => Some(respond(status, false, Body::default())),
            (400..=599, None) => Some(failing(status)),
            (_, text) => {
                let body = text.map_or_else(|| Some(Body::default()), |text| self.body(text, variables))?;
                Some(respond(status, true, body))
            }
        }
    }

    fn body(&mut self, text: &Spanned<String>, variables: &Variables) -> Option<Body> {
        let template = self.template(text, variables)?;
        Some(match template.as_text() {
            Some(text) => Body::Fixed(text.as_bytes().to_vec()),
            None => Body::Filled(Spanned::new(template, text.span)),
        })
    }

    /// What stands before the path of a redirect to this server itself; `None` where it goes without.
    pub(super) fn redirect_base(&mut self, scope: &Scope<'_>, variables: &Variables) -> Option<Template> {
        if !self.switch(scope.find("absolute_redirect"), true) {
            return None;
        }
        let host = match self.switch(scope.find("server_name_in_redirect"), false) {
            true => literal(variables.text("server_name").unwrap_or_default()),
            false => Template { parts: vec![Part::Placeholder(Placeholder::Host)] },
        };
        let has_port = self.switch(scope.find("port_in_redirect"), true);
        let port = self.redirect_port(variables).filter(|_| has_port);
        Some(own_address(host, port))
    }

    /// A target as it is sent: a path of this server perhaps as a whole URL.
    pub(super) fn sent_target(
        &mut self,
        written: Template,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Template {
        let base = if is_path(&written) { self.redirect_base(scope, variables) } else { None };
        match base {
            Some(mut address) => {
                address.parts.extend(written.parts);
                Template { parts: joined(address.parts) }
            }
            None => written,
        }
    }

    /// A path becomes a whole URL, as nginx sends it.
    fn read_redirect(
        &mut self,
        status: StatusCode,
        target: &Spanned<String>,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Action> {
        let written = self.template(target, variables)?;
        let template = self.sent_target(written, scope, variables);
        let target = Spanned::new(template, target.span);
        Some(Action::Redirect(Redirect { status, target, keeps_query: false }))
    }
}

/// `typed` where it has a type, which goes by the path.
fn respond(status: StatusCode, typed: bool, body: Body) -> Action {
    Action::Respond(Respond { status, content_type: None, body, fails: false, by_path: typed })
}

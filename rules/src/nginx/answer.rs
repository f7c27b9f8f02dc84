//! `return`: an answer that stands in the file.

use super::Nginx;
use super::location::{Kind, made};
use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use crate::language::action::Action;
use crate::language::location::Location;
use crate::language::redirect::Redirect;
use crate::language::respond::{Body, Respond};
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Spanned;
use crate::table::HeaderOperation;
use http::{HeaderValue, StatusCode};

/// The `return` that ends a block, where it has one.
pub(super) fn first_return(directives: &[Directive]) -> Option<&Directive> {
    directives.iter().find(|directive| directive.name.value == "return")
}

/// The highest capture that a header operation asks for.
pub(super) fn highest_capture(operation: &HeaderOperation) -> usize {
    match operation {
        HeaderOperation::Set(_, value)
        | HeaderOperation::Add(_, value)
        | HeaderOperation::Default(_, value) => value.highest_capture(),
        HeaderOperation::OnSuccess(operation) => highest_capture(operation),
        HeaderOperation::Remove(_) | HeaderOperation::RemovePrefix(_) => 0,
    }
}

/// This very server, as the client called it: `http://host:port`.
pub(super) fn own_address(port: Option<Template>) -> Template {
    let mut parts = vec![
        Part::Placeholder(Placeholder::Scheme),
        Part::Text("://".to_owned()),
        Part::Placeholder(Placeholder::Host),
    ];
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

/// The page that nginx shows for a status, under vordr's name.
pub(super) fn page(status: StatusCode) -> Action {
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let title = title.trim_end();
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>vordr</center>\r\n</body>\r\n</html>\r\n"
    );
    let content_type = Some(HeaderValue::from_static("text/html"));
    Action::Respond(Respond { status, content_type, body: Body::Fixed(body.into_bytes()) })
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
        let action = self.read_return(directive, scope, variables)?;
        let settings = self.read_settings_before_access(scope, variables);
        if scope.own_access() {
            let message = "\"return\" comes before \"allow\", \"deny\" and \"auth_basic\", so they keep nobody out here";
            self.trap(directive.name.span, message, "leave them out, or let an upstream answer");
        }
        Some(made(directive.name.span, kind, Some(action), settings))
    }

    fn read_return(
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
        let Some(status) = known.filter(|status| !matches!(status.as_u16(), 444 | 499)) else {
            if status > 999 {
                self.fault(directive.span_of(0), format!("invalid return code \"{first}\""));
            } else {
                let message = format!("vordr answers every request, and never with {status}");
                self.refuse(directive.span_of(0), message, "write a status from 200 to 599, such as 404");
            }
            return None;
        };
        match (status.as_u16(), text) {
            (301..=303 | 307 | 308, Some(target)) => self.read_redirect(status, target, variables),
            (204 | 304, _) => Some(respond(status, None, Body::default())),
            (400..=599, None) => Some(page(status)),
            (_, text) => {
                let body = text.map_or_else(|| Some(Body::default()), |text| self.body(text, variables))?;
                Some(respond(status, Some(self.content_type(scope)), body))
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

    fn content_type(&mut self, scope: &Scope<'_>) -> HeaderValue {
        let Some(directive) = scope.find("default_type") else {
            return HeaderValue::from_static("text/plain");
        };
        HeaderValue::from_str(directive.first()).unwrap_or_else(|_| {
            self.invalid(directive, 0);
            HeaderValue::from_static("text/plain")
        })
    }

    /// A path becomes a whole URL, as nginx sends it.
    fn read_redirect(
        &mut self,
        status: StatusCode,
        target: &Spanned<String>,
        variables: &Variables,
    ) -> Option<Action> {
        let written = self.template(target, variables)?;
        let is_path = match written.parts.first() {
            Some(Part::Text(text)) => text.starts_with('/'),
            Some(Part::Placeholder(Placeholder::Uri | Placeholder::Path | Placeholder::NormalPath)) => true,
            _ => false,
        };
        let template = match is_path {
            true => {
                let mut address = own_address(self.redirect_port(variables));
                address.parts.extend(written.parts);
                Template { parts: joined(address.parts) }
            }
            false => written,
        };
        let target = Spanned::new(template, target.span);
        Some(Action::Redirect(Redirect { status, target, keeps_query: false }))
    }
}

fn respond(status: StatusCode, content_type: Option<HeaderValue>, body: Body) -> Action {
    Action::Respond(Respond { status, content_type, body })
}

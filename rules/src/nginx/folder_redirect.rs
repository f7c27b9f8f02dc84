//! `location /a/` that proxies, asked for `/a`.

use super::Nginx;
use super::answer::joined;
use super::location::{Kind, made};
use super::scope::Scope;
use super::tree::Directive;
use super::twins::modifier_and_path;
use super::variable::{Variables, literal};
use crate::language::action::Action;
use crate::language::location::Location;
use crate::language::redirect::Redirect;
use crate::placeholder::Part;
use crate::source::{Span, Spanned};
use http::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a path in a redirect has in its escaped form alone (RFC 3986, section 3.3).
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

impl Nginx<'_, '_> {
    /// `location /a/` that proxies sends `/a` to `/a/`, unless `/a` has a location of its own.
    pub(super) fn redirect_to_folder(
        &mut self,
        kind: &Kind,
        scope: &Scope<'_>,
        span: Span,
        variables: &Variables,
        locations: &mut Vec<Location>,
    ) {
        let Kind::Prefix { path, .. } = kind else { return };
        let Some(bare) = path.strip_suffix('/').filter(|bare| !bare.is_empty()) else { return };
        if scope.every("location").any(|location| is_at(location, bare)) {
            return;
        }
        let mut target = self.redirect_base(scope, variables).unwrap_or_else(|| literal(""));
        target.parts.push(Part::Text(utf8_percent_encode(path, NOT_IN_A_PATH).to_string()));
        target.parts = joined(target.parts);
        let redirect = Redirect {
            status: StatusCode::MOVED_PERMANENTLY,
            target: Spanned::new(target, span),
            keeps_query: true,
        };
        let settings = self.read_settings_before_access(scope, variables);
        locations.push(made(span, &Kind::Exact(bare.to_owned()), Some(Action::Redirect(redirect)), settings));
    }
}

/// Whether a location has exactly this path, and not those that match a regex.
fn is_at(location: &Directive, path: &str) -> bool {
    let (modifier, written) = modifier_and_path(location);
    matches!(modifier, "" | "=" | "^~") && written == path
}

//! `location`: which paths, and what is done with them.

use super::files::failing;
use super::methods::tells_methods_apart;
use super::scope::Scope;
use super::steps::{ARGS, Here, returned};
use super::tree::Directive;
use super::variable::{Variables, literal};
use super::{Nginx, answer, check};
use crate::language::action::Action;
use crate::language::location::{Location, Path};
use crate::language::settings::Settings;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::PathRegex;
use http::StatusCode;

/// How a location takes a path.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// `/a`, and `^~ /a` which no regex comes before.
    Prefix { path: String, is_final: bool },
    /// `= /a`
    Exact(String),
    /// `~ …` and `~* …`
    Regex(PathRegex),
    /// `@app`, without its `@`.
    Named(String),
}

impl Kind {
    fn path(&self, span: Span) -> Option<Path> {
        Some(match self {
            Self::Prefix { path, .. } => Path::RawPrefix(Spanned::new(path.clone(), span)),
            Self::Exact(path) => Path::Exact(Spanned::new(path.clone(), span)),
            Self::Regex(regex) => Path::Regex(Spanned::new(regex.clone(), span)),
            Self::Named(_) => return None,
        })
    }

    fn name(&self, span: Span) -> Option<Spanned<String>> {
        match self {
            Self::Named(name) => Some(Spanned::new(name.clone(), span)),
            _ => None,
        }
    }

    /// Whether the location's path is plain, so that a part of it may be replaced.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Prefix { .. } | Self::Exact(_))
    }

    /// How many groups it captures.
    fn groups(&self) -> usize {
        match self {
            Self::Regex(regex) => regex.groups(),
            _ => 0,
        }
    }
}

/// A location with nothing in it but what is given.
pub(super) fn made(span: Span, kind: &Kind, action: Option<Action>, settings: Settings) -> Location {
    Location {
        span,
        name: kind.name(span),
        paths: kind.path(span).into_iter().collect(),
        is_final: matches!(kind, Kind::Prefix { is_final: true, .. }),
        is_internal: false,
        within: None,
        steps: Vec::new(),
        conditions: Vec::new(),
        action,
        settings,
    }
}

impl Nginx<'_, '_> {
    /// A location and those within it.
    pub(super) fn read_location(
        &mut self,
        directive: &Directive,
        outer: Option<&Kind>,
        around: &Scope<'_>,
        variables: &Variables,
        locations: &mut Vec<Location>,
    ) {
        let Some(kind) = self.read_kind(directive, outer) else { return };
        if self.is_never_reached(directive, around) {
            return;
        }
        let scope = around.within(directive.inside());
        let mut variables = variables.clone();
        self.file_variables(&kind, &scope, &mut variables);
        self.read_sets(directive.inside(), &mut variables);
        self.read_referers(&scope, &mut variables);
        self.read_auth_sets(&scope, &mut variables);
        self.name_proxied(directive, &mut variables);
        let here = Here { location: Some(directive), kind: &kind, scope: &scope, variables: &variables };
        let steps = match tells_methods_apart(directive) {
            true => {
                self.read_methods(directive, &kind, &scope, &variables, locations);
                Vec::new()
            }
            false => self.read_own_steps(directive, &here, locations),
        };
        let mut location = self.read_content(directive, &kind, &scope, &variables, locations);
        location.steps = steps;
        self.read_tries(directive, &here, &mut location);
        let within = outer.and_then(|outer| read_within(directive, (&kind, outer), around));
        let is_internal = directive.inside().iter().any(|directive| directive.name.value == "internal");
        // Nobody from outside gets to one with a name anyway.
        let is_internal = is_internal && location.name.is_none();
        locations.push(Location { is_internal, within, ..location });
        for inner in directive.inside().iter().filter(|directive| directive.name.value == "location") {
            self.read_location(inner, Some(&kind), &scope, &variables, locations);
        }
    }

    /// What a location does with a request that comes as far as its content.
    fn read_content(
        &mut self,
        directive: &Directive,
        kind: &Kind,
        scope: &Scope<'_>,
        variables: &Variables,
        locations: &mut Vec<Location>,
    ) -> Location {
        let span = directive.span_of(directive.arguments.len().saturating_sub(1));
        if let Some(answered) = returned(directive.inside())
            && let Some(location) = self.answering(answered, kind, scope, variables)
        {
            return Location { span, ..location };
        }
        match passing(directive.inside()) {
            Some(pass) => {
                self.redirect_to_folder(kind, scope, span, variables, locations);
                self.read_passing(pass, kind, scope, span, variables)
            }
            None => self.nothing_here(kind, scope, span, variables),
        }
    }

    /// What is done in an `if` or a `limit_except`: what it says, or else what the location around it does.
    pub(super) fn read_content_within(
        &mut self,
        block: &Directive,
        location: &Directive,
        here: &Here<'_, '_>,
    ) -> Location {
        let Here { kind, scope, variables, .. } = *here;
        let span = block.name.span;
        match (passing(block.inside()), passing(location.inside())) {
            // As in a location with a name, there is no prefix whose place a path could take.
            (Some(pass), _) => self.read_passing(pass, &Kind::Named(String::new()), scope, span, variables),
            (None, Some(pass)) => self.read_passing(pass, kind, scope, span, variables),
            (None, None) => {
                let location_has = content_without_files(location.inside());
                let content = self.nothing_here(kind, scope, span, variables);
                let has_own = content_without_files(block.inside()).is_some();
                let action = location_has.filter(|_| !has_own).or(content.action);
                Location { action, ..content }
            }
        }
    }

    fn read_passing(
        &mut self,
        pass: &Directive,
        kind: &Kind,
        scope: &Scope<'_>,
        span: Span,
        variables: &Variables,
    ) -> Location {
        let mut settings = self.read_settings(scope, variables, true);
        let action = self.read_proxy(pass, kind, scope, variables, &mut settings);
        self.check_captures(kind, &settings, pass.span_of(0));
        made(span, kind, action.map(|proxy| Action::Proxy(Box::new(proxy))), settings)
    }

    /// A name for a location that has none in nginx.
    pub(super) fn free_name(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}:{}", self.made)
    }

    /// A location without content is a folder of files.
    pub(super) fn nothing_here(
        &mut self,
        kind: &Kind,
        scope: &Scope<'_>,
        span: Span,
        variables: &Variables,
    ) -> Location {
        let settings = self.read_settings(scope, variables, false);
        let action = match content_without_files(scope.innermost()) {
            Some(content) => Some(content),
            None => self.read_files(kind, scope, variables),
        };
        self.check_captures(kind, &settings, span);
        made(span, kind, action, settings)
    }

    fn read_kind(&mut self, directive: &Directive, outer: Option<&Kind>) -> Option<Kind> {
        let (modifier, number) = match directive.arguments.len() {
            1 => ("", 0),
            _ => (directive.first(), 1),
        };
        let path = directive.argument(number);
        let span = directive.span_of(number);
        let kind = match (modifier, path) {
            ("", path) if path.starts_with('@') => {
                if outer.is_some() {
                    let message = format!("named location \"{path}\" can be on the server level only");
                    self.fault(span, message);
                    return None;
                }
                Kind::Named(path.trim_start_matches('@').to_owned())
            }
            ("", joined) => match split_modifier(joined) {
                Some((modifier, path)) => self.kind_of(modifier, path, span)?,
                None => self.kind_of("", path, span)?,
            },
            (modifier @ ("=" | "~" | "~*" | "^~"), path) => self.kind_of(modifier, path, span)?,
            (modifier, _) => {
                self.fault(directive.span_of(0), format!("invalid location modifier \"{modifier}\""));
                return None;
            }
        };
        self.check_nesting(directive, outer, &kind)?;
        Some(kind)
    }

    fn kind_of(&mut self, modifier: &str, path: &str, span: Span) -> Option<Kind> {
        match modifier {
            "=" => self.checked(path, span).map(Kind::Exact),
            "^~" => self.checked(path, span).map(|path| Kind::Prefix { path, is_final: true }),
            "" => self.checked(path, span).map(|path| Kind::Prefix { path, is_final: false }),
            _ => self.regex(path, modifier == "~*", span).map(Kind::Regex),
        }
    }

    /// A path is compared decoded, without dot segments; what has them matches nothing.
    fn checked(&mut self, path: &str, span: Span) -> Option<String> {
        if path.starts_with('/') {
            return Some(path.to_owned());
        }
        self.refuse(
            span,
            format!("\"{path}\" takes no request: a path starts with \"/\""),
            "leave it out, or add the `/`",
        );
        None
    }

    fn check_nesting(&mut self, directive: &Directive, outer: Option<&Kind>, inner: &Kind) -> Option<()> {
        let span = directive.name.span;
        match (outer, inner) {
            (None, _) => Some(()),
            (Some(Kind::Exact(path)), _) => {
                let message = format!(
                    "location \"{}\" cannot be inside the exact location \"{path}\"",
                    directive.first()
                );
                self.fault(span, message);
                None
            }
            (Some(Kind::Prefix { path: around, .. }), Kind::Prefix { path, .. } | Kind::Exact(path)) => {
                if path.starts_with(around.as_str()) {
                    return Some(());
                }
                self.fault(span, format!("location \"{path}\" is outside location \"{around}\""));
                None
            }
            (Some(Kind::Prefix { .. } | Kind::Regex(_)), Kind::Regex(_)) => Some(()),
            (Some(Kind::Named(name)), _) => {
                self.fault(
                    span,
                    format!(
                        "location \"{}\" cannot be inside the named location \"@{name}\"",
                        directive.first()
                    ),
                );
                None
            }
            _ => {
                let message = "within a regex vordr looks for further regexes alone";
                self.refuse(span, message, "move it out, or write it as a regex");
                None
            }
        }
    }

    fn check_captures(&mut self, kind: &Kind, settings: &Settings, span: Span) {
        let operations = settings.request.iter().chain(&settings.response);
        let asked = operations.map(|operation| answer::highest_capture(&operation.value)).max().unwrap_or(0);
        // Into one with a name they come from wherever it is entered, and `if` and `rewrite` capture, too.
        if asked > kind.groups() && !matches!(kind, Kind::Named(_)) && !self.has_captures {
            let message =
                format!("\"${asked}\" is never captured: this location has {} groups", kind.groups());
            self.refuse(span, message, "captures come from the location's own regex");
        }
    }

    /// `set`: variables with values that are known, or placeholders, from here on.
    pub(super) fn read_sets(&mut self, directives: &[Directive], variables: &mut Variables) {
        for set in directives.iter().filter(|directive| directive.name.value == "set") {
            if set.first().strip_prefix('$') == Some(ARGS) {
                continue;
            }
            let Some(name) = set.first().strip_prefix('$').filter(|name| !name.is_empty()) else {
                self.fault(set.span_of(0), format!("invalid variable name \"{}\"", set.first()));
                continue;
            };
            let Some(value) = set.arguments.get(1).filter(|_| !self.changing.contains(name)) else {
                continue;
            };
            // Something stands there all the same, so that what uses it is not reported too.
            let value = self.template(value, variables).unwrap_or_else(|| literal(""));
            variables.set(name, value);
        }
    }

    /// The port that a redirect to this server itself names; `None` where it goes without.
    pub(super) fn redirect_port(&self, variables: &Variables) -> Option<Template> {
        match variables.text("server_port") {
            Some("80" | "443") => None,
            Some(port) => Some(literal(port)),
            None => Some(Template { parts: vec![Part::Placeholder(Placeholder::Port)] }),
        }
    }
}

/// `=/a`, `~^/a`: the modifier may stick to the path.
pub(super) fn split_modifier(joined: &str) -> Option<(&'static str, &str)> {
    ["=", "^~", "~*", "~"]
        .into_iter()
        .find_map(|modifier| joined.strip_prefix(modifier).map(|path| (modifier, path)))
}

fn passing(block: &[Directive]) -> Option<&Directive> {
    block.iter().find(|directive| directive.name.value == "proxy_pass")
}

/// What a block without `proxy_pass` does in the place of looking for files: nginx's page of counts, or, where it hands
/// requests to somebody in a way that is not honoured, an error.
fn content_without_files(block: &[Directive]) -> Option<Action> {
    block.iter().find_map(|directive| match directive.name.value.as_str() {
        "stub_status" => Some(Action::StubStatus),
        name if check::is_content(name) => Some(failing(StatusCode::BAD_GATEWAY)),
        _ => None,
    })
}

/// The prefix or regex of the location around, where it decides which regexes are asked.
fn read_within(
    directive: &Directive,
    (kind, outer): (&Kind, &Kind),
    around: &Scope<'_>,
) -> Option<Spanned<String>> {
    let around_here = match (outer, kind) {
        // No regex comes before one of these.
        (_, Kind::Exact(_)) => return None,
        (Kind::Prefix { path, .. }, _) if decides_on_regexes(around) => path.clone(),
        (Kind::Regex(regex), _) => regex.as_str().to_owned(),
        _ => return None,
    };
    Some(Spanned::new(around_here, directive.name.span))
}

/// Whether one of the locations around has regexes of its own, or keeps those outside from being asked.
fn decides_on_regexes(around: &Scope<'_>) -> bool {
    let is_final = |location: &Directive| location.first().starts_with("^~");
    around.locations().any(|location| is_final(location) || has_regex(location.inside()))
}

/// Whether a regex is a location within a block, at whatever depth.
fn has_regex(block: &[Directive]) -> bool {
    block
        .iter()
        .filter(|directive| directive.name.value == "location")
        .any(|location| location.first().starts_with('~') || has_regex(location.inside()))
}

//! `location`: which paths, and what is done with them.

use super::scope::Scope;
use super::tree::Directive;
use super::variable::{Variables, literal};
use super::{Nginx, answer};
use crate::diagnostic::Diagnostic;
use crate::language::action::Action;
use crate::language::location::{Location, Path};
use crate::language::redirect::Redirect;
use crate::language::settings::Settings;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{Condition, PathRegex};
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
        let scope = around.within(directive.inside());
        let mut variables = variables.clone();
        self.read_sets(directive.inside(), &mut variables);
        self.read_ifs(directive, &kind, &scope, &variables, locations);
        let location = self.read_content(directive, &kind, &scope, &variables, locations);
        let is_internal = directive.inside().iter().any(|directive| directive.name.value == "internal");
        // Nobody from outside gets to one with a name anyway.
        locations.push(Location { is_internal: is_internal && location.name.is_none(), ..location });
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
        if let Some(answered) = answer::first_return(directive.inside())
            && let Some(location) = self.answering(answered, kind, scope, variables)
        {
            return Location { span, ..location };
        }
        let pass = directive.inside().iter().find(|directive| directive.name.value == "proxy_pass");
        let Some(pass) = pass else { return self.nothing_here(kind, scope, span, variables) };
        let mut settings = self.read_settings(scope, variables, true);
        let action = self.read_proxy(pass, kind, scope, variables, &mut settings);
        self.check_captures(kind, &settings, pass.span_of(0));
        self.redirect_to_folder(kind, scope, span, variables, locations);
        made(span, kind, action.map(|proxy| Action::Proxy(Box::new(proxy))), settings)
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
        let action = self.read_files(kind, scope, variables);
        self.check_captures(kind, &settings, span);
        made(span, kind, action, settings)
    }

    /// `location /a/` that proxies sends `/a` to `/a/`, unless `/a` has a location of its own.
    fn redirect_to_folder(
        &mut self,
        kind: &Kind,
        scope: &Scope<'_>,
        span: Span,
        variables: &Variables,
        locations: &mut Vec<Location>,
    ) {
        let Kind::Prefix { path, .. } = kind else { return };
        let Some(bare) = path.strip_suffix('/').filter(|bare| !bare.is_empty()) else { return };
        let is_own = |location: &Directive| {
            location.name.value == "location" && location.first() == "=" && location.argument(1) == bare
        };
        if scope.every("location").any(is_own) {
            return;
        }
        let mut target = self.redirect_base(scope, variables).unwrap_or_else(|| literal(""));
        target.parts.push(Part::Text(path.clone()));
        target.parts = answer::joined(target.parts);
        let redirect = Redirect {
            status: StatusCode::MOVED_PERMANENTLY,
            target: Spanned::new(target, span),
            keeps_query: true,
        };
        let settings = self.read_settings_before_access(scope, variables);
        locations.push(made(span, &Kind::Exact(bare.to_owned()), Some(Action::Redirect(redirect)), settings));
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
        let regex = match modifier {
            "=" => return self.checked(path, span).map(Kind::Exact),
            "^~" => return self.checked(path, span).map(|path| Kind::Prefix { path, is_final: true }),
            "" => return self.checked(path, span).map(|path| Kind::Prefix { path, is_final: false }),
            "~*" => format!("(?i){path}"),
            _ => path.to_owned(),
        };
        match PathRegex::new(&regex) {
            Ok(regex) => Some(Kind::Regex(regex)),
            Err(error) => {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let error = Diagnostic::error(
                    "bad-regex",
                    span,
                    format!("vordr cannot compile the regex \"{path}\""),
                );
                self.report(error.label(last).help("no look-around and no back-references are to be had"));
                None
            }
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
            _ => {
                self.refuse(
                    span,
                    "vordr looks for regexes in a server, not in another location",
                    "move it out",
                );
                None
            }
        }
    }

    fn check_captures(&mut self, kind: &Kind, settings: &Settings, span: Span) {
        let operations = settings.request.iter().chain(&settings.response);
        let asked = operations.map(|operation| answer::highest_capture(&operation.value)).max().unwrap_or(0);
        // Into one with a name they come from wherever it is entered.
        if asked > kind.groups() && !matches!(kind, Kind::Named(_)) {
            let message =
                format!("\"${asked}\" is never captured: this location has {} groups", kind.groups());
            self.refuse(span, message, "captures come from the location's own regex");
        }
    }

    /// `set`: variables with values that are known, or placeholders, from here on.
    pub(super) fn read_sets(&mut self, directives: &[Directive], variables: &mut Variables) {
        for set in directives.iter().filter(|directive| directive.name.value == "set") {
            let Some(name) = set.first().strip_prefix('$').filter(|name| !name.is_empty()) else {
                self.fault(set.span_of(0), format!("invalid variable name \"{}\"", set.first()));
                continue;
            };
            let Some(value) = set.arguments.get(1) else { continue };
            // Something stands there all the same, so that what uses it is not reported too.
            let value = self.template(value, variables).unwrap_or_else(|| literal(""));
            variables.set(name, value);
        }
    }

    /// Each `if` that returns is a location of its own, with a condition.
    pub(super) fn read_ifs(
        &mut self,
        directive: &Directive,
        kind: &Kind,
        scope: &Scope<'_>,
        variables: &Variables,
        locations: &mut Vec<Location>,
    ) {
        // What stands behind a `return` is never come to.
        let before = directive.inside().iter().take_while(|directive| directive.name.value != "return");
        for block in before.filter(|directive| directive.name.value == "if") {
            let Some(condition) = self.read_condition(block) else { continue };
            let Some(answered) = answer::first_return(block.inside()) else {
                self.refuse(
                    block.name.span,
                    "vordr honours an \"if\" that returns, and no other",
                    "`if` is no block of code: write a location, or `match` in KDL",
                );
                continue;
            };
            let inner = scope.within(block.inside());
            if let Some(location) = self.answering(answered, kind, &inner, variables) {
                locations.push(Location { conditions: vec![condition], ..location });
            }
        }
    }

    /// `($request_method = OPTIONS)`, `($http_x)`, `($cookie_a = b)`, `($arg_a)`.
    fn read_condition(&mut self, block: &Directive) -> Option<Condition> {
        let mut words: Vec<&str> = block.arguments.iter().map(|word| word.value.as_str()).collect();
        let (Some(first), true) =
            (words.first_mut(), block.arguments.last().is_some_and(|last| last.value.ends_with(')')))
        else {
            self.fault(block.span_of(0), format!("invalid condition \"{}\"", block.first()));
            return None;
        };
        *first = first.strip_prefix('(').unwrap_or(first);
        if let Some(last) = words.last_mut() {
            *last = last.strip_suffix(')').unwrap_or(last);
        }
        words.retain(|word| !word.is_empty());
        let condition = match words.as_slice() {
            [name] => condition(name, None),
            [name, "=", value] => condition(name, Some(value)),
            _ => None,
        };
        if condition.is_none() {
            let message = format!("vordr does not honour this condition: \"{}\"", words.join(" "));
            let remedy = "known are `$request_method = …`, `$host = …`, `$http_…`, `$cookie_…` and `$arg_…`, with `=` or alone";
            self.refuse(block.span_of(0), message, remedy);
        }
        condition
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
fn split_modifier(joined: &str) -> Option<(&'static str, &str)> {
    ["=", "^~", "~*", "~"]
        .into_iter()
        .find_map(|modifier| joined.strip_prefix(modifier).map(|path| (modifier, path)))
}

fn condition(name: &str, value: Option<&str>) -> Option<Condition> {
    let name = name.strip_prefix('$')?;
    let value = value.map(str::to_owned);
    let mut condition = Condition::default();
    match (name, value) {
        ("request_method", Some(method)) => condition.methods.push(method.parse().ok()?),
        ("host", Some(host)) => condition.headers.push((http::header::HOST, Some(host))),
        // An empty value is one that is not there, which no condition of vordr's asks for.
        (_, Some(value)) if value.is_empty() => return None,
        (name, value) => {
            if let Some(header) = name.strip_prefix("http_") {
                condition.headers.push((header.replace('_', "-").parse().ok()?, value));
            } else if let Some(cookie) = name.strip_prefix("cookie_") {
                condition.cookies.push((cookie.to_owned(), value));
            } else {
                condition.queries.push((name.strip_prefix("arg_")?.to_owned(), value));
            }
        }
    }
    Some(condition)
}

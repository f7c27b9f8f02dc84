//! `proxy_redirect`, `proxy_cookie_*`, `proxy_method`: what of a request and its answer is changed on its way.

use super::location::Kind;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::{Variables, literal};
use super::{Nginx, answer};
use crate::language::fix::Fix;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{AskedBy, CookieFix, CookieFlags, LocationFix, PathRegex, Replacement, Wanted};

impl Nginx<'_, '_> {
    /// What is put right in the answers of a `proxy_pass` in a location.
    pub(super) fn read_fix(
        &mut self,
        pass: (&Directive, &Kind),
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Fix {
        let location = Some(self.read_redirects(pass, scope, variables));
        let cookies = CookieFix {
            domains: self.read_cookie_rules("proxy_cookie_domain", scope, variables),
            paths: self.read_cookie_rules("proxy_cookie_path", scope, variables),
            flags: self.read_cookie_flags(scope, variables),
        };
        Fix { location, cookies }
    }

    /// `proxy_method`
    pub(super) fn read_method(&mut self, scope: &Scope<'_>, variables: &Variables) -> Option<AskedBy> {
        let written = scope.find("proxy_method")?.arguments.first()?.clone();
        let method = self.template(&written, variables)?;
        let Some(text) = method.as_text() else { return Some(AskedBy::Filled(method)) };
        match text.parse() {
            Ok(method) if AskedBy::may_be(&method) => Some(AskedBy::Fixed(method)),
            Ok(method) => {
                let message = format!("`{method}` takes no part in another request's place");
                self.refuse(written.span, message, "write another method");
                None
            }
            Err(_) => {
                let message = format!("\"{text}\" is no method");
                self.refuse(written.span, message, "write one such as `POST`");
                None
            }
        }
    }

    /// Whether `proxy_pass_header` names a header.
    pub(super) fn passes(&self, scope: &Scope<'_>, name: &str) -> bool {
        scope.all("proxy_pass_header").iter().any(|directive| directive.first().eq_ignore_ascii_case(name))
    }

    /// Where nothing is said, the URL of `proxy_pass` becomes the location's path.
    fn read_redirects(
        &mut self,
        pass: (&Directive, &Kind),
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> LocationFix {
        let written = scope.all("proxy_redirect");
        let mut rules = Vec::new();
        if written.is_empty() {
            rules.extend(self.default_redirect(pass, scope, variables));
        }
        for directive in written {
            match (directive.first(), directive.arguments.len()) {
                ("off", 1) => break,
                ("default", 1) if pass.0.first().contains('$') => {
                    let message = "\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables";
                    self.fault(directive.name.span, message);
                }
                ("default", 1) if !scope.stands_after(directive, pass.0) => {
                    let message =
                        "\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive";
                    self.fault(directive.name.span, message);
                }
                ("default", 1) => rules.extend(self.default_redirect(pass, scope, variables)),
                (word, 1) => self.fault(directive.span_of(0), format!("invalid parameter \"{word}\"")),
                _ => {
                    if let Some(rule) = self.read_rule(directive, Case::Written, variables) {
                        rules.push(self.absolute(rule, scope, variables));
                    }
                }
            }
        }
        if rules.is_empty() { LocationFix::Off } else { LocationFix::Own(rules) }
    }

    fn default_redirect(
        &mut self,
        pass: (&Directive, &Kind),
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Option<Replacement> {
        let (directive, kind) = pass;
        let url = directive.first();
        if url.contains('$') {
            return None;
        }
        let (from, to) = match (super::pass::split_path(url), kind) {
            ((_, ""), _) => (format!("{url}/"), "/"),
            (_, Kind::Prefix { path, .. } | Kind::Exact(path)) => (url.to_owned(), path.as_str()),
            (_, _) => return None,
        };
        let rule = Replacement { from: Wanted::Text(literal(&from)), to: literal(to) };
        Some(self.absolute(rule, scope, variables))
    }

    /// A path that takes an address's place is one of this server's, unless `absolute_redirect` is off.
    fn absolute(&mut self, rule: Replacement, scope: &Scope<'_>, variables: &Variables) -> Replacement {
        if !matches!(rule.to.parts.first(), Some(Part::Text(text)) if text.starts_with('/')) {
            return rule;
        }
        let Some(mut address) = self.redirect_base(scope, variables) else { return rule };
        address.parts.extend(rule.to.parts);
        Replacement { to: Template { parts: answer::joined(address.parts) }, ..rule }
    }

    fn read_cookie_rules(
        &mut self,
        name: &str,
        scope: &Scope<'_>,
        variables: &Variables,
    ) -> Vec<Replacement> {
        let is_domain = name == "proxy_cookie_domain";
        let mut rules = Vec::new();
        for directive in scope.all(name) {
            match (directive.first(), directive.arguments.len()) {
                ("off", 1) => return Vec::new(),
                (word, 1) => self.fault(directive.span_of(0), format!("invalid parameter \"{word}\"")),
                _ if is_domain => {
                    // A dot at the beginning means nothing.
                    let mut directive = directive.clone();
                    for word in &mut directive.arguments {
                        word.value = word.value.strip_prefix('.').unwrap_or(&word.value).to_owned();
                    }
                    rules.extend(self.read_rule(&directive, Case::Ignored, variables));
                }
                _ => rules.extend(self.read_rule(directive, Case::Written, variables)),
            }
        }
        rules
    }

    /// `from to`, where `from` may be a regex: `~…`, or `~*…` whatever the case.
    fn read_rule(&mut self, directive: &Directive, case: Case, variables: &Variables) -> Option<Replacement> {
        let (from, to) = (directive.arguments.first()?, directive.arguments.get(1)?);
        let Some(regex) = from.value.strip_prefix('~') else {
            let from = Wanted::Text(self.template(from, variables)?);
            return Some(Replacement { from, to: self.template(to, variables)? });
        };
        let regex = self.read_regex(regex, case, from.span)?;
        let mut variables = variables.clone();
        for (number, name) in regex.names() {
            variables.set(name, Template { parts: vec![Part::Placeholder(Placeholder::Capture(*number))] });
        }
        let mut to = self.template(to, &variables)?;
        // A group that the regex does not have comes to nothing.
        let groups = regex.groups();
        to.parts.retain(
            |part| !matches!(part, Part::Placeholder(Placeholder::Capture(number)) if *number > groups),
        );
        Some(Replacement { from: Wanted::Regex(regex), to })
    }

    fn read_regex(&mut self, written: &str, case: Case, span: Span) -> Option<PathRegex> {
        let (regex, any_case) = match (written.strip_prefix('*'), case) {
            (Some(regex), Case::Written) => (regex, true),
            (_, Case::Ignored) => (written, true),
            (None, Case::Written) => (written, false),
        };
        self.regex(regex, any_case, span)
    }

    fn read_cookie_flags(&mut self, scope: &Scope<'_>, variables: &Variables) -> Vec<CookieFlags> {
        let mut all = Vec::new();
        for directive in scope.all("proxy_cookie_flags") {
            let Some(name) = directive.arguments.first() else { continue };
            if directive.arguments.len() == 1 && name.value == "off" {
                return Vec::new();
            }
            let of = match name.value.strip_prefix('~') {
                Some(regex) => self.read_regex(regex, Case::Ignored, name.span).map(Wanted::Regex),
                None => self.template(name, variables).map(Wanted::Text),
            };
            let Some(of) = of else { continue };
            all.push(self.read_flags(of, &directive.arguments, variables));
        }
        all
    }

    /// The flags behind a name. Once one is not known before there is a request, each is taken then, in their order.
    fn read_flags(&mut self, of: Wanted, words: &[Spanned<String>], variables: &Variables) -> CookieFlags {
        let mut flags = CookieFlags { of, secure: None, http_only: None, same_site: None, filled: None };
        let mut filled = Vec::new();
        for word in words.iter().skip(1) {
            let Some(template) = self.template(word, variables) else { continue };
            match template.as_text() {
                Some(text) if !flags.set(text) => {
                    self.fault(word.span, format!("unknown flag \"{}\"", word.value));
                }
                Some(_) if filled.is_empty() => {}
                _ => {
                    filled.push(Part::Text(" ".to_owned()));
                    filled.extend(template.parts);
                }
            }
        }
        flags.filled = (!filled.is_empty()).then(|| Template { parts: answer::joined(filled) });
        flags
    }
}

/// Whether a regex heeds the case of letters where nothing is said of it.
#[derive(Debug, Clone, Copy)]
enum Case {
    Written,
    Ignored,
}

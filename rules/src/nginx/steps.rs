//! `set`, `if`, `rewrite`, `break` and `return`: nginx's rewrite module, as steps.

use super::answer::first_return;
use super::error_page::is_path;
use super::files::failing;
use super::location::Kind;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::{Variables, literal};
use super::{Nginx, at};
use crate::diagnostic::Diagnostic;
use crate::language::action::Action;
use crate::language::location::Location;
use crate::language::steps::{Step, When};
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{FileKind, PathRegex, Rewrite, Test, Then};
use http::StatusCode;

/// The directives of the rewrite module, which need no settings of their own.
const OWN: [&str; 6] = ["set", "if", "rewrite", "break", "return", "rewrite_log"];

/// The one variable of nginx's own whose `set` changes the request: its query.
pub(super) const ARGS: &str = "args";

/// Where steps stand.
pub(super) struct Here<'h, 'd> {
    /// The location; `None` in a server.
    pub location: Option<&'d Directive>,
    pub kind: &'h Kind,
    pub scope: &'h Scope<'d>,
    pub variables: &'h Variables,
}

/// What a `return` comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Return {
    /// The location's action, which is read elsewhere.
    OfLocation,
    /// An answer under the settings of the place.
    AtOnce,
}

impl Nginx<'_, '_> {
    /// The steps of a location: whom `limit_except` keeps out, then what the rewrite module does.
    pub(super) fn read_own_steps<'d>(
        &mut self,
        location: &'d Directive,
        here: &Here<'_, 'd>,
        locations: &mut Vec<Location>,
    ) -> Vec<Step> {
        let limit = location.inside().iter().find(|directive| directive.name.value == "limit_except");
        let limited = limit.and_then(|limit| self.read_limit_except(limit, here, locations));
        let mut steps: Vec<Step> = limited.into_iter().collect();
        let is_elsewhere = may_end(location.inside()) || has_settings_in_an_if(location.inside());
        let returns = if is_elsewhere { Return::AtOnce } else { Return::OfLocation };
        steps.extend(self.read_steps(location.inside(), returns, here, locations));
        steps
    }

    /// The steps of a server. A `return` that nothing leads past is read elsewhere.
    pub(super) fn read_first_steps<'d>(
        &mut self,
        directives: &'d [Directive],
        here: &Here<'_, 'd>,
        locations: &mut Vec<Location>,
    ) -> Vec<Step> {
        self.read_steps(directives, Return::AtOnce, here, locations)
    }

    fn read_steps<'d>(
        &mut self,
        directives: &'d [Directive],
        returns: Return,
        here: &Here<'_, 'd>,
        locations: &mut Vec<Location>,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        for directive in directives {
            match directive.name.value.as_str() {
                "set" => steps.extend(self.read_set(directive, here.variables)),
                "rewrite" => steps.extend(self.read_rewrite(directive, here)),
                "if" => steps.extend(self.read_if(directive, here, locations)),
                "break" => {
                    steps.push(Step::Break(directive.name.span));
                    return steps;
                }
                "return" => {
                    match returns {
                        Return::OfLocation if steps.is_empty() => {}
                        // A path that was changed is not looked for.
                        Return::OfLocation => steps.push(Step::Break(directive.name.span)),
                        Return::AtOnce => steps.extend(self.read_answer(directive, here, locations)),
                    }
                    return steps;
                }
                _ => {}
            }
        }
        steps
    }

    /// A value that is not known when the file is read.
    fn read_set(&mut self, set: &Directive, variables: &Variables) -> Option<Step> {
        let name = set.first().strip_prefix('$')?;
        if name == ARGS {
            return self.template(set.arguments.get(1)?, variables).map(Step::Query);
        }
        Some(name).filter(|name| self.changing.contains(*name))?;
        let value = self.template(set.arguments.get(1)?, variables)?;
        Some(Step::Set(Spanned::new(name.to_owned(), set.span_of(0)), value))
    }

    /// An answer that a step gives: under the settings of the place, or in a location of its own where those of a server
    /// lack what its locations have.
    fn read_answer<'d>(
        &mut self,
        directive: &'d Directive,
        here: &Here<'_, 'd>,
        locations: &mut Vec<Location>,
    ) -> Option<Step> {
        let span = directive.name.span;
        let names = ["add_header", "add_trailer", "error_page"];
        if here.location.is_none() && names.iter().any(|name| !here.scope.all(name).is_empty()) {
            let answering = self.answering(directive, here.kind, here.scope, here.variables)?;
            let name = at(directive, self.free_name("return"));
            locations.push(Location { name: Some(name.clone()), paths: Vec::new(), ..answering });
            return Some(Step::Act(span, Action::Enter(name)));
        }
        let action = self.read_return(directive, here.scope, here.variables);
        Some(Step::Act(span, action.unwrap_or_else(|| failing(StatusCode::BAD_GATEWAY))))
    }

    /// An `if` with other directives than those of the rewrite module is a location of its own.
    fn read_if<'d>(
        &mut self,
        block: &'d Directive,
        here: &Here<'_, 'd>,
        locations: &mut Vec<Location>,
    ) -> Option<Step> {
        let condition = self.read_condition(block, here.variables);
        let (subject, test) = condition.or_else(|| returned(block.inside()).map(|_| always()))?;
        let scope = here.scope.within(block.inside());
        let inner = Here { scope: &scope, ..*here };
        let mut steps = Vec::new();
        let mut returns = Return::AtOnce;
        if let Some(location) = here.location.filter(|_| has_settings(block)) {
            let name = at(block, self.free_name("if"));
            let content = match returned(block.inside()) {
                Some(answered) => {
                    returns = Return::OfLocation;
                    self.answering(answered, here.kind, &scope, here.variables)?
                }
                None => self.read_content_within(block, location, &inner),
            };
            locations.push(Location {
                name: Some(name.clone()),
                paths: Vec::new(),
                is_final: false,
                ..content
            });
            steps.push(Step::ActAs(name));
        }
        steps.extend(self.read_steps(block.inside(), returns, &inner, locations));
        if returns == Return::OfLocation {
            // It answers, and nothing behind it does.
            steps.push(Step::Break(block.name.span));
        }
        let is_empty = steps.is_empty();
        (!is_empty).then(|| Step::When(Box::new(When { subject, test, steps })))
    }

    /// Who asks by another method is in a location of its own, which takes no steps.
    fn read_limit_except<'d>(
        &mut self,
        block: &'d Directive,
        here: &Here<'_, 'd>,
        locations: &mut Vec<Location>,
    ) -> Option<Step> {
        let location = here.location?;
        let mut methods: Vec<&str> = block.arguments.iter().map(|method| method.value.as_str()).collect();
        if let Some(number) =
            methods.iter().position(|method| !method.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            let message = format!("invalid method \"{}\"", block.argument(number));
            self.fault(block.span_of(number), message);
            return None;
        }
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        let regex = PathRegex::new(&format!("^({})$", methods.join("|"))).ok()?;
        let scope = here.scope.within(block.inside());
        let inner = Here { scope: &scope, ..*here };
        let name = at(block, self.free_name("limit"));
        let content = self.read_content_within(block, location, &inner);
        locations.push(Location { name: Some(name.clone()), paths: Vec::new(), is_final: false, ..content });
        let steps = vec![Step::ActAs(name), Step::Break(block.name.span)];
        let subject = Template { parts: vec![Part::Placeholder(Placeholder::Method)] };
        Some(Step::When(Box::new(When { subject, test: Test::MatchesNot(regex), steps })))
    }

    fn read_rewrite(&mut self, directive: &Directive, here: &Here<'_, '_>) -> Option<Step> {
        let regex = self.regex(directive.first(), false, directive.span_of(0));
        let target = directive.arguments.get(1)?;
        let leads_away =
            ["http://", "https://", "$scheme"].iter().any(|start| target.value.starts_with(start));
        let then = match directive.argument(2) {
            "redirect" => Then::Redirect(StatusCode::FOUND),
            "permanent" => Then::Redirect(StatusCode::MOVED_PERMANENTLY),
            "" | "last" | "break" if leads_away => Then::Redirect(StatusCode::FOUND),
            "" => Then::Next,
            "last" => Then::Search,
            "break" => Then::Stay,
            flag => {
                self.fault(directive.span_of(2), format!("invalid parameter \"{flag}\""));
                return None;
            }
        };
        let mut written = self.template(target, here.variables)?;
        if matches!(then, Then::Redirect(_)) && is_path(&written) {
            written = self.sent_target(written, here.scope, here.variables);
        } else if written.as_text().is_some_and(|text| !text.starts_with('/')) && !leads_away {
            self.refuse(target.span, "the new path does not start with \"/\"", "write `/…`");
            return None;
        }
        Some(Step::Rewrite(Box::new(Rewrite::new(regex?, written, then))))
    }

    /// A regex of PCRE's; what is wrong with it is reported.
    pub(super) fn regex(&mut self, written: &str, any_case: bool, span: Span) -> Option<PathRegex> {
        let regex = if any_case { format!("(?i){written}") } else { written.to_owned() };
        if let Some(known) = self.regexes.get(&regex) {
            return Some(known.clone());
        }
        match PathRegex::new(&regex) {
            Ok(compiled) => {
                self.regexes.insert(regex, compiled.clone());
                Some(compiled)
            }
            Err(error) => {
                let message = format!("vordr cannot compile the regex \"{written}\"");
                self.report(Diagnostic::error("bad-regex", span, message).label(error.to_string()));
                None
            }
        }
    }

    /// `($a)`, `($a = b)`, `($a ~* b)`, `(-f $a)` and their kin.
    fn read_condition(&mut self, block: &Directive, variables: &Variables) -> Option<(Template, Test)> {
        let Some(words) = condition_words(block) else {
            self.fault(block.span_of(0), format!("invalid condition \"{}\"", block.first()));
            return None;
        };
        let text: Vec<&str> = words.iter().map(|word| word.value.as_str()).collect();
        match text.as_slice() {
            [test, _] if test.trim_start_matches('!').starts_with('-') => {
                let (kind, is_there) = self.file_test(test, block)?;
                let path = self.template(words.get(1)?, variables)?;
                Some((path, if is_there { Test::Exists(kind) } else { Test::ExistsNot(kind) }))
            }
            [name] if name.starts_with('$') => {
                Some((self.template(words.first()?, variables)?, Test::Filled))
            }
            [name, operator, value] if name.starts_with('$') => {
                let subject = self.template(words.first()?, variables);
                let other = words.get(2)?;
                let test = match *operator {
                    "=" => Test::Is(self.template(other, variables)?),
                    "!=" => Test::IsNot(self.template(other, variables)?),
                    "~" | "~*" => Test::Matches(self.regex(value, *operator == "~*", other.span)?),
                    "!~" | "!~*" => Test::MatchesNot(self.regex(value, *operator == "!~*", other.span)?),
                    operator => {
                        self.fault(block.span_of(0), format!("unexpected \"{operator}\" in condition"));
                        return None;
                    }
                };
                Some((subject?, test))
            }
            _ => {
                self.fault(block.span_of(0), format!("invalid condition \"{}\"", text.join(" ")));
                None
            }
        }
    }

    /// `-f`, `!-d` …
    fn file_test(&mut self, test: &str, block: &Directive) -> Option<(FileKind, bool)> {
        let kind = match test.trim_start_matches('!') {
            "-f" => FileKind::File,
            "-d" => FileKind::Folder,
            "-e" => FileKind::Any,
            "-x" => FileKind::Executable,
            _ => {
                self.fault(block.span_of(0), format!("invalid condition \"{test}\""));
                return None;
            }
        };
        Some((kind, !test.starts_with('!')))
    }
}

/// Whether `break`, or a `rewrite` with `last` or `break`, may end the steps of a block before whatever follows.
pub(super) fn may_end(block: &[Directive]) -> bool {
    block.iter().any(|directive| match directive.name.value.as_str() {
        "break" => true,
        "rewrite" => matches!(directive.argument(2), "last" | "break"),
        "if" => may_end(directive.inside()),
        _ => false,
    })
}

/// What holds of every request: who is turned away by what is not known here is so in any case.
fn always() -> (Template, Test) {
    (literal("1"), Test::Filled)
}

/// Whether a block has directives of other modules than that of rewriting.
fn has_settings(block: &Directive) -> bool {
    block.inside().iter().any(|directive| !OWN.contains(&directive.name.value.as_str()))
}

/// Whether what comes behind an `if` may find the settings, and the content, of a location that is made for it.
fn has_settings_in_an_if(block: &[Directive]) -> bool {
    block.iter().any(|directive| directive.name.value == "if" && has_settings(directive))
}

/// The `return` that a location comes to in the end, unless its steps may end before.
pub(super) fn returned(block: &[Directive]) -> Option<&Directive> {
    first_return(block).filter(|_| !may_end(block))
}

/// The words between the parentheses; `None` where those are not there.
fn condition_words(block: &Directive) -> Option<Vec<Spanned<String>>> {
    let mut words = block.arguments.clone();
    let first = words.first_mut()?;
    first.value = first.value.strip_prefix('(')?.to_owned();
    if first.value.is_empty() {
        words.remove(0);
    }
    let last = words.last_mut()?;
    last.value = last.value.strip_suffix(')')?.to_owned();
    // A value in quotes may be empty, and then its parenthesis is a word of its own.
    if last.value.is_empty() {
        words.pop();
    }
    Some(words)
}

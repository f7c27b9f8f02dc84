//! `map`, `geo` and `split_clients`: variables that are made of others, when they are asked for.

use super::Nginx;
use super::changing::groups_of;
use super::tree::Directive;
use super::variable::{Variables, literal};
use crate::diagnostic::Diagnostic;
use crate::language::map::{Map, hundredths, is_hostname, with_groups};
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{Case, CaseKey, PathRegex, Through};
use std::collections::HashSet;

/// A block that makes a variable.
#[derive(Debug, Clone)]
pub(super) struct Making {
    directive: Directive,
    /// The group of its regexes that the variable stands for, where it is not what the block makes.
    group: Option<String>,
}

/// What is gathered while a block is read.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) hostnames: bool,
    pub(super) cases: Vec<Spanned<Case>>,
    pub(super) default: Option<Spanned<Template>>,
    pub(super) through: Through,
    /// The texts that have a case.
    known: HashSet<String>,
}

impl Making {
    /// Whether it makes a `Connection` header of the request's `Upgrade`, as every guide to WebSockets has it.
    pub(super) fn is_for_upgrades(&self) -> bool {
        let from = self.directive.first().trim_start_matches('$').trim_matches(['{', '}']);
        self.directive.name.value == "map" && from == "http_upgrade"
    }
}

impl Nginx<'_, '_> {
    /// Takes a block down; it is read where its variable is asked for, so that one that nobody needs costs nothing.
    pub(super) fn read_map(&mut self, directive: &Directive) {
        let number = directive.arguments.len().saturating_sub(1);
        let Some(name) = directive.argument(number).strip_prefix('$').filter(|name| !name.is_empty()) else {
            let message = format!("invalid variable name \"{}\"", directive.argument(number));
            return self.fault(directive.span_of(number), message);
        };
        let kind = directive.name.value.as_str();
        for entry in directive.inside() {
            let is_switch = match kind {
                "map" => ["volatile", "hostnames"].contains(&entry.name.value.as_str()),
                "geo" => ["ranges", "proxy_recursive"].contains(&entry.name.value.as_str()),
                _ => false,
            };
            if entry.arguments.len() != 1 && !(is_switch && entry.arguments.is_empty()) {
                self.fault(entry.name.span, format!("invalid number of the {kind} parameters"));
            }
        }
        if kind == "map" {
            self.read_groups(directive);
        }
        self.maps.insert(name.to_owned(), Making { directive: directive.clone(), group: None });
    }

    /// Takes a block down that stands for another directive.
    pub(super) fn insert_map(&mut self, name: &str, directive: Directive) {
        self.maps.insert(name.to_owned(), Making { directive, group: None });
    }

    /// A name that no block makes yet.
    pub(super) fn map_name(&self, wanted: &str) -> String {
        let numbered = (2..=self.maps.len() + 2).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| !self.maps.contains_key(name)).unwrap_or_default()
    }

    /// What the groups with a name of a map's regexes capture are variables too, unless something else makes them.
    fn read_groups(&mut self, directive: &Directive) {
        let regexes = directive.inside().iter().filter(|entry| entry.name.value.starts_with('~'));
        for group in regexes.flat_map(|entry| groups_of(&entry.name.value)) {
            let making = || Making { directive: directive.clone(), group: Some(group.clone()) };
            self.maps.entry(group.clone()).or_insert_with(making);
        }
    }

    /// A variable that a block makes, to be filled in; the block is read in the end.
    pub(super) fn made_by_map(&mut self, name: &str) -> Option<Template> {
        if !self.maps.contains_key(name) {
            return None;
        }
        if !self.wanted_maps.iter().any(|wanted| wanted == name) {
            self.wanted_maps.push(name.to_owned());
        }
        Some(Template { parts: vec![Part::Placeholder(Placeholder::Variable(name.to_owned()))] })
    }

    /// The maps that are asked for, by others of them too.
    pub(super) fn finish_maps(&mut self) -> Vec<Map> {
        let mut maps = Vec::new();
        while let Some(name) = self.wanted_maps.get(maps.len()).cloned() {
            let Some(Making { directive, group }) = self.maps.get(&name).cloned() else { break };
            let mut map = self.read_making(name, &directive);
            if let Some(group) = group {
                captured(&group, &mut map);
            }
            maps.push(map);
        }
        maps
    }

    fn read_making(&mut self, name: String, directive: &Directive) -> Map {
        let variables = self.set_by_requests.clone();
        let mut gathered = match directive.name.value.as_str() {
            "geo" => self.read_geo(directive),
            "split_clients" => self.read_shares(directive),
            _ => self.read_cases(directive, &variables),
        };
        let from = directive.arguments.first().filter(|_| directive.arguments.len() > 1);
        let from = match from {
            Some(from) => self.template(from, &variables).unwrap_or_else(|| literal("")),
            None => Template { parts: vec![Part::Placeholder(Placeholder::ClientIp)] },
        };
        if directive.name.value == "geo" && self.spoken.has_socket {
            gathered.take_sockets(&from, directive.name.span);
        }
        Map {
            name: Spanned::new(name, directive.name.span),
            through: gathered.through,
            from: Spanned::new(from, directive.span_of(0)),
            hostnames: gathered.hostnames,
            cases: gathered.cases,
            default: gathered.default,
        }
    }

    fn read_cases(&mut self, directive: &Directive, variables: &Variables) -> Gathered {
        let is_hostnames = |entry: &Directive| entry.name.value == "hostnames" && entry.arguments.is_empty();
        let hostnames = directive.inside().iter().any(is_hostnames);
        let mut gathered = Gathered { hostnames, ..Gathered::default() };
        for entry in directive.inside() {
            let Some(value) = entry.arguments.first() else { continue };
            self.read_case(&entry.name, value, variables, &mut gathered);
        }
        gathered
    }

    fn read_case(
        &mut self,
        written: &Spanned<String>,
        value: &Spanned<String>,
        variables: &Variables,
        gathered: &mut Gathered,
    ) {
        let span = written.span;
        if written.value == "default" {
            if gathered.default.is_some() {
                return self.fault(span, "duplicate default map parameter");
            }
            let value = self.template(value, variables);
            gathered.default = value.map(|value| Spanned::new(value, span));
            return;
        }
        let mut variables = variables.clone();
        let key = match written.value.strip_prefix('~') {
            Some(regex) => match self.case_regex(regex, span) {
                Some(regex) => {
                    regex.names().iter().for_each(|(_, name)| variables.set_by_request(name));
                    CaseKey::Regex(regex)
                }
                None => return,
            },
            None => {
                let text = written.value.strip_prefix('\\').unwrap_or(&written.value);
                if gathered.hostnames && !is_hostname(text) {
                    return self.fault(span, format!("invalid hostname or regular expression \"{text}\""));
                }
                if !gathered.known.insert(text.to_ascii_lowercase()) {
                    return self.fault(span, format!("conflicting parameter \"{text}\""));
                }
                CaseKey::Text(text.to_owned())
            }
        };
        let Some(value) = self.template(value, &variables) else { return };
        let value = with_groups(&key, Spanned::new(value, span)).value;
        gathered.cases.push(Spanned::new(Case { key, value }, span));
    }

    /// `~…`, and `~*…` in upper or lower case.
    fn case_regex(&mut self, written: &str, span: Span) -> Option<PathRegex> {
        let regex = match written.strip_prefix('*') {
            Some(regex) => format!("(?i){regex}"),
            None => written.to_owned(),
        };
        PathRegex::new(&regex)
            .inspect_err(|error| {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                let message = format!("vordr cannot compile the regex \"{written}\"");
                let error = Diagnostic::error("bad-regex", span, message).label(last);
                self.report(error.help("no look-around and no back-references are to be had"));
            })
            .ok()
    }

    /// `split_clients`: values by shares of all texts.
    fn read_shares(&mut self, directive: &Directive) -> Gathered {
        let mut gathered = Gathered::default();
        for entry in directive.inside() {
            let (word, span) = (entry.name.value.as_str(), entry.name.span);
            let Some(value) = entry.arguments.first().map(|value| literal(&value.value)) else { continue };
            match word.strip_suffix('%').and_then(hundredths) {
                Some(share) => {
                    let key = CaseKey::Share(share);
                    gathered.cases.push(Spanned::new(Case { key, value }, span));
                }
                None if word == "*" => gathered.default = Some(Spanned::new(value, span)),
                None => self.fault(span, format!("invalid percent value \"{word}\"")),
            }
        }
        gathered
    }
}

/// Makes of a map one whose variable is what a group of its regexes captures.
fn captured(group: &str, map: &mut Map) {
    map.default = None;
    for case in &mut map.cases {
        let number = match &case.value.key {
            CaseKey::Regex(regex) => regex.group(group),
            _ => None,
        };
        let parts = number.map(|number| Part::Placeholder(Placeholder::Capture(number)));
        case.value.value = Template { parts: parts.into_iter().collect() };
    }
}

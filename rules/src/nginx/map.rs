//! `map`, `geo` and `split_clients`: variables that are made of others, when they are asked for.

use super::Nginx;
use super::changing::groups_of;
use super::tree::Directive;
use super::variable::{Variables, literal};
use crate::diagnostic::Diagnostic;
use crate::language::map::{Map, hundredths, is_hostname, with_groups};
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::{Span, Spanned};
use crate::table::{Case, CaseKey, PathRegex};
use ipnet::{IpNet, Ipv4Subnets};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

/// A block that makes a variable.
#[derive(Debug, Clone)]
pub(super) struct Making {
    directive: Directive,
    /// The group of its regexes that the variable stands for, where it is not what the block makes.
    group: Option<String>,
}

/// What is gathered while a block is read.
#[derive(Default)]
struct Gathered {
    hostnames: bool,
    cases: Vec<Spanned<Case>>,
    default: Option<Spanned<Template>>,
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
        let gathered = match directive.name.value.as_str() {
            "geo" => self.read_geo(directive),
            "split_clients" => self.read_shares(directive),
            _ => self.read_cases(directive, &variables),
        };
        let from = directive.arguments.first().filter(|_| directive.arguments.len() > 1);
        let from = match from {
            Some(from) => self.template(from, &variables).unwrap_or_else(|| literal("")),
            None => Template { parts: vec![Part::Placeholder(Placeholder::ClientIp)] },
        };
        Map {
            name: Spanned::new(name, directive.name.span),
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

    /// `geo`: values by addresses.
    fn read_geo(&mut self, directive: &Directive) -> Gathered {
        let mut gathered = Gathered::default();
        let ranges = directive.inside().iter().any(|entry| entry.name.value == "ranges");
        for entry in directive.inside() {
            let (word, span) = (entry.name.value.as_str(), entry.name.span);
            let Some(value) = entry.arguments.first() else { continue };
            match word {
                "default" => gathered.default = Some(Spanned::new(literal(&value.value), span)),
                "proxy" => {
                    let message = "\"geo\" asks for the address that all the others see";
                    self.refuse(span, message, "write `set_real_ip_from` for who is in front");
                }
                "delete" => match networks(&value.value, ranges) {
                    Some(networks) => gathered.forget(&networks),
                    None => self.fault(value.span, format!("invalid network \"{}\"", value.value)),
                },
                _ => match networks(word, ranges) {
                    Some(networks) => {
                        gathered.forget(&networks);
                        gathered.cases.extend(networks.into_iter().map(|network| {
                            let key = CaseKey::Network(network);
                            Spanned::new(Case { key, value: literal(&value.value) }, span)
                        }));
                    }
                    None => self.fault(span, format!("invalid network \"{word}\"")),
                },
            }
        }
        gathered
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

impl Gathered {
    /// Of what is said of a network twice the later holds.
    fn forget(&mut self, networks: &[IpNet]) {
        let is_meant =
            |case: &Case| matches!(&case.key, CaseKey::Network(network) if networks.contains(network));
        self.cases.retain(|case| !is_meant(&case.value));
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

/// An address, a network, or where `ranges` are written `from-to`, as the networks that it is made of.
fn networks(written: &str, ranges: bool) -> Option<Vec<IpNet>> {
    if ranges {
        let (from, to) = written.split_once('-')?;
        let (from, to): (Ipv4Addr, Ipv4Addr) = (from.parse().ok()?, to.parse().ok()?);
        return (from <= to).then(|| Ipv4Subnets::new(from, to, 0).map(IpNet::from).collect());
    }
    let network = written.parse::<IpAddr>().map(IpNet::from).or_else(|_| written.parse::<IpNet>());
    network.ok().map(|network| vec![network.trunc()])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_range_is_made_of_networks() {
        let text = |written, ranges| {
            networks(written, ranges)
                .map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(text("10.0.0.1-10.0.0.4", true).unwrap(), "10.0.0.1/32 10.0.0.2/31 10.0.0.4/32");
        assert_eq!(text("0.0.0.0-255.255.255.255", true).unwrap(), "0.0.0.0/0");
        assert_eq!(text("10.0.0.1", false).unwrap(), "10.0.0.1/32");
        assert_eq!(text("10.1.2.3/8", false).unwrap(), "10.0.0.0/8");
        assert_eq!(text("2001:db8::/32", false).unwrap(), "2001:db8::/32");
        for (wrong, ranges) in [("10.0.0.4-10.0.0.1", true), ("10.0.0.1", true), ("a", false), ("", false)] {
            assert_eq!(text(wrong, ranges), None, "{wrong}");
        }
    }
}

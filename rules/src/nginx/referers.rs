//! `valid_referers`: `$invalid_referer` as a map of the request's `Referer`.

use super::Nginx;
use super::scope::Scope;
use super::tree::Directive;
use super::variable::Variables;
use crate::source::{Span, Spanned};
use std::fmt::Write;

const INVALID: &str = "invalid_referer";

impl Nginx<'_, '_> {
    /// `$invalid_referer` of a place, where something says which are valid.
    pub(super) fn read_referers(&mut self, scope: &Scope<'_>, variables: &mut Variables) {
        let Some(first) = scope.innermost().iter().find(|directive| directive.name.value == "valid_referers")
        else {
            return;
        };
        let map = self.map_of(&scope.all("valid_referers"), scope, first.name.span);
        let name = self.map_name(INVALID);
        self.insert_map(&name, map);
        if let Some(made) = self.made_by_map(&name) {
            variables.set(INVALID, made);
        }
    }

    /// `map $http_referer $invalid_referer { … }`
    fn map_of(&mut self, directives: &[&Directive], scope: &Scope<'_>, span: Span) -> Directive {
        let mut entries = Vec::new();
        let mut entry = |key: String, value: &str| {
            let word = |text: String| Spanned::new(text, span);
            let arguments = vec![word(value.to_owned())];
            if !entries.iter().any(|known: &Directive| known.name.value == key) {
                entries.push(Directive { name: word(key), arguments, block: None });
            }
        };
        let mut takes_blocked = false;
        for word in directives.iter().flat_map(|directive| &directive.arguments) {
            match word.value.as_str() {
                "none" => entry(String::new(), ""),
                "blocked" => takes_blocked = true,
                "server_names" => {
                    let names = scope.every("server_name").flat_map(|names| &names.arguments);
                    names.for_each(|name| entry(regex_of_name(&name.value), ""));
                }
                host => entry(regex_of(host), ""),
            }
        }
        if takes_blocked {
            // What does not begin so was taken away by somebody in between.
            entry("~*^https?://".to_owned(), "1");
            entry("~.".to_owned(), "");
        }
        entry("default".to_owned(), "1");
        let word = |text: &str| Spanned::new(text.to_owned(), span);
        Directive {
            name: word("map"),
            arguments: vec![word("$http_referer"), word("$invalid_referer")],
            block: Some(entries),
        }
    }
}

/// What a referer is compared with: its host, and perhaps how its path begins. A regex is one of all behind the scheme.
fn regex_of(written: &str) -> String {
    if let Some(regex) = written.strip_prefix('~') {
        return match regex.strip_prefix('^') {
            Some(rest) => format!("~*^https?://{rest}"),
            None => format!("~*^https?://.*{regex}"),
        };
    }
    let (host, path) = written.split_at(written.find('/').unwrap_or(written.len()));
    let host = match (host.strip_prefix("*."), host.strip_prefix('.'), host.strip_suffix(".*")) {
        (Some(rest), ..) => format!(r"[^/:]+\.{}", literal(rest)),
        (_, Some(rest), _) => format!(r"([^/:]+\.)?{}", literal(rest)),
        (.., Some(start)) => format!(r"{}\.[^/:]+", literal(start)),
        _ => literal(host),
    };
    match path.is_empty() {
        true => format!("~*^https?://{host}($|[/:])"),
        // nginx compares paths in their own case.
        false => format!("~*^https?://{host}(:[^/]*)?(?-i:{})", literal(path)),
    }
}

/// A server's name, which a host is compared with alone; so a regex ends where the host does.
fn regex_of_name(name: &str) -> String {
    let Some(regex) = name.strip_prefix('~') else { return regex_of(name) };
    let (before, regex) = regex.strip_prefix('^').map_or(("[^/:]*", regex), |rest| ("", rest));
    match regex.strip_suffix('$').filter(|regex| !regex.ends_with('\\')) {
        Some(regex) => format!("~*^https?://{before}(?:{regex})($|[/:])"),
        None => format!("~*^https?://{before}(?:{regex})"),
    }
}

/// As it stands in a regex.
fn literal(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter.is_ascii_punctuation() && letter != '_' {
            true => drop(write!(escaped, "\\{letter}")),
            false => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::table::{Matched, PathRegex};

    fn fits(written: &str, referer: &str) -> bool {
        let regex = regex_of(written).replacen("~*", "(?i)", 1);
        PathRegex::new(&regex).unwrap().matches(referer.as_bytes()) == Matched::Yes
    }

    #[test]
    fn a_servers_regex_is_held_against_the_host_alone() {
        let fits = |name: &str, referer: &str| {
            let regex = regex_of_name(name).replacen("~*", "(?i)", 1);
            PathRegex::new(&regex).unwrap().matches(referer.as_bytes()) == Matched::Yes
        };
        assert!(fits("~^a$", "http://a/x") && fits("~^a$", "http://a:80/") && fits("~^a$", "https://A"));
        assert!(!fits("~^a$", "http://ab/") && !fits("~^a$", "http://b/a"));
        assert!(fits("~bar", "http://foobar.test/x") && !fits("~bar", "http://evil/bar"));
        assert!(fits("a.test", "http://a.test/x") && !fits("a.test", "http://b.test/"));
    }

    #[test]
    fn a_referer_is_known_by_its_host_and_how_its_path_begins() {
        assert!(fits("a-b.example", "http://A-b.example"));
        assert!(fits("a.example", "https://a.example:8443/x"));
        assert!(!fits("a.example", "https://a.example.evil/x"));
        assert!(!fits("a.example", "https://x.a.example/"));
        assert!(!fits("a.example", "https://axexample/"));
        assert!(!fits("a.example", "ftp://a.example/"));
        assert!(fits("*.example", "http://x.y.example/"));
        assert!(!fits("*.example", "http://example/"));
        assert!(fits(".example", "http://example/") && fits(".example", "http://x.example/"));
        assert!(fits("www.example.*", "http://www.example.org/"));
        assert!(!fits("www.example.*", "http://www.example/.org"));
        assert!(
            fits("a.example/in/", "http://a.example:80/in/x") && !fits("a.example/in/", "http://a.example/")
        );
        assert!(fits(r"~\.google\.", "http://www.google.test/") && !fits(r"~\.google\.", "www.google.test"));
        assert!(fits("~^a", "http://a.test/") && !fits("~^a", "http://b/a"));
    }
}

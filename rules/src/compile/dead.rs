//! Routes that can never match.

use crate::diagnostic::Diagnostic;
use crate::language::location::{Location, Path};
use crate::node::Reading;
use crate::source::Span;
use crate::table::Condition;
use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

pub(super) fn report(locations: &[Location], reading: &mut Reading<'_>) {
    report_shared_paths(locations, reading);
    report_shadowed(locations, reading);
    for location in locations {
        if !location.conditions.is_empty() && location.conditions.iter().all(is_contradiction) {
            let message = "this location matches nothing: a request has one method";
            reading.report(
                Diagnostic::warning("dead-route", location.span, message)
                    .help("several `match` nodes are alternatives"),
            );
        }
    }
}

fn is_contradiction(condition: &Condition) -> bool {
    condition.methods.iter().any(|method| Some(method) != condition.methods.first())
}

/// What tells one path from another: its kind, its text, the location that it is asked within, and its conditions.
type Route<'l> = (Discriminant<Path>, String, Option<&'l str>, &'l [Condition]);

/// Two locations may share a path only where `match` tells them apart.
fn report_shared_paths(locations: &[Location], reading: &mut Reading<'_>) {
    let mut seen: HashMap<Route<'_>, Span> = HashMap::new();
    for location in locations {
        for path in &location.paths {
            let (route, span) = route(path);
            let within = location.within.as_ref().map(|around| around.value.as_str());
            let key = (discriminant(path), route, within, location.conditions.as_slice());
            let Some(twin) = seen.insert(key, location.span) else { continue };
            let place = reading.sources.place(twin);
            let error = match location.conditions.is_empty() {
                true => {
                    let message = "another location has this path already";
                    Diagnostic::error("duplicate-location", span, message)
                        .label("tell them apart by `match`, or leave one out")
                }
                false => {
                    let message = "another location with this path and `match` comes first";
                    Diagnostic::warning("dead-route", span, message)
                }
            };
            reading.report(error.help(format!("it stands at {}:{}", place.file, place.line)));
        }
    }
}

/// What stands behind a route that takes everything.
fn report_shadowed(locations: &[Location], reading: &mut Reading<'_>) {
    let regexes = locations.iter().flat_map(|location| {
        location.paths.iter().filter_map(move |path| match path {
            Path::Regex(regex) => Some((location, path, regex)),
            _ => None,
        })
    });
    let all_final = prefixes(locations).any(|(location, path)| path == "/" && location.conditions.is_empty())
        && prefixes(locations).all(|(location, _)| location.is_final && location.conditions.is_empty());
    let mut universal: Option<&Path> = None;
    for (location, path, regex) in regexes {
        if all_final {
            let message = "this regex is never asked: every path has a prefix with `final=on`";
            reading.report(Diagnostic::warning("dead-route", regex.span, message));
        } else if let Some(earlier) = universal {
            let found =
                shadowed(regex.span, earlier, reading).help("what is to be asked first stands above it");
            reading.report(found);
        } else if location.conditions.is_empty() && is_universal(regex.value.as_str()) {
            universal = Some(path);
        }
    }
    let Some(universal) = universal else { return };
    for location in locations.iter().filter(|location| !location.is_final) {
        let only_prefixes =
            location.paths.iter().all(|path| matches!(path, Path::Prefix(_) | Path::RawPrefix(_)));
        if only_prefixes && !location.paths.is_empty() {
            let found = shadowed(location.span, universal, reading);
            reading.report(found.help("a prefix with `final=on` wins over every regex"));
        }
    }
}

/// Whether a regex matches every path, as far as its spelling tells: `.*`, `^/`, `^/(.*)$` and their kin.
fn is_universal(regex: &str) -> bool {
    let regex = regex.strip_prefix("(?s)").unwrap_or(regex);
    let from_start = ["^", r"\A"].iter().find_map(|start| regex.strip_prefix(start)).unwrap_or(regex);
    let end = ["$", r"\z"].iter().find_map(|end| from_start.strip_suffix(end));
    let middle = end.unwrap_or(from_start);
    let middle = ["/", r"\/"].iter().find_map(|slash| middle.strip_prefix(slash)).unwrap_or(middle);
    match middle {
        // `^/$` is one path alone.
        "" => end.is_none(),
        _ => matches!(middle, ".*" | ".*?" | "(.*)" | "(.*?)" | "(?:.*)"),
    }
}

/// As an operator knows it: `/a`, `= /a`, `~ ^/a`.
fn route(path: &Path) -> (String, Span) {
    match path {
        Path::Exact(path) => (format!("= {}", path.value), path.span),
        Path::Prefix(path) => (path.value.clone(), path.span),
        Path::RawPrefix(path) => (format!("{}*", path.value), path.span),
        Path::Regex(regex) => (format!("~ {}", regex.value.as_str()), regex.span),
    }
}

fn prefixes(locations: &[Location]) -> impl Iterator<Item = (&Location, &str)> {
    locations.iter().flat_map(|location| {
        location.paths.iter().filter_map(move |path| match path {
            Path::Prefix(path) | Path::RawPrefix(path) => Some((location, path.value.as_str())),
            _ => None,
        })
    })
}

fn shadowed(span: Span, by: &Path, reading: &Reading<'_>) -> Diagnostic {
    let (route, place) = route(by);
    let place = reading.sources.place(place);
    let message = format!(
        "this location is never reached: `{route}` at {}:{} takes every path before it",
        place.file, place.line
    );
    Diagnostic::warning("dead-route", span, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regex_that_matches_every_path_is_known_in_all_its_spellings() {
        for regex in [
            "",
            "^",
            "/",
            "^/",
            ".*",
            "^.*",
            ".*$",
            "^.*$",
            "^/.*",
            "^/.*$",
            "^/(.*)$",
            r"\A(?:.*)\z",
            r"^\/.*?$",
        ] {
            assert!(is_universal(regex), "{regex}");
            assert!(crate::table::PathRegex::new(regex).is_ok(), "{regex}");
        }
        for regex in ["^/$", "^$", "^/a", "/a.*", ".+", "^/.+$", "a", "^/(.*)x", "//"] {
            assert!(!is_universal(regex), "{regex}");
        }
    }
}

//! Routes that can never match.

use crate::diagnostic::Diagnostic;
use crate::language::location::{Location, Path};
use crate::node::Reading;
use crate::source::Span;
use crate::table::Condition;
use std::collections::HashMap;

/// Regexes that match every path.
const UNIVERSAL: [&str; 9] = ["", "^", "^/", "/", ".*", "^.*", "^.*$", "^/.*", "^/.*$"];

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

/// Two locations may share a path only where `match` tells them apart.
fn report_shared_paths(locations: &[Location], reading: &mut Reading<'_>) {
    let mut seen: HashMap<String, Vec<&Location>> = HashMap::new();
    for location in locations {
        for path in &location.paths {
            let (key, span) = key(path);
            let earlier = seen.entry(key).or_default();
            if let Some(twin) = earlier.iter().find(|twin| twin.conditions == location.conditions) {
                let place = reading.sources.place(twin.span);
                let error = match location.conditions.is_empty() {
                    true => Diagnostic::error(
                        "duplicate-location",
                        span,
                        "another location has this path already",
                    )
                    .label("tell them apart by `match`, or leave one out"),
                    false => Diagnostic::warning(
                        "dead-route",
                        span,
                        "another location with this path and `match` comes first",
                    ),
                };
                reading.report(error.help(format!("it stands at {}:{}", place.file, place.line)));
            }
            earlier.push(location);
        }
    }
}

fn key(path: &Path) -> (String, Span) {
    match path {
        Path::Exact(path) => (format!("= {}", path.value), path.span),
        Path::Prefix(path) => (path.value.clone(), path.span),
        Path::RawPrefix(path) => (format!("* {}", path.value), path.span),
        Path::Regex(regex) => (format!("~ {}", regex.value.as_str()), regex.span),
    }
}

/// What stands behind a route that takes everything.
fn report_shadowed(locations: &[Location], reading: &mut Reading<'_>) {
    let regexes = locations.iter().flat_map(|location| {
        location.paths.iter().filter_map(move |path| match path {
            Path::Regex(regex) => Some((location, regex)),
            _ => None,
        })
    });
    let all_final = prefixes(locations).any(|(location, path)| path == "/" && location.conditions.is_empty())
        && prefixes(locations).all(|(location, _)| location.is_final && location.conditions.is_empty());
    let mut universal: Option<Span> = None;
    for (location, regex) in regexes {
        if all_final {
            let message = "this regex is never asked: every path has a prefix with `final=on`";
            reading.report(Diagnostic::warning("dead-route", regex.span, message));
        } else if let Some(earlier) = universal {
            reading.report(shadowed(regex.span, earlier, reading));
        } else if location.conditions.is_empty() && UNIVERSAL.contains(&regex.value.as_str()) {
            universal = Some(regex.span);
        }
    }
    let Some(universal) = universal else { return };
    for location in locations.iter().filter(|location| !location.is_final) {
        let only_prefixes =
            location.paths.iter().all(|path| matches!(path, Path::Prefix(_) | Path::RawPrefix(_)));
        if only_prefixes && !location.paths.is_empty() {
            reading.report(shadowed(location.span, universal, reading));
        }
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

fn shadowed(span: Span, by: Span, reading: &Reading<'_>) -> Diagnostic {
    let place = reading.sources.place(by);
    Diagnostic::warning(
        "dead-route",
        span,
        "this location is never reached: an earlier regex matches every path",
    )
    .help(format!("the regex stands at {}:{}; a prefix with `final=on` wins over it", place.file, place.line))
}

//! `within=`: the location that the search must have come to before another one is asked.

use crate::diagnostic::Diagnostic;
use crate::language::location::{Location, Path};
use crate::node::Reading;
use crate::source::Spanned;
use crate::table::{self, LocationId};

/// The location around another one; that there is none is reported.
pub(super) fn find(
    location: &Location,
    locations: &[Location],
    reading: &mut Reading<'_>,
) -> Option<LocationId> {
    let around = location.within.as_ref()?;
    let is_named = |path: &Path| prefix(path) == Some(around.value.as_str());
    let has_it = |other: &&Location| !std::ptr::eq(*other, location) && other.paths.iter().any(is_named);
    // Of those that share the path, the one without a `match` is what the search comes to in the end.
    let by_path = || locations.iter().enumerate().filter(|(_, other)| has_it(other));
    let found = by_path().find(|(_, other)| other.conditions.is_empty()).or_else(|| by_path().next());
    let Some((number, _)) = found else {
        let message =
            format!("this server has no other location with the prefix or regex `{}`", around.value);
        reading.report(
            Diagnostic::error("unknown-location", around.span, message)
                .label("`within` names its prefix, or its regex"),
        );
        return None;
    };
    check_beneath(location, around, reading);
    Some(LocationId(number))
}

/// Reports locations that are within one another: from there the search would never come out.
pub(super) fn check_circles(written: &[Location], locations: &[table::Location], reading: &mut Reading<'_>) {
    let around = |id: LocationId| locations.get(id.0).and_then(|location| location.within);
    for (number, location) in written.iter().enumerate() {
        let Some(within) = &location.within else { continue };
        let start = LocationId(number);
        let outwards = std::iter::successors(around(start), |id| around(*id)).take(locations.len());
        let way: Vec<_> = outwards.take_while(|id| *id != start).collect();
        // Each circle once, at the first of its locations.
        let is_circle = way.last().copied().and_then(around) == Some(start);
        if is_circle && way.iter().all(|id| id.0 > number) {
            let message = format!("this location is within `{}`, and that one within this", within.value);
            let error = Diagnostic::error("location-cycle", within.span, message);
            reading.report(error.label("one of them has to be outermost"));
        }
    }
}

/// A path that does not begin with the other one's is never asked there.
fn check_beneath(location: &Location, around: &Spanned<String>, reading: &mut Reading<'_>) {
    for path in &location.paths {
        let (Path::Exact(path) | Path::Prefix(path) | Path::RawPrefix(path)) = path else { continue };
        if !path.value.starts_with(&around.value) || path.value == around.value {
            let message = format!("`{}` is not within `{}`", path.value, around.value);
            reading.report(
                Diagnostic::error("wrong-value", path.span, message).label("its path is to begin with that"),
            );
        }
    }
}

/// By which a location is known to those within it.
fn prefix(path: &Path) -> Option<&str> {
    match path {
        Path::Prefix(path) | Path::RawPrefix(path) => Some(&path.value),
        Path::Regex(regex) => Some(regex.value.as_str()),
        Path::Exact(_) => None,
    }
}

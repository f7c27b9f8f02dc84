//! Maps by the variables that they make, and what cannot be made.

use crate::diagnostic::{Diagnostic, nearest};
use crate::language::map::{Map as Written, check_cases};
use crate::node::Reading;
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::table::Map;
use std::collections::{BTreeMap, HashMap};

/// How many maps may ask for one another, so that none takes for ever.
const DEEPEST: usize = 16;

/// How often maps may be asked for one value: each that asks for another twice doubles it, and its text.
const MOST_ASKED: usize = 1_000;

pub(super) fn compile(written: &[Written], reading: &mut Reading<'_>) -> BTreeMap<String, Map> {
    // In an order of its own, so that the same text is told of in the same words.
    let mut known: BTreeMap<&str, &Written> = BTreeMap::new();
    for map in written {
        check_cases(&map.cases, reading);
        if let Some(earlier) = known.insert(&map.name.value, map) {
            let place = reading.sources.place(earlier.name.span);
            let message = format!("the variable `{}` is made twice", map.name.value);
            let error = Diagnostic::error("duplicate-name", map.name.span, message).label("leave one out");
            reading.report(error.help(format!("it is made at {}:{} too", place.file, place.line)));
        }
    }
    check_variables(&known, reading);
    let are_sound = written.iter().filter(|map| !check_way(map, &known, reading)).count() == 0;
    if are_sound {
        check_cost(written, &known, reading);
    }
    written.iter().map(|map| (map.name.value.clone(), made(map, reading))).collect()
}

fn made(map: &Written, reading: &Reading<'_>) -> Map {
    let nothing = Template { parts: Vec::new() };
    let default = map.default.as_ref().map_or(nothing, |default| default.value.clone());
    let cases = map.cases.iter().map(|case| case.value.clone()).collect();
    let place = reading.sources.place(map.name.span);
    Map::new((map.from.value.clone(), map.through.clone()), map.hostnames, cases, default, place)
}

/// Each variable that is asked for has to be made by something.
fn check_variables(known: &BTreeMap<&str, &Written>, reading: &mut Reading<'_>) {
    for Spanned { value: name, span } in std::mem::take(&mut reading.variables) {
        if known.contains_key(name.as_str()) || reading.made_variables.contains(&name) {
            continue;
        }
        let error = Diagnostic::error("unknown-variable", span, format!("nothing makes `{{var.{name}}}`"));
        let error = match nearest(&name, known.keys().copied()) {
            Some(meant) => error.label(format!("did you mean `{{var.{meant}}}`?")),
            None => error.label(format!("add `map {name} from=\"…\" {{ … }}`")),
        };
        reading.report(error.help("vordr help map"));
    }
}

/// The templates of a map.
fn templates(map: &Written) -> impl Iterator<Item = &Template> {
    let values = map.cases.iter().map(|case| &case.value.value);
    std::iter::once(&map.from.value).chain(values).chain(map.default.iter().map(|default| &default.value))
}

/// A map may ask for others, and never for itself by way of them. Whether that is so.
fn check_way(map: &Written, known: &BTreeMap<&str, &Written>, reading: &mut Reading<'_>) -> bool {
    let mut way = Vec::new();
    let Some(fault) = follow(map, known, &mut way, &mut HashMap::new()) else { return true };
    let names: Vec<&str> = way.iter().map(|map| map.name.value.as_str()).collect();
    let message = match fault {
        Fault::Cycle => format!("the variable `{}` is made of itself", map.name.value),
        Fault::Deep => format!("variables are made of one another more than {DEEPEST} deep"),
    };
    let code = if fault == Fault::Cycle { "map-cycle" } else { "too-deep" };
    let error = Diagnostic::error(code, map.name.span, message);
    reading.report(error.label(names.join(" → ")));
    false
}

/// Reports each map that asks for others too often, itself and not by way of one that does. No way leads round.
fn check_cost(written: &[Written], known: &BTreeMap<&str, &Written>, reading: &mut Reading<'_>) {
    let mut costs = HashMap::new();
    for map in written {
        let is_dear =
            |costs: &HashMap<_, usize>, name: &str| costs.get(name).is_some_and(|cost| *cost > MOST_ASKED);
        cost(map, known, &mut costs);
        let mut asked = templates(map).flat_map(Template::variables);
        if is_dear(&costs, &map.name.value) && !asked.any(|name| is_dear(&costs, name)) {
            let message = format!("for `{}` maps are asked more than {MOST_ASKED} times", map.name.value);
            let error = Diagnostic::error("too-deep", map.name.span, message);
            reading.report(error.label("ask for each variable once").help("vordr help map"));
        }
    }
}

/// How many maps are asked at most for the value of one, itself counted.
fn cost<'m>(
    map: &'m Written,
    known: &BTreeMap<&str, &'m Written>,
    costs: &mut HashMap<&'m str, usize>,
) -> usize {
    let name = map.name.value.as_str();
    if let Some(cost) = costs.get(name) {
        return *cost;
    }
    let mut of = |template: &Template| {
        let asked = template.variables().filter_map(|name| known.get(name));
        asked.fold(0, |sum: usize, next| sum.saturating_add(cost(next, known, costs)))
    };
    let dearest = templates(map).skip(1).map(&mut of).max().unwrap_or(0);
    let whole = of(&map.from.value).saturating_add(dearest).saturating_add(1);
    costs.insert(name, whole);
    whole
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Cycle,
    Deep,
}

/// Looks for the way back to the first map of `way`, or for one that is too long. `seen` has how deep each map was
/// come to already: it is looked at again only where that is deeper.
fn follow<'m>(
    map: &'m Written,
    known: &BTreeMap<&str, &'m Written>,
    way: &mut Vec<&'m Written>,
    seen: &mut HashMap<&'m str, usize>,
) -> Option<Fault> {
    let name = map.name.value.as_str();
    if way.first().is_some_and(|first| first.name.value == name) {
        way.push(map);
        return Some(Fault::Cycle);
    }
    if way.len() >= DEEPEST {
        way.push(map);
        // A way that goes round without coming back here is told of where it begins.
        let goes_round = way.iter().filter(|other| other.name.value == name).count() > 1;
        return (!goes_round).then_some(Fault::Deep);
    }
    if seen.insert(name, way.len()).is_some_and(|earlier| earlier >= way.len()) {
        return None;
    }
    way.push(map);
    let depth = way.len();
    for asked in templates(map).flat_map(Template::variables) {
        let Some(next) = known.get(asked) else { continue };
        if let Some(fault) = follow(next, known, way, seen) {
            return Some(fault);
        }
        way.truncate(depth);
    }
    None
}

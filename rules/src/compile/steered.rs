//! Warns of a request that decides by itself which host it is sent to.

use crate::diagnostic::Diagnostic;
use crate::node::Reading;
use crate::placeholder::{Part, Placeholder, Template};
use crate::source::Spanned;
use crate::table::{Map, Server, Step};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What variables are made of.
struct Made<'t> {
    maps: &'t BTreeMap<String, Map>,
    sets: HashMap<&'t str, Vec<&'t Template>>,
}

/// Looks at each URL with placeholders.
pub(super) fn warn(
    urls: &[Spanned<Template>],
    maps: &BTreeMap<String, Map>,
    servers: &[Server],
    reading: &mut Reading<'_>,
) {
    if urls.is_empty() {
        return;
    }
    let mut made = Made { maps, sets: HashMap::new() };
    for server in servers {
        made.gather(&server.steps);
        server.locations.iter().for_each(|location| made.gather(&location.steps));
    }
    for url in
        urls.iter().filter(|url| made.is_the_clients(before_path(&url.value.parts), &mut HashSet::new()))
    {
        let message = "whoever asks decides which host the request is sent to, your own network's included";
        let warning = Diagnostic::warning("request-decides-host", url.span, message);
        let label = "let a `map` make it, whose cases name the hosts that may be asked";
        reading.report(warning.label(label).help("vordr help proxy"));
    }
}

impl<'t> Made<'t> {
    fn gather(&mut self, steps: &'t [Step]) {
        for step in steps {
            match step {
                Step::Set(name, value) => self.sets.entry(name).or_default().push(value),
                Step::When(when) => self.gather(&when.steps),
                _ => {}
            }
        }
    }

    /// Whether any of a text is what a client wrote. `seen` are the variables that were looked at.
    fn is_the_clients(&self, parts: &'t [Part], seen: &mut HashSet<&'t str>) -> bool {
        parts.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Placeholder(Placeholder::Variable(name)) => self.makes_the_clients(name, seen),
            Part::Placeholder(placeholder) => is_the_clients(placeholder),
        })
    }

    fn makes_the_clients(&self, name: &'t str, seen: &mut HashSet<&'t str>) -> bool {
        if !seen.insert(name) {
            return false;
        }
        let sets = self.sets.get(name);
        let Some(map) = self.maps.get(name) else {
            // What nothing sets is a regex's group.
            return sets.is_none_or(|sets| sets.iter().any(|value| self.is_the_clients(&value.parts, seen)));
        };
        let cases = map.cases.iter().map(|case| &case.value);
        let mut values = cases.chain([&map.default]).chain(sets.into_iter().flatten().copied());
        values.any(|value| self.is_the_clients(&value.parts, seen))
    }
}

/// What of a URL stands before its path: a path that is filled in behind a host begins with `/`.
fn before_path(url: &[Part]) -> &[Part] {
    let is_path = |part: &Part| {
        matches!(part, Part::Placeholder(Placeholder::Uri | Placeholder::Path | Placeholder::NormalPath))
    };
    let is_behind_host = |at: usize| match url.get(..at).and_then(<[Part]>::last) {
        Some(Part::Text(text)) => !text.ends_with("://"),
        before => before.is_some(),
    };
    let path = (0..url.len()).find(|at| is_behind_host(*at) && url.get(*at).is_some_and(is_path));
    url.get(..path.unwrap_or(url.len())).unwrap_or(url)
}

fn is_the_clients(placeholder: &Placeholder) -> bool {
    matches!(
        placeholder,
        Placeholder::Host
            | Placeholder::Uri
            | Placeholder::Path
            | Placeholder::NormalPath
            | Placeholder::Query
            | Placeholder::Rest
            | Placeholder::Method
            | Placeholder::ForwardedFor
            | Placeholder::Header(_)
            | Placeholder::Cookie(_)
            | Placeholder::Argument(_)
            | Placeholder::Capture(_)
    )
}

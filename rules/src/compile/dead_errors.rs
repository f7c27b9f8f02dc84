//! What an `on-error` names and can never meet, because it does not say `from`.

use super::templates::Templates;
use crate::diagnostic::{Diagnostic, Severity};
use crate::language::File;
use crate::language::settings::Settings as Layer;
use crate::node::Reading;
use crate::source::Span;
use crate::table::{Action, Location, OnErrorFrom, Respond, Server, Step};
use http::StatusCode;
use std::collections::BTreeMap;

/// The failures to get an answer of an upstream, and those of TLS, which any server may have.
const ANYWHERE: [u16; 6] = [502, 503, 504, 495, 496, 497];
/// What `files` fails with.
const OF_FILES: [u16; 4] = [403, 404, 405, 500];
/// What comes of an upstream that leads to where nothing is.
const OF_STEERING: [u16; 2] = [404, 500];
/// What a page of counts fails with.
const OF_COUNTS: [u16; 1] = [405];

/// Of each `on-error` the statuses that are met at none of the places where it holds.
type Vain = BTreeMap<Span, Vec<u16>>;

/// Looks at each `on-error` without `from`; `servers` are those of the file.
pub(super) fn warn(file: &File, templates: &Templates<'_>, servers: &[Server], reading: &mut Reading<'_>) {
    if reading.found.iter().any(|found| found.severity == Severity::Error) {
        return;
    }
    let mut vain = Vain::new();
    for (written, made) in file.servers.iter().zip(servers) {
        let outer = templates.layers(&written.settings, reading);
        // Steps may go on as another location, whose `on-error` holds from there on.
        let mut by_steps = Vec::new();
        let steps = made.locations.iter().map(|location| &location.steps).chain([&made.steps]);
        steps.for_each(|steps| add_steps(steps, &mut by_steps));
        note(outer.iter().copied().chain(&written.early), &by_steps, &mut vain);
        for (location, made) in written.locations.iter().zip(&made.locations) {
            let own = templates.layers(&location.settings, reading);
            let mut met = by_steps.clone();
            add_location(made, &mut met);
            note(outer.iter().chain(&own).copied(), &met, &mut vain);
        }
    }
    for (span, statuses) in vain.iter().filter(|(_, statuses)| !statuses.is_empty()) {
        reading.report(never_done(*span, statuses));
    }
}

/// Strikes out what is met where these layers hold.
fn note<'l>(layers: impl Iterator<Item = &'l Layer>, met: &[u16], vain: &mut Vain) {
    let without_from =
        layers.flat_map(|layer| &layer.on_error).filter(|one| one.from == OnErrorFrom::Failures);
    for on_error in without_from {
        let named = || on_error.statuses.iter().map(StatusCode::as_u16).collect();
        let is_redirect = |status: u16| (300..400).contains(&status);
        vain.entry(on_error.span)
            .or_insert_with(named)
            .retain(|status| !is_redirect(*status) && !ANYWHERE.contains(status) && !met.contains(status));
    }
}

fn add_location(location: &Location, met: &mut Vec<u16>) {
    add_action(&location.action, met);
    if location.settings.steering.redirect {
        met.extend(OF_STEERING);
    }
}

fn add_action(action: &Action, met: &mut Vec<u16>) {
    match action {
        Action::Files(files) => {
            met.extend(OF_FILES);
            files.otherwise.iter().for_each(|action| add_action(action, met));
        }
        Action::Respond(Respond { status, fails: true, .. }) => met.push(status.as_u16()),
        Action::StubStatus => met.extend(OF_COUNTS),
        _ => {}
    }
}

fn add_steps(steps: &[Step], met: &mut Vec<u16>) {
    for step in steps {
        match step {
            Step::When(when) => add_steps(&when.steps, met),
            Step::Act(action) => add_action(action, met),
            _ => {}
        }
    }
}

fn never_done(span: Span, statuses: &[u16]) -> Diagnostic {
    let statuses: Vec<_> = statuses.iter().map(u16::to_string).collect();
    let message = format!("without `from` this is never done for {}", statuses.join(", "));
    let help = "`rules` is what vordr refuses itself, `upstream` what the upstream answers, `all` both";
    Diagnostic::warning("dead-on-error", span, message)
        .label("add `from=rules` or `from=upstream`")
        .help(format!("{help}; else it is 502, 503 and 504, and what `files` fails with"))
}

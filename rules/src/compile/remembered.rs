//! What of an upstream's answer is asked for later on, when it may have been changed.

use super::logs;
use crate::placeholder::Template;
use crate::table::{Action, HeaderOperation, LocationFix, Map, Process, Replacement, Server, Wanted};
use http::HeaderName;
use std::collections::{BTreeMap, BTreeSet};

/// The headers that changes to answers and to their addresses and cookies ask for, by way of maps too.
pub(super) fn upstream_headers(
    process: &Process,
    servers: &[Server],
    maps: &BTreeMap<String, Map>,
) -> Vec<HeaderName> {
    let settings = servers.iter().flat_map(|server| {
        server.locations.iter().map(|location| &location.settings).chain([&server.settings])
    });
    let logs = settings.clone().filter_map(|settings| settings.access_logs.as_ref());
    let logs = logs.chain([&process.access_logs]).flatten().flat_map(logs::templates);
    let operations = settings.flat_map(|settings| &settings.response).filter_map(template);
    let actions = servers.iter().flat_map(|server| &server.locations).map(|location| &location.action);
    let templates =
        operations.chain(maps.values().flat_map(templates)).chain(actions.flat_map(fixes)).chain(logs);
    let names: BTreeSet<&str> =
        templates.flat_map(Template::upstream_headers).map(HeaderName::as_str).collect();
    names.into_iter().filter_map(|name| name.parse().ok()).collect()
}

fn template(operation: &HeaderOperation) -> Option<&Template> {
    match operation {
        HeaderOperation::Set(_, value)
        | HeaderOperation::Add(_, value)
        | HeaderOperation::Default(_, value) => Some(value),
        HeaderOperation::OnSuccess(operation) => template(operation),
        HeaderOperation::Remove(_) | HeaderOperation::RemovePrefix(_) => None,
    }
}

fn templates(map: &Map) -> impl Iterator<Item = &Template> {
    map.cases.iter().map(|case| &case.value).chain([&map.from, &map.default])
}

/// What addresses and cookies are looked for by, and what takes their place.
fn fixes(action: &Action) -> Vec<&Template> {
    let Action::Proxy(proxy) = action else { return Vec::new() };
    let addresses: &[Replacement] = match &proxy.location_fix {
        LocationFix::Own(rules) => rules,
        LocationFix::Auto | LocationFix::Off => &[],
    };
    let (wanted, made): (Vec<&Wanted>, Vec<&Template>) = addresses
        .iter()
        .chain(&proxy.cookies.domains)
        .chain(&proxy.cookies.paths)
        .map(|rule| (&rule.from, &rule.to))
        .unzip();
    let wanted = wanted.into_iter().chain(proxy.cookies.flags.iter().map(|flags| &flags.of));
    let texts = wanted.filter_map(|wanted| match wanted {
        Wanted::Text(text) => Some(text),
        Wanted::Regex(_) => None,
    });
    texts.chain(made).collect()
}

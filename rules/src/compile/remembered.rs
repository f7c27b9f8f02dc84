//! What of an upstream's answer is asked for later on, when it may have been changed.

use crate::placeholder::Template;
use crate::table::{HeaderOperation, Map, Server};
use http::HeaderName;
use std::collections::{BTreeMap, BTreeSet};

/// The headers that changes to answers ask for, by way of maps too.
pub(super) fn upstream_headers(servers: &[Server], maps: &BTreeMap<String, Map>) -> Vec<HeaderName> {
    let settings = servers.iter().flat_map(|server| {
        server.locations.iter().map(|location| &location.settings).chain([&server.settings])
    });
    let operations = settings.flat_map(|settings| &settings.response).filter_map(template);
    let templates = operations.chain(maps.values().flat_map(templates));
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

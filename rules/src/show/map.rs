//! Variables, written out.

use super::text::{Page, quoted, switch, template, words};
use crate::table::{CaseKey, Map, Through};

pub(super) fn write(name: &str, map: &Map, page: &mut Page) {
    let hostnames = if map.hostnames { " hostnames=on" } else { "" };
    let through = through(&map.through);
    page.open(
        &format!("map {} from={}{hostnames}{through}", quoted(name), template(&map.from)),
        Some(&map.place),
    );
    for case in &map.cases {
        let key = match &case.key {
            CaseKey::Text(text) => quoted(text),
            CaseKey::Regex(regex) => format!("regex={}", quoted(regex.as_str())),
            CaseKey::Network(network) => format!("network={}", quoted(&network.to_string())),
            CaseKey::Unix => "network=unix".to_owned(),
            CaseKey::Share(share) if share % 100 == 0 => format!("share=\"{}%\"", share / 100),
            CaseKey::Share(share) => format!("share=\"{}.{:02}%\"", share / 100, share % 100),
        };
        page.line(&format!("case {key} {}", template(&case.value)), None);
    }
    page.line(&format!("default {}", template(&map.default)), None);
    page.close();
}

fn through(through: &Through) -> String {
    if through.proxies.is_empty() {
        return String::new();
    }
    let proxies = words(&through.proxies, ToString::to_string);
    format!(" proxies={} recursive={}", quoted(&proxies), switch(through.recursive))
}

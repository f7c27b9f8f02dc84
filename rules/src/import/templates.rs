//! Settings that several places say become a template, which they use.

use super::tree::Item;
use std::collections::BTreeMap;

/// What may stand in a template, and is worth one.
const WORDS: [&str; 10] = [
    "request",
    "response",
    "timeouts",
    "websocket",
    "buffering",
    "body-limit",
    "forwarded",
    "cors",
    "limit",
    "compress",
];
/// How many lines a template has to save at each place.
const LEAST: usize = 3;

/// Which server, and which of its locations, where it is one.
type Owner = (usize, Option<usize>);

/// The same rules with a template for whatever several places say.
pub(super) fn of(mut items: Vec<Item>) -> Vec<Item> {
    let mut templates: Vec<Item> = Vec::new();
    for (owners, settings) in groups(&items) {
        if owners.len() < 2 || settings.iter().map(lines).sum::<usize>() < LEAST {
            continue;
        }
        let name = name_of(&settings, &templates);
        for owner in owners {
            let Some(block) = block_of(&mut items, owner) else { continue };
            block.retain(|item| !settings.contains(item));
            let at = block.iter().position(|item| !["listen", "use", "match"].contains(&item.word()));
            let used = Item { text: format!("use {name}"), ..Item::default() };
            block.insert(at.unwrap_or(block.len()), used);
        }
        templates.push(Item { text: format!("template {name}"), block: Some(settings), ..Item::default() });
    }
    let at = items.iter().position(|item| item.word() == "server").unwrap_or(items.len());
    items.splice(at..at, templates);
    items
}

/// Settings that are the same in the same places, by these places.
fn groups(items: &[Item]) -> BTreeMap<Vec<Owner>, Vec<Item>> {
    let mut owners: Vec<(Item, Vec<Owner>)> = Vec::new();
    let servers = items.iter().enumerate().filter(|(_, item)| item.word() == "server");
    for (number, server) in servers {
        let mut note = |owner: Owner, inside: &[Item]| {
            for item in inside.iter().filter(|item| is_setting(item)) {
                match owners.iter_mut().find(|(known, _)| known == item) {
                    Some((_, owners)) => owners.push(owner),
                    None => owners.push((item.clone(), vec![owner])),
                }
            }
        };
        note((number, None), server.inside());
        for (at, location) in server.inside().iter().filter(|item| item.word() == "location").enumerate() {
            note((number, Some(at)), location.inside());
        }
    }
    let mut groups: BTreeMap<Vec<Owner>, Vec<Item>> = BTreeMap::new();
    for (item, owners) in owners {
        groups.entry(owners).or_default().push(item);
    }
    groups
}

fn is_setting(item: &Item) -> bool {
    WORDS.contains(&item.word())
}

fn block_of(items: &mut [Item], (server, location): Owner) -> Option<&mut Vec<Item>> {
    let block = items.get_mut(server)?.block.as_mut()?;
    match location {
        None => Some(block),
        Some(at) => block.iter_mut().filter(|item| item.word() == "location").nth(at)?.block.as_mut(),
    }
}

fn lines(item: &Item) -> usize {
    item.said().lines().count()
}

/// By what it is about: `request-and-timeouts`.
fn name_of(settings: &[Item], templates: &[Item]) -> String {
    let words = settings.iter().map(|setting| match setting.word() {
        "request" => "request-headers",
        "response" => "response-headers",
        word => word,
    });
    let name = words.take(2).collect::<Vec<_>>().join("-and-");
    let is_taken = |name: &str| templates.iter().any(|template| template.text == format!("template {name}"));
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(name)
}

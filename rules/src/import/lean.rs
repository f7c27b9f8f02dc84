//! What holds anyway is taken out: defaults, and in a location what its server says.

use super::tree::{Item, grown};
use crate::surroundings::InMemory;
use crate::{load, show};

/// Of every word that has a default where nothing is said, the rules that say nothing.
const SILENT: &str = r#"
upstream http { server "http://a:1"; }
upstream https { server "https://a:1"; }
server "*" {
    listen 80
    location "/a" { proxy "http://a:1"; }
    location "/b" { proxy "https://a:1"; }
    location "/c" { proxy http; }
    location "/d" { proxy https; }
    location "/" { respond 204; }
}
"#;
/// Words of which a block has all or none, together.
const LISTS: [&[&str]; 4] = [&["allow", "deny"], &["auth"], &["access-log"], &["error-log"]];
/// Words whose properties are replaced one by one.
const BY_PROPERTY: [&str; 2] = ["timeouts", "websocket"];

/// The same rules with nothing in them that holds anyway.
pub(super) fn of(items: Vec<Item>) -> Vec<Item> {
    let Ok(silent) = load("silent.kdl", SILENT, &InMemory::default()) else { return items };
    let silent = grown(show::page(&silent.table).into_lines());
    let process = silent.iter().find(|item| item.word() == "vordr");
    let server = silent.iter().find(|item| item.word() == "server");
    let lean = items.into_iter().filter_map(|mut item| match item.word() {
        "vordr" => {
            without(&mut item, process);
            Some(item).filter(|item| !item.inside().is_empty())
        }
        "server" => {
            lean_server(&mut item, server);
            Some(item)
        }
        "upstream" => {
            let like = silent.iter().find(|silent| silent.word() == "upstream");
            lean_pool(&mut item, like);
            Some(item)
        }
        _ => Some(item),
    });
    lean.collect()
}

/// Takes out what an item of the same word says too.
fn without(item: &mut Item, same: Option<&Item>) {
    let (Some(block), Some(same)) = (&mut item.block, same) else { return };
    let kept: Vec<&[&str]> =
        LISTS.into_iter().filter(|words| listed(block, words) != listed(same.inside(), words)).collect();
    block.retain_mut(|inner| {
        if kept.iter().any(|words| words.contains(&inner.word())) {
            return true;
        }
        let twin = same.inside().iter().find(|twin| twin.word() == inner.word());
        if inner.block.is_some() && twin.is_some_and(|twin| twin.text == inner.text) {
            without(inner, twin);
            return !inner.inside().is_empty();
        }
        !same.inside().contains(inner)
    });
}

/// The items of a list, in their order.
fn listed(items: &[Item], words: &[&str]) -> Vec<Item> {
    items.iter().filter(|item| words.contains(&item.word())).cloned().collect()
}

fn lean_server(server: &mut Item, silent: Option<&Item>) {
    let own: Vec<Item> = server.inside().to_vec();
    let proxies: Vec<&Item> =
        silent.iter().flat_map(|silent| silent.inside()).flat_map(Item::inside).collect();
    for item in server.block.iter_mut().flatten() {
        if item.word() == "location" {
            lean_settings(item, &own);
            item.block.iter_mut().flatten().filter(|inner| inner.word() == "proxy").for_each(|proxy| {
                let like =
                    proxies.iter().find(|like| like.word() == "proxy" && is_https(like) == is_https(proxy));
                lean_pool(proxy, like.copied());
            });
        }
    }
    if let Some(silent) = silent {
        lean_settings(server, silent.inside());
    }
}

/// Takes out of a block what the block around it, or the defaults, say too.
fn lean_settings(item: &mut Item, outer: &[Item]) {
    let Some(block) = &mut item.block else { return };
    for words in LISTS {
        if listed(block, words) == listed(outer, words) {
            block.retain(|item| !words.contains(&item.word()));
        }
    }
    let in_list = |item: &Item| LISTS.iter().any(|words| words.contains(&item.word()));
    let stays = |item: &Item| in_list(item) || ["listen", "location", "tls", "match"].contains(&item.word());
    block.retain(|inner| stays(inner) || !outer.contains(inner));
    for inner in block.iter_mut().filter(|inner| BY_PROPERTY.contains(&inner.word())) {
        if let Some(twin) = outer.iter().find(|twin| twin.word() == inner.word()) {
            lean_properties(inner, twin);
        }
    }
}

/// `timeouts connect="60s" read="60s"` beside `timeouts connect="5s" read="60s"` is `timeouts connect="60s"`.
fn lean_properties(item: &mut Item, twin: &Item) {
    let said: Vec<&str> = twin.text.split(' ').collect();
    let kept = item.text.split(' ').filter(|word| !word.contains('=') || !said.contains(word));
    item.text = kept.collect::<Vec<_>>().join(" ");
}

fn lean_pool(pool: &mut Item, like: Option<&Item>) {
    for server in pool.block.iter_mut().flatten().filter(|item| item.word() == "server") {
        server.text = server.text.replace(" weight=1", "");
    }
    without(pool, like);
    // A block of nothing is none.
    pool.block = pool.block.take().filter(|block| !block.is_empty());
}

fn is_https(proxy: &Item) -> bool {
    proxy.text.contains("\"https://") || proxy.inside().iter().any(|item| item.word() == "tls")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_that_say_nothing_load() {
        assert!(load("silent.kdl", SILENT, &InMemory::default()).is_ok());
    }
}

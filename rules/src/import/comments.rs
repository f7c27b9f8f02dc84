//! Comments of nginx's files, beside what they stood at.

use super::tree::Item;
use crate::nginx::{COMMAND_LINE, Comment, Outline};
use crate::source::Sources;
use crate::stumble::{is_disallowed, is_newline};

/// Which word of KDL says what a directive said.
const WORDS: &[(&str, &[&str])] = &[
    ("listen", &["listen"]),
    ("location", &["location"]),
    ("map", &["map"]),
    ("geo", &["map"]),
    ("split_clients", &["map"]),
    ("proxy_pass", &["proxy"]),
    ("return", &["respond", "redirect"]),
    ("rewrite", &["rewrite", "redirect"]),
    ("set", &["set"]),
    ("root", &["files"]),
    ("alias", &["files"]),
    ("try_files", &["files"]),
    ("error_page", &["on-error"]),
    ("allow", &["allow"]),
    ("deny", &["deny"]),
    ("auth_basic", &["auth"]),
    ("auth_request", &["auth"]),
    ("limit_req", &["limit"]),
    ("gzip", &["compress"]),
    ("proxy_connect_timeout", &["timeouts"]),
    ("proxy_send_timeout", &["timeouts"]),
    ("proxy_read_timeout", &["timeouts", "websocket"]),
    ("client_max_body_size", &["body-limit"]),
    ("proxy_request_buffering", &["buffering"]),
    ("client_body_buffer_size", &["buffering"]),
    ("client_body_in_file_only", &["buffering"]),
    ("client_body_temp_path", &["buffering"]),
    ("post_action", &["afterwards"]),
    ("proxy_store", &["store"]),
    ("proxy_redirect", &["location-fix"]),
    ("proxy_ssl_verify", &["tls"]),
    ("proxy_ssl_name", &["tls"]),
    ("proxy_next_upstream", &["retry"]),
    ("ssl_certificate", &["cert"]),
    ("ssl_certificate_key", &["key"]),
    ("ssl_protocols", &["versions"]),
    ("ssl_client_certificate", &["client-ca"]),
    ("least_conn", &["balance"]),
    ("ip_hash", &["balance"]),
    ("access_log", &["access-log"]),
    ("log_format", &["log-format"]),
    ("error_log", &["error-log"]),
    ("worker_processes", &["workers"]),
    ("resolver", &["resolver"]),
    ("set_real_ip_from", &["trusted-proxies"]),
];
/// Directives whose first argument says which of many they are.
const NAMED: [&str; 6] =
    ["proxy_set_header", "add_header", "add_trailer", "proxy_hide_header", "server", "set"];

/// Puts every comment of the sources where it belongs, once.
pub(super) fn carry_over(sources: &Sources, items: &mut Vec<Item>) {
    for source in sources.iter().filter(|source| &*source.name != COMMAND_LINE) {
        let outline = Outline::of(&source.text);
        for comment in &outline.comments {
            let path = place(&outline, comment, &source.name, items).unwrap_or_default();
            let text = in_kdl(&comment.text);
            match item_at(items, &path) {
                Some(item) => item.comments.push(text),
                // Below everything, where it stood.
                None => items.push(Item { text: format!("// {text}"), ..Item::default() }),
            }
        }
    }
}

/// A comment as KDL may have it: what would end its line there, or may not stand in it, is a blank.
fn in_kdl(comment: &str) -> String {
    comment.chars().map(|c| if is_newline(c) || is_disallowed(c) { ' ' } else { c }).collect()
}

/// From block to block, which item of each.
type Path = Vec<usize>;

/// Where a comment goes: to what its directive became, else to the block around it that became something.
fn place(outline: &Outline, comment: &Comment, file: &str, items: &[Item]) -> Option<Path> {
    let directive = outline.directives.get(comment.of?)?;
    let mut around = comment.of;
    let mut blocks: Vec<Path> = Vec::new();
    while let Some(stood) = around.and_then(|at| outline.directives.get(at)) {
        let is_it =
            |item: &Item| stands(item, file, stood.line) && item.block.is_some() && item.word() == stood.name;
        blocks.extend(find(items, &is_it));
        around = stood.inside;
    }
    let became = |item: &Item| became(item, &directive.name, &directive.first);
    // A block of its own is what it became.
    let own =
        blocks.first().filter(|path| at(items, path).is_some_and(|item| stands(item, file, directive.line)));
    if let Some(own) = own {
        return Some(own.clone());
    }
    for block in &blocks {
        let inside = at(items, block).map(Item::inside).unwrap_or_default();
        if let Some(within) = find(inside, &became) {
            return Some(block.iter().chain(&within).copied().collect());
        }
        let used = inside.iter().filter_map(|item| item.text.strip_prefix("use "));
        for name in used {
            let template = items.iter().position(|item| item.text == format!("template {name}"));
            let within = template.and_then(|at| Some((at, find(items.get(at)?.inside(), &became)?)));
            if let Some((at, within)) = within {
                return Some(std::iter::once(at).chain(within).collect());
            }
        }
    }
    blocks
        .into_iter()
        .next()
        .or_else(|| find(items, &became))
        .or_else(|| (!items.is_empty()).then(|| vec![0]))
}

fn stands(item: &Item, file: &str, line: u32) -> bool {
    item.place.as_ref().is_some_and(|place| *place.file == *file && place.line == line)
}

/// Whether this is what a directive became.
fn became(item: &Item, name: &str, first: &str) -> bool {
    if NAMED.contains(&name) {
        let first = if name == "server" { first } else { &first.to_ascii_lowercase() };
        return item.block.is_none() && !first.is_empty() && item.text.contains(first);
    }
    WORDS.iter().any(|(directive, words)| *directive == name && words.contains(&item.word()))
}

/// The first item that fits, outer ones before inner ones.
fn find(items: &[Item], fits: &dyn Fn(&Item) -> bool) -> Option<Path> {
    if let Some(at) = items.iter().position(fits) {
        return Some(vec![at]);
    }
    items.iter().enumerate().find_map(|(at, item)| {
        let within = find(item.inside(), fits)?;
        Some(std::iter::once(at).chain(within).collect())
    })
}

fn item_at<'i>(items: &'i mut [Item], path: &[usize]) -> Option<&'i mut Item> {
    let (first, rest) = path.split_first()?;
    let item = items.get_mut(*first)?;
    if rest.is_empty() { Some(item) } else { item_at(item.block.as_mut()?, rest) }
}

fn at<'i>(items: &'i [Item], path: &[usize]) -> Option<&'i Item> {
    let (first, rest) = path.split_first()?;
    let item = items.get(*first)?;
    if rest.is_empty() { Some(item) } else { at(item.inside(), rest) }
}

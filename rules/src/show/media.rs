//! What is said of bodies, written out.

use super::action::text_of;
use super::place_of;
use super::text::{Page, quoted, template, words};
use crate::table::{Bodies, Expires, Place, Recode, Settings, Types, usual_types};
use http::HeaderValue;
use std::collections::BTreeMap;

pub(super) fn write(settings: &Settings, outer: Option<&Settings>, page: &mut Page) {
    let place = |word: &str| place_of(&settings.places, word);
    let is_inherited =
        |same: fn(&Settings, &Settings) -> bool| outer.is_some_and(|outer| same(outer, settings));
    if let Some(types) = settings.types.as_ref().filter(|_| !is_inherited(|one, two| one.types == two.types))
    {
        write_types(types, place("types"), page);
    }
    if !is_inherited(|one, two| one.charset == two.charset) {
        match &settings.charset {
            Some(charset) => {
                let types = quoted(&charset.types.join(" "));
                let source = charset.source.as_ref().map(|source| format!(" source={}", quoted(source)));
                let replaces = if charset.replaces { " override=on" } else { "" };
                let source = source.unwrap_or_default();
                let head = format!("charset {} types={types}{source}{replaces}", template(&charset.name));
                write_recodes(&head, &charset.recodes, place("charset"), page);
            }
            None if outer.is_some() => page.line("charset off", None),
            None => {}
        }
    }
    if !is_inherited(|one, two| one.expires == two.expires) {
        match &settings.expires {
            Some(Expires::Always(lifetime)) => {
                page.line(&format!("expires {}", quoted(&lifetime.to_string())), place("expires"));
            }
            Some(Expires::Filled(filled)) => {
                page.line(&format!("expires {}", template(filled)), place("expires"))
            }
            None if outer.is_some() => page.line("expires off", None),
            None => {}
        }
    }
    let usual = outer.map_or(Bodies::Own, |outer| outer.bodies);
    if settings.bodies != usual {
        let word = if settings.bodies == Bodies::Nginx { "nginx" } else { "own" };
        page.line(&format!("bodies {word}"), place("bodies"));
    }
}

/// What most files have is said in a word, and what they have besides in full.
fn write_types(types: &Types, place: Option<&Place>, page: &mut Page) {
    let usual = usual_types::of_nginx();
    let has_all = usual.keys().all(|ending| types.by_ending.contains_key(ending));
    let (like, usual) = if has_all { ("like=nginx ", usual) } else { ("", BTreeMap::new()) };
    let line = format!("types {like}default={}", quoted(&text_of(&types.default)));
    let further = grouped(types, &usual);
    if further.is_empty() {
        return page.line(&line, place);
    }
    page.open(&line, place);
    for (name, endings) in further {
        page.line(&format!("type {} {}", quoted(&name), words(&endings, |ending| quoted(ending))), None);
    }
    page.close();
}

/// The endings of each type, without those that are known.
fn grouped<'t>(types: &'t Types, known: &BTreeMap<String, HeaderValue>) -> BTreeMap<String, Vec<&'t str>> {
    let mut grouped: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (ending, name) in types.by_ending.iter().filter(|(ending, name)| known.get(*ending) != Some(*name)) {
        grouped.entry(text_of(name).into_owned()).or_default().push(ending);
    }
    grouped
}

fn write_recodes(head: &str, recodes: &[Recode], place: Option<&Place>, page: &mut Page) {
    if recodes.is_empty() {
        return page.line(head, place);
    }
    page.open(head, place);
    for recode in recodes {
        let pairs: Vec<_> = recode.pairs().map(|(from, to)| format!("{from:02x}={to:02x}")).collect();
        page.line(&format!("recode {} {}", quoted(&recode.from), quoted(&pairs.join(" "))), None);
    }
    page.close();
}

//! What is said of bodies, written out.

use super::action::text_of;
use super::place_of;
use super::text::{Page, quoted, template, words};
use crate::table::{Bodies, Expires, Settings, Types};
use std::collections::BTreeMap;

pub(super) fn write(settings: &Settings, outer: Option<&Settings>, page: &mut Page) {
    let place = |word: &str| place_of(&settings.places, word);
    let is_inherited =
        |same: fn(&Settings, &Settings) -> bool| outer.is_some_and(|outer| same(outer, settings));
    if let Some(types) = settings.types.as_ref().filter(|_| !is_inherited(|one, two| one.types == two.types))
    {
        page.open(&format!("types default={}", quoted(&text_of(&types.default))), place("types"));
        for (name, endings) in grouped(types) {
            page.line(&format!("type {} {}", quoted(&name), words(&endings, |ending| quoted(ending))), None);
        }
        page.close();
    }
    if !is_inherited(|one, two| one.charset == two.charset) {
        match &settings.charset {
            Some(charset) => {
                let types = quoted(&charset.types.join(" "));
                page.line(&format!("charset {} types={types}", quoted(&charset.name)), place("charset"));
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

/// The endings of each type.
fn grouped(types: &Types) -> BTreeMap<String, Vec<&str>> {
    let mut grouped: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (ending, name) in &types.by_ending {
        grouped.entry(text_of(name).into_owned()).or_default().push(ending);
    }
    grouped
}

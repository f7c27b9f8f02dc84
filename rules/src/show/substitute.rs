//! `substitute`, written out.

use super::place_of;
use super::text::{Page, quoted, switch, template};
use crate::table::Settings;

/// Writes it where the settings have another one than those around them.
pub(super) fn write(settings: &Settings, outer: Option<&Settings>, page: &mut Page) {
    let around = outer.and_then(|outer| outer.substitute.as_ref());
    let Some(rules) = &settings.substitute else {
        if around.is_some() {
            page.line("substitute off", None);
        }
        return;
    };
    if around == Some(rules) {
        return;
    }
    let types = quoted(&rules.types.join(" "));
    let line = format!(
        "substitute types={types} once={} validators={}",
        switch(rules.once),
        switch(rules.validators)
    );
    page.open(&line, place_of(&settings.places, "substitute"));
    for (from, to) in &rules.pairs {
        page.line(&format!("replace {} {}", quoted(from), template(to)), None);
    }
    page.close();
}

//! What of an upstream's answer is put right: `location-fix`, `cookie-domain`, `cookie-path`, `cookie-flags`.

use super::header::template;
use super::text::one_of;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::{Span, Spanned};
use crate::table::{CookieFix, CookieFlags, LocationFix, PathRegex, Replacement, SameSite, Wanted};
use crate::word::Word;

/// The words that are read here.
pub(super) const WORDS: &[&Word] = &[&LOCATION_FIX, &COOKIE_DOMAIN, &COOKIE_PATH, &COOKIE_FLAGS];

static LOCATION_FIX: Word = Word::simple(
    "location-fix",
    "auto | off | [FROM] TO",
    "Whether the upstream's own address in answers becomes the public one, or what else becomes of it.",
)
.properties(&["regex"])
.many();
static COOKIE_DOMAIN: Word =
    Word::simple("cookie-domain", "[FROM] TO", "Another domain for the upstream's cookies of a domain.")
        .properties(&["regex"])
        .many();
static COOKIE_PATH: Word =
    Word::simple("cookie-path", "[FROM] TO", "Another beginning for the path of the upstream's cookies.")
        .properties(&["regex"])
        .many();
static COOKIE_FLAGS: Word =
    Word::simple("cookie-flags", "[NAME]", "Flags that a cookie of the upstream's gets, or loses.")
        .properties(&["regex", "secure", "httponly", "samesite", "flags"])
        .many();

/// As written.
#[derive(Debug, Default)]
pub(crate) struct Fix {
    pub location: Option<LocationFix>,
    pub cookies: CookieFix,
}

/// Reads one of the words.
pub(super) fn read_word(fix: &mut Fix, node: &mut Node<'_>, reading: &mut Reading<'_>) {
    match node.word.name {
        "location-fix" => read_location(fix, node, reading),
        "cookie-domain" => {
            let words = node.need_some(reading);
            fix.cookies.domains.extend(read_replacement(words, node, reading));
        }
        "cookie-path" => {
            let words = node.need_some(reading);
            fix.cookies.paths.extend(read_replacement(words, node, reading));
        }
        _ => fix.cookies.flags.extend(read_flags(node, reading)),
    }
}

fn read_location(fix: &mut Fix, node: &mut Node<'_>, reading: &mut Reading<'_>) {
    let words = node.need_some::<String>(reading);
    let is_word = words.len() == 1 && !node.has_property("regex");
    let found = match words.as_slice() {
        [word] if is_word => {
            let at = one_of(Some(word.clone()), &["auto", "off"], node.word.name, reading);
            at.map(|at| if at == 0 { LocationFix::Auto } else { LocationFix::Off })
        }
        _ => read_replacement(words, node, reading).map(|one| LocationFix::Own(vec![one])),
    };
    match (&mut fix.location, found) {
        (Some(LocationFix::Own(all)), Some(LocationFix::Own(more))) => all.extend(more),
        (known @ None, found) => *known = found,
        (Some(_), Some(_)) => {
            let error =
                Diagnostic::error("conflict", node.span, "`location-fix` goes by rules, or by a word");
            reading.report(error.label("keep one of them"));
        }
        (Some(_), None) => {}
    }
}

/// `FROM TO`, or `regex=… TO`.
fn read_replacement(
    words: Vec<Spanned<String>>,
    node: &mut Node<'_>,
    reading: &mut Reading<'_>,
) -> Option<Replacement> {
    let regex = node.property::<String>("regex", reading);
    let (from, to) = match (regex, words.as_slice()) {
        (Some(regex), [to]) => (compiled(&regex, reading).map(Wanted::Regex), to),
        (None, [from, to]) => {
            (template(from.clone(), node.word.name, reading).map(|from| Wanted::Text(from.value)), to)
        }
        _ => {
            let message = format!("`{}` takes what is looked for, and what takes its place", node.word.name);
            let error = Diagnostic::error("missing-argument", node.span, message);
            let error = error
                .label(format!("write `{0} \"FROM\" \"TO\"` or `{0} regex=#\"…\"# \"TO\"`", node.word.name));
            node.lacks(error, reading);
            return None;
        }
    };
    let to = template(to.clone(), node.word.name, reading)?;
    let from = from?;
    if let Wanted::Regex(regex) = &from {
        check_captures(regex, &to.value, to.span, reading);
    }
    Some(Replacement { from, to: to.value })
}

fn check_captures(regex: &PathRegex, to: &Template, span: Span, reading: &mut Reading<'_>) {
    let (asked, groups) = (to.highest_capture(), regex.groups());
    if asked > groups {
        let groups = if groups == 1 { "1 group".to_owned() } else { format!("{groups} groups") };
        let message = format!("`{{{asked}}}` is never captured: this regex has {groups}");
        reading.report(Diagnostic::error("bad-capture", span, message).label("captures come from `regex`"));
    }
}

fn read_flags(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<CookieFlags> {
    let regex = node.property::<String>("regex", reading);
    let of = match regex {
        Some(regex) => compiled(&regex, reading).map(Wanted::Regex),
        None => {
            let name = node.need::<String>(reading)?;
            template(name, node.word.name, reading).map(|name| Wanted::Text(name.value))
        }
    };
    let value = |found: Option<Spanned<bool>>| found.map(|found| found.value);
    let secure = value(node.property("secure", reading));
    let http_only = value(node.property("httponly", reading));
    let word = node.property::<String>("samesite", reading);
    let names = SameSite::NAMES.map(|(name, _)| name);
    let at = one_of(word, &names, "samesite", reading);
    let same_site = at.and_then(|at| SameSite::NAMES.get(at)).map(|(_, same_site)| *same_site);
    let filled = node.property::<String>("flags", reading);
    let filled = filled.and_then(|flags| template(flags, node.word.name, reading)).map(|flags| flags.value);
    if secure.is_none() && http_only.is_none() && same_site.is_none() && filled.is_none() {
        let error = Diagnostic::error("missing-property", node.span, "`cookie-flags` names no flag");
        node.lacks(error.label("add `secure=on`, `httponly=on` or `samesite=lax`"), reading);
    }
    Some(CookieFlags { of: of?, secure, http_only, same_site, filled })
}

fn compiled(regex: &Spanned<String>, reading: &mut Reading<'_>) -> Option<PathRegex> {
    match PathRegex::new(&regex.value) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let error =
                Diagnostic::error("bad-regex", regex.span, "this regex cannot be compiled").label(last);
            reading
                .report(error.help("the dialect is the regex crate's: no look-around, no back-references"));
            None
        }
    }
}

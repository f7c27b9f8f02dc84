//! `map`: a variable that is made of a text.

use super::header::{ask_for_variables, compiled, template};
use super::location;
use super::text::wrong;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::{Template, is_variable};
use crate::source::{Span, Spanned};
use crate::table::{Case, CaseKey, Through};
use crate::word::Word;
use ipnet::IpNet;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("map", "NAME", "A variable that is made of a text, when it is asked for as `{var.NAME}`.")
        .properties(&["from", "hostnames", "proxies", "recursive"])
        .block(&[&[&CASE, &DEFAULT]])
        .many();

static CASE: Word = Word::simple("case", "[TEXT] VALUE", "What the variable is for such a text.")
    .properties(&["regex", "network", "share"])
    .many();
static DEFAULT: Word = Word::simple(
    "default",
    "VALUE",
    "What the variable is where no case fits; nothing where this is absent.",
);

/// All of it, in hundredths of a percent.
const WHOLE: u16 = 10_000;

/// As written.
#[derive(Debug)]
pub(crate) struct Map {
    pub name: Spanned<String>,
    pub from: Spanned<Template>,
    pub through: Through,
    pub hostnames: bool,
    pub cases: Vec<Spanned<Case>>,
    pub default: Option<Spanned<Template>>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Map> {
    let mut node = Node::open(kdl, &WORD, reading);
    let name = node.need::<String>(reading).filter(|name| is_name(name, reading));
    let from = node.property::<String>("from", reading);
    if from.is_none() {
        let error = Diagnostic::error("missing-property", node.span, "`map` does not say what it looks at");
        node.lacks(error.label("add `from=\"{host}\"`, or another text").help("vordr help map"), reading);
    }
    let from = from.and_then(|from| template(from, "map", reading));
    let hostnames = node.property("hostnames", reading).is_some_and(|hostnames| hostnames.value);
    let through = read_through(&mut node, reading);
    let cases =
        node.children("case").into_iter().filter_map(|kdl| read_case(kdl, hostnames, reading)).collect();
    let default = node.child("default").and_then(|kdl| read_default(kdl, reading));
    node.finish(reading);
    Some(Map { name: name?, from: from?, through, hostnames, cases, default })
}

/// `proxies="10.0.0.0/8 127.0.0.1"`, `recursive=off`.
fn read_through(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Through {
    let recursive = node.property::<bool>("recursive", reading);
    let Some(written) = node.property::<String>("proxies", reading) else {
        if let Some(recursive) = recursive {
            let message = "`recursive` is about `proxies`, and there are none";
            let error = Diagnostic::error("missing-property", recursive.span, message);
            node.lacks(error.label("leave it out, or name whose `X-Forwarded-For` is believed"), reading);
        }
        return Through::default();
    };
    let networks = written.value.split_whitespace();
    let networks = networks.map(|network| Spanned::new(network.to_owned(), written.span));
    let proxies: Vec<_> = networks
        .filter_map(|network| reading.value::<IpNet>(&network, "map"))
        .map(|network| network.value)
        .collect();
    Through { proxies, recursive: recursive.is_none_or(|recursive| recursive.value) }
}

fn is_name(name: &Spanned<String>, reading: &mut Reading<'_>) -> bool {
    let fine = is_variable(&name.value);
    if !fine {
        let error = wrong("map", name.span, format!("`{}` is no variable's name", name.value));
        reading.report(error.label("names have letters, digits and `_`"));
    }
    fine
}

fn read_case(kdl: &KdlNode, hostnames: bool, reading: &mut Reading<'_>) -> Option<Spanned<Case>> {
    let mut node = Node::open(kdl, &CASE, reading);
    let span = node.span;
    let properties = [
        node.property::<String>("regex", reading)
            .and_then(|regex| location::compiled(regex, reading).map(|regex| CaseKey::Regex(regex.value))),
        node.property::<String>("network", reading).and_then(|network| read_network(&network, reading)),
        node.property::<String>("share", reading).and_then(|share| read_share(&share, reading)),
    ];
    let has_property = kdl.entries().iter().any(|entry| entry.name().is_some());
    let text = if has_property { None } else { node.need::<String>(reading) };
    let text = text.and_then(|text| checked(text, hostnames, reading));
    let text = text.map(|text| CaseKey::Text(text.value));
    let mut keys = properties.into_iter().chain([text]).flatten();
    let (key, second) = (keys.next(), keys.next());
    let value = node.need::<String>(reading).and_then(|value| compiled(value, "case", reading));
    node.finish(reading);
    if second.is_some() {
        let error = Diagnostic::error("conflict", span, "`case` says twice what it takes");
        reading.report(error.label("make two of it"));
    }
    let (key, value) = (key?, value?);
    let value = with_groups(&key, value);
    ask_for_variables(&value, reading);
    check_captures(&key, &value, reading);
    Some(Spanned::new(Case { key, value: value.value }, span))
}

/// A network, or `unix`.
fn read_network(network: &Spanned<String>, reading: &mut Reading<'_>) -> Option<CaseKey> {
    match network.value.as_str() {
        "unix" => Some(CaseKey::Unix),
        _ => reading.value::<IpNet>(network, "case").map(|network| CaseKey::Network(network.value)),
    }
}

/// The groups of the case's own regex are told apart from variables.
pub(crate) fn with_groups(key: &CaseKey, value: Spanned<Template>) -> Spanned<Template> {
    let CaseKey::Regex(regex) = key else { return value };
    Spanned::new(value.value.with_groups(|name| regex.group(name)), value.span)
}

fn check_captures(key: &CaseKey, value: &Spanned<Template>, reading: &mut Reading<'_>) {
    let captured = match key {
        CaseKey::Regex(regex) => regex.groups(),
        _ => 0,
    };
    let asked = value.value.highest_capture();
    if asked > captured {
        let groups = if captured == 1 { "1 group".to_owned() } else { format!("{captured} groups") };
        let message = format!("`{{{asked}}}` is never captured: this case has {groups}");
        let error = Diagnostic::error("bad-capture", value.span, message);
        reading.report(error.label("captures come from `regex=#\"…(…)…\"#`"));
    }
}

/// With `hostnames`, a star stands for whole labels.
fn checked(text: Spanned<String>, hostnames: bool, reading: &mut Reading<'_>) -> Option<Spanned<String>> {
    if !hostnames || is_hostname(&text.value) {
        return Some(text);
    }
    let error = Diagnostic::error("bad-host", text.span, format!("`{}` is no host", text.value));
    reading.report(error.label("a `*` stands alone for the first labels or the last: `*.example.org`"));
    None
}

/// Whether nginx takes a text for a host with a `*`, or none.
pub(crate) fn is_hostname(text: &str) -> bool {
    let inner = text.strip_prefix("*.").or_else(|| text.strip_suffix(".*")).unwrap_or(text);
    !inner.contains('*') && !inner.contains("..") && (inner.len() == text.len() || !inner.is_empty())
}

/// `"20%"`, `"0.5%"`: in hundredths of a percent.
fn read_share(share: &Spanned<String>, reading: &mut Reading<'_>) -> Option<CaseKey> {
    let hundredths = share.value.strip_suffix('%').and_then(hundredths);
    if hundredths.is_none() {
        let error = wrong("case", share.span, format!("`{}` is no share", share.value));
        reading.report(error.label("expected `\"20%\"` or `\"0.5%\"`"));
    }
    hundredths.map(CaseKey::Share)
}

/// A number with two decimals at most, above 0 and up to 100.
pub(crate) fn hundredths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if decimals.len() > 2 || !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let number: u16 = format!("{whole}{decimals:0<2}").parse().ok()?;
    Some(number).filter(|number| (1..=WHOLE).contains(number))
}

fn read_default(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Template>> {
    let mut node = Node::open(kdl, &DEFAULT, reading);
    let value = node.need::<String>(reading).and_then(|value| template(value, "default", reading));
    node.finish(reading);
    value.inspect(|value| check_captures(&CaseKey::Share(WHOLE), value, reading))
}

/// What stands twice among the cases, and shares that are more than all.
pub(crate) fn check_cases(cases: &[Spanned<Case>], reading: &mut Reading<'_>) {
    let mut known: std::collections::HashMap<String, Span> = std::collections::HashMap::new();
    let mut shared: u32 = 0;
    for case in cases {
        let key = match &case.value.key {
            CaseKey::Text(text) => text.to_ascii_lowercase(),
            CaseKey::Network(network) => network.to_string(),
            CaseKey::Unix => "unix".to_owned(),
            CaseKey::Regex(_) => continue,
            CaseKey::Share(share) => {
                shared += u32::from(*share);
                if shared > u32::from(WHOLE) {
                    reading.report(wrong("case", case.span, "the shares are more than 100%"));
                    return;
                }
                continue;
            }
        };
        if let Some(earlier) = known.insert(key.clone(), case.span) {
            let place = reading.sources.place(earlier);
            let error = Diagnostic::error("duplicate-case", case.span, format!("`{key}` has two cases"));
            let help = format!("it stands at {}:{} too", place.file, place.line);
            reading.report(error.label("leave one out").help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_two_decimals_at_most() {
        assert_eq!(hundredths("20"), Some(2000));
        assert_eq!(hundredths("0.5"), Some(50));
        assert_eq!(hundredths("33.33"), Some(3333));
        assert_eq!(hundredths("100"), Some(10_000));
        for wrong in ["", "0", "101", "1.234", "-1", "a", "1e2", "99999"] {
            assert_eq!(hundredths(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_star_stands_for_the_first_labels_or_the_last() {
        for fine in ["a.example", "*.example", "www.*", ".example", "localhost"] {
            assert!(is_hostname(fine), "{fine}");
        }
        for wrong in ["a*.example", "*", "*.a.*", "a..b", "*.", "w*"] {
            assert!(!is_hostname(wrong), "{wrong}");
        }
    }
}

//! `location`: which requests, what is done with them, under which settings.

use super::action::{self, Action};
use super::matcher;
use super::settings::{self, Settings};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{Condition, PathRegex};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("location", "PREFIX…", "Which requests, what is done with them, and under which settings.")
        .properties(&["exact", "regex", "final", "raw"])
        .block(&[&[&matcher::WORD], action::WORDS, settings::WORDS])
        .many();

/// As written.
#[derive(Debug)]
pub(crate) struct Location {
    pub span: Span,
    pub paths: Vec<Path>,
    /// `final=on`: no regex is asked when this prefix is the longest.
    pub is_final: bool,
    /// Alternatives; empty is always.
    pub conditions: Vec<Condition>,
    pub action: Option<Action>,
    pub settings: Settings,
}

/// One way in which a location takes a path.
#[derive(Debug)]
pub(crate) enum Path {
    Exact(Spanned<String>),
    /// By whole segments.
    Prefix(Spanned<String>),
    /// By bytes.
    RawPrefix(Spanned<String>),
    Regex(Spanned<PathRegex>),
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Location {
    let mut node = Node::open(kdl, &WORD, reading);
    let paths = read_paths(&mut node, reading);
    let is_final = node.property::<bool>("final", reading);
    check_has_prefix("final", is_final.as_ref(), &paths, reading);
    let location = Location {
        span: node.span,
        is_final: is_final.is_some_and(|is_final| is_final.value),
        paths,
        conditions: node.children("match").into_iter().map(|kdl| matcher::read(kdl, reading)).collect(),
        action: action::read_one(&node, reading),
        settings: settings::read(&node, reading),
    };
    node.finish(reading);
    location
}

fn read_paths(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Vec<Path> {
    let raw = node.property::<bool>("raw", reading);
    let exact = node.property::<String>("exact", reading);
    let regex = node.property::<String>("regex", reading);
    let prefixes = node.rest::<String>(reading);
    if exact.is_none() && regex.is_none() && prefixes.is_empty() {
        let error = Diagnostic::error("missing-argument", node.span, "`location` lacks a path");
        reading.report(error.label("expected `\"/prefix\"`, `exact=\"/path\"` or `regex=#\"…\"#`"));
    }
    let prefix = if raw.as_ref().is_some_and(|raw| raw.value) { Path::RawPrefix } else { Path::Prefix };
    let mut paths: Vec<_> =
        prefixes.into_iter().filter_map(|path| checked(path, reading)).map(prefix).collect();
    paths.extend(exact.and_then(|path| checked(path, reading)).map(Path::Exact));
    paths.extend(regex.and_then(|regex| compiled(regex, reading)).map(Path::Regex));
    check_has_prefix("raw", raw.as_ref(), &paths, reading);
    paths
}

/// `final` and `raw` are about prefixes; beside other paths alone they would be ignored.
fn check_has_prefix(word: &str, switch: Option<&Spanned<bool>>, paths: &[Path], reading: &mut Reading<'_>) {
    let Some(switch) = switch else { return };
    if !paths.is_empty() && paths.iter().all(|path| matches!(path, Path::Exact(_) | Path::Regex(_))) {
        let message = format!("`{word}` is about prefixes, and this location has none");
        reading.report(Diagnostic::error("surplus-property", switch.span, message).label("leave it out"));
    }
}

/// A path starts with `/` and is compared after decoding, so it is written decoded.
fn checked(path: Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<String>> {
    let wrong = |message: String| Diagnostic::error("bad-path", path.span, message);
    let error = if !path.value.starts_with('/') {
        wrong(format!("`{}` is no path", path.value))
            .label(format!("write `\"/{}\"`", path.value.trim_start_matches('/')))
    } else if path.value.contains(['?', '#']) {
        wrong("a location's path has no query".to_owned()).label("a `match query=…` looks at it")
    } else if path.value.split('/').any(|segment| segment == "." || segment == "..") {
        wrong("dot segments are gone before a path is compared, so this matches nothing".to_owned())
    } else {
        return Some(path);
    };
    reading.report(error);
    None
}

fn compiled(regex: Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<PathRegex>> {
    match PathRegex::new(&regex.value) {
        Ok(compiled) => Some(Spanned::new(compiled, regex.span)),
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

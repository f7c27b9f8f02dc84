//! `location`: which requests, what is done with them, under which settings.

use super::action::{self, Action};
use super::matcher;
use super::settings::{self, Settings};
use super::steps::{self, Step};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::{Span, Spanned};
use crate::table::{Condition, PathRegex};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("location", "PREFIX…", "Which requests, what is done with them, and under which settings.")
        .properties(&["exact", "regex", "final", "raw", "name", "internal", "within"])
        .block(&[&[&matcher::WORD, &steps::WORD], action::WORDS, &[&action::STUB_STATUS], settings::WORDS])
        .many();

/// As written.
#[derive(Debug)]
pub(crate) struct Location {
    pub span: Span,
    /// By which `enter` finds it, and no path does.
    pub name: Option<Spanned<String>>,
    pub paths: Vec<Path>,
    /// `final=on`: no regex is asked when this prefix is the longest.
    pub is_final: bool,
    /// `internal=on`: nobody from outside gets here.
    pub is_internal: bool,
    /// The prefix of the location in which alone it is asked.
    pub within: Option<Spanned<String>>,
    /// Alternatives; empty is always.
    pub conditions: Vec<Condition>,
    pub steps: Vec<Step>,
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

impl Path {
    fn span(&self) -> Span {
        match self {
            Self::Exact(path) | Self::Prefix(path) | Self::RawPrefix(path) => path.span,
            Self::Regex(regex) => regex.span,
        }
    }
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Location {
    let mut node = Node::open(kdl, &WORD, reading);
    let name = node.property::<String>("name", reading);
    let paths = read_paths(&mut node, name.as_ref(), reading);
    let is_final = node.property::<bool>("final", reading);
    check_has_prefix("final", is_final.as_ref(), &paths, reading);
    let is_internal = node.property::<bool>("internal", reading);
    let within = node.property::<String>("within", reading);
    let conditions: Vec<_> =
        node.children("match").into_iter().map(|kdl| matcher::read(kdl, reading)).collect();
    if let Some(name) = &name {
        let switches = [is_final.as_ref(), is_internal.as_ref()].into_iter().flatten();
        let surplus = switches.map(|switch| switch.span).chain(within.as_ref().map(|within| within.span));
        check_name(name, surplus, &paths, reading);
        check_unconditional(&node, &conditions, reading);
    }
    let location = Location {
        span: node.span,
        is_final: is_final.is_some_and(|is_final| is_final.value),
        is_internal: is_internal.is_some_and(|is_internal| is_internal.value),
        name,
        within,
        paths,
        conditions,
        steps: node.child("steps").map(|kdl| steps::read(kdl, reading)).unwrap_or_default(),
        action: action::read_one(&node, reading),
        settings: settings::read(&node, reading),
    };
    node.finish(reading);
    location
}

fn read_paths(node: &mut Node<'_>, name: Option<&Spanned<String>>, reading: &mut Reading<'_>) -> Vec<Path> {
    let raw = node.property::<bool>("raw", reading);
    let exact = node.property::<String>("exact", reading);
    let regex = node.property::<String>("regex", reading);
    let prefixes = node.rest::<String>(reading);
    if exact.is_none() && regex.is_none() && prefixes.is_empty() && name.is_none() {
        let error = Diagnostic::error("missing-argument", node.span, "`location` lacks a path");
        let error = error.label("expected `\"/prefix\"`, `exact=\"/path\"`, `regex=#\"…\"#` or `name=…`");
        node.lacks(error, reading);
    }
    let prefix = if raw.as_ref().is_some_and(|raw| raw.value) { Path::RawPrefix } else { Path::Prefix };
    let mut paths: Vec<_> =
        prefixes.into_iter().filter_map(|path| checked(path, reading)).map(prefix).collect();
    paths.extend(exact.and_then(|path| checked(path, reading)).map(Path::Exact));
    let regex = regex.and_then(|regex| compiled(regex, reading));
    // Its groups with names are variables.
    let names = regex.iter().flat_map(|regex| regex.value.names());
    reading.made_variables.extend(names.map(|(_, name)| name.clone()));
    paths.extend(regex.map(Path::Regex));
    check_has_prefix("raw", raw.as_ref(), &paths, reading);
    paths
}

/// What finds a location by its path means nothing where nothing does.
fn check_name(
    name: &Spanned<String>,
    surplus: impl Iterator<Item = Span>,
    paths: &[Path],
    reading: &mut Reading<'_>,
) {
    if name.value.is_empty() || name.value.contains(char::is_whitespace) {
        reading.report(super::text::wrong("location", name.span, "a name is one word"));
    }
    let message = "a location with a name is found by `enter` alone";
    if let Some(path) = paths.first() {
        reading.report(
            Diagnostic::error("named-location", path.span(), message)
                .label("leave the path out, or the name")
                .help("two locations may do the same: `location \"/a\" { enter NAME; }`"),
        );
    }
    for span in surplus {
        reading.report(Diagnostic::error("named-location", span, message).label("leave it out"));
    }
}

/// `enter` asks for this very location, whatever the request is like.
fn check_unconditional(node: &Node<'_>, conditions: &[Condition], reading: &mut Reading<'_>) {
    if !conditions.is_empty() {
        let message = "a location with a name is found by `enter` alone, so its `match` decides nothing";
        reading.report(Diagnostic::error("named-location", node.span, message).label("leave `match` out"));
    }
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
    if !path.value.starts_with('/') {
        let error = Diagnostic::error("bad-path", path.span, format!("`{}` is no path", path.value));
        reading.report(error.label(path_meant(&path.value)));
        return None;
    }
    warn_of_odd(&path, reading);
    Some(path)
}

/// What somebody meant who wrote this where a path is due: nginx's signs, quotes of another language, an action.
fn path_meant(written: &str) -> String {
    let rest = |sign: &str| Some(written.strip_prefix(sign)?.trim_start());
    let unquoted = written.trim_matches('\'');
    let is_action = action::WORDS.iter().any(|word| word.name == written) || written.contains("://");
    if is_action {
        "put what the location does into its block: `location \"/\" { … }`".to_owned()
    } else if unquoted != written && unquoted.starts_with('/') {
        format!("write `\"{unquoted}\"`")
    } else if let Some(regex) = rest("~*") {
        format!("write `regex=#\"(?i){regex}\"#`")
    } else if let Some(regex) = rest("~") {
        format!("write `regex=#\"{regex}\"#`")
    } else if let Some(prefix) = rest("^~") {
        format!("write `\"{}\" final=on`", if prefix.is_empty() { "/…" } else { prefix })
    } else if let Some(path) = rest("=") {
        format!("write `exact=\"{}\"`", if path.is_empty() { "/…" } else { path })
    } else if let Some(name) = rest("@") {
        format!("write `name=\"{name}\"`")
    } else if written == "*" {
        "write `\"/\"`, which fits every path".to_owned()
    } else {
        format!("write `\"/{written}\"`")
    }
}

/// Whether there is a `%` with two hexadecimal digits in it.
fn has_escape(path: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    path.as_bytes()
        .windows(3)
        .any(|three| matches!(three, [b'%', high, low] if is_digit(high) && is_digit(low)))
}

/// Such paths are hardly ever meant, and nginx's files may have them.
fn warn_of_odd(path: &Spanned<String>, reading: &mut Reading<'_>) {
    let odd = |message: &str| Diagnostic::warning("bad-path", path.span, message);
    if path.value.contains(['?', '#']) {
        let warning = odd("a location's path has no query: this is met by an escaped `?` or `#` alone");
        reading.report(warning.label("a `match query=…` looks at the query"));
    } else if path.value.split('/').any(|segment| segment == "." || segment == "..") {
        reading.report(odd("dot segments are gone before a path is compared, so this matches nothing"));
    } else if path.value.contains('*') {
        let warning = odd("a path knows no wildcard: this is met by one with a `*` in it alone");
        reading.report(match path.value.strip_suffix('*') {
            Some(all) if !all.contains('*') => {
                let all = if all == "/" { all } else { all.trim_end_matches('/') };
                warning.label(format!("a prefix fits all below it: write `\"{all}\"`"))
            }
            _ => warning.label("write `regex=#\"…\"#`"),
        });
    } else if has_escape(&path.value) {
        let warning = odd("a path is decoded before it is compared: this is met by an escaped `%` alone");
        reading.report(warning.label("write what the escape stands for"));
    }
}

pub(super) fn compiled(regex: Spanned<String>, reading: &mut Reading<'_>) -> Option<Spanned<PathRegex>> {
    match PathRegex::new(&regex.value) {
        Ok(compiled) => Some(Spanned::new(compiled, regex.span)),
        Err(error) => {
            reading.report(super::text::bad_regex(regex.span, &error));
            None
        }
    }
}

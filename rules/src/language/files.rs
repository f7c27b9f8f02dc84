//! `files`: answers from a folder.

use super::action::{self, Action};
use super::header::template;
use super::{enter, proxy, redirect, respond, search, text};
use crate::node::{Node, Reading};
use crate::placeholder::{Part, Template};
use crate::source::{Folder, Spanned};
use crate::table::{self, Listing, Since, Symlinks, Ways};
use crate::word::Word;
use kdl::KdlNode;
use text::one_of;

pub(super) static WORD: Word = Word::simple("files", "FOLDER", "Answer with the files of a folder.")
    .properties(&[
        "index",
        "fallback",
        "precompressed",
        "vary",
        "strip-prefix",
        "symlinks",
        "listing",
        "ranges",
        "path",
        "etag",
        "since",
        "base",
        "as",
    ])
    .block(&[&[&TRY, &ELSE]]);

static TRY: Word =
    Word::simple("try", "PATH…", "The paths that are looked for, in order, in the place of the request's.");
static ELSE: Word = Word::simple("else", "", "What is done where nothing is found, in the place of a 404.")
    .block(&[&[&proxy::WORD, &redirect::WORD, &respond::WORD, &enter::WORD, &search::WORD]]);

/// As written.
#[derive(Debug)]
pub(crate) struct Files {
    /// All but what is done where nothing is found.
    pub table: table::Files,
    /// `else`.
    pub otherwise: Option<Box<Action>>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Files> {
    let mut node = Node::open(kdl, &WORD, reading);
    let root = node.need::<String>(reading);
    let ways = text::ways(&mut node, reading);
    let index = node.property::<String>("index", reading);
    let fallback = node.property::<String>("fallback", reading);
    let prefix = node.property::<String>("strip-prefix", reading);
    let mut read_template = |name: &str, reading: &mut Reading<'_>| {
        node.property::<String>(name, reading).and_then(|text| template(text, name, reading))
    };
    let path = read_template("path", reading).map(|path| path.value);
    let base = read_template("base", reading).map(|base| base.value);
    let precompressed = node.property("precompressed", reading).is_some_and(|on| on.value);
    let vary = node.property("vary", reading).is_none_or(|on: Spanned<bool>| on.value);
    let etag = node.property("etag", reading).is_none_or(|on: Spanned<bool>| on.value);
    let symlinks = read_symlinks(&mut node, ways, reading);
    let listing = read_listing(&mut node, reading);
    let max_ranges = node.property::<u32>("ranges", reading).map(|most| most.value);
    let since = read_since(&mut node, ways, reading);
    let tries = node.child("try").map(|kdl| read_tries(kdl, reading)).unwrap_or_default();
    let otherwise = node.child("else").and_then(|kdl| read_else(kdl, reading));
    node.finish(reading);
    let folder = root.and_then(|root| read_root(root, ways, reading));
    let (root, within) = folder?;
    let table = table::Files {
        root,
        within,
        path,
        index: match index {
            Some(names) => read_index(&names, ways, reading)?,
            None => vec![Template { parts: vec![Part::Text("index.html".to_owned())] }],
        },
        max_ranges,
        tries,
        fallback: fallback.map(|path| read_fallback(path, reading)),
        otherwise: None,
        precompressed,
        vary,
        strip_prefix: prefix.and_then(|prefix| text::path_prefix("strip-prefix", prefix, reading)),
        symlinks,
        listing,
        etag,
        since,
        base,
        ways,
    };
    Some(Files { table, otherwise: otherwise.map(Box::new) })
}

/// The folder that is opened when the rules are loaded, and what leads on from there.
fn read_root(
    root: Spanned<String>,
    ways: Ways,
    reading: &mut Reading<'_>,
) -> Option<(String, Option<Template>)> {
    let span = root.span;
    let Some((root, within)) = split_root(template(root, "files", reading)?.value) else {
        let error = text::wrong("files", span, "the folder has to begin with what is known beforehand");
        reading.report(error.label("write `\"/srv/{host}\"`"));
        return None;
    };
    if ways == Ways::Own {
        reading.folders.push(Folder { path: root.clone(), span });
    }
    Some((root, within))
}

/// The folder before the first placeholder, and what follows; `None` where no folder stands before it.
pub(crate) fn split_root(mut root: Template) -> Option<(String, Option<Template>)> {
    if let Some(text) = root.as_text() {
        return Some((text.to_owned(), None));
    }
    let Some(Part::Text(text)) = root.parts.first_mut() else { return None };
    let (folder, rest) = text.rsplit_once('/')?;
    let folder = if folder.is_empty() { "/".to_owned() } else { folder.to_owned() };
    match rest.is_empty() {
        true => drop(root.parts.remove(0)),
        false => *text = rest.to_owned(),
    }
    Some((folder, Some(root)))
}

/// Names, as they are looked for in any folder.
fn read_index(names: &Spanned<String>, ways: Ways, reading: &mut Reading<'_>) -> Option<Vec<Template>> {
    let list: Vec<&str> = names.value.split(' ').filter(|name| !name.is_empty()).collect();
    if list.is_empty() || (ways == Ways::Own && !list.iter().all(|name| is_name(name))) {
        reading.report(text::wrong("files", names.span, "`index` is the name of a file, without `/`"));
        return None;
    }
    let read = |name: &str| template(Spanned::new(name.to_owned(), names.span), "files", reading);
    list.into_iter().map(read).map(|name| Some(name?.value)).collect()
}

/// A path below the folder, as it stands on the disk.
fn read_fallback(path: Spanned<String>, reading: &mut Reading<'_>) -> String {
    let below = path.value.strip_prefix('/');
    if below.is_none() {
        reading.report(text::wrong("files", path.span, "`fallback` is a path that starts with `/`"));
    } else if !below.is_some_and(|below| below.split('/').all(is_name)) {
        reading.report(text::wrong("files", path.span, "`fallback` is the path of a file in the folder"));
    }
    path.value
}

fn read_symlinks(node: &mut Node<'_>, ways: Ways, reading: &mut Reading<'_>) -> Symlinks {
    const KNOWN: [(&str, Symlinks); 3] =
        [("off", Symlinks::Off), ("on", Symlinks::Below), ("anywhere", Symlinks::Anywhere)];
    let usual = if ways == Ways::Nginx { Symlinks::Anywhere } else { Symlinks::Off };
    chosen(node, "symlinks", KNOWN, reading).unwrap_or(usual)
}

fn read_listing(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Listing> {
    let mut words = vec!["off"];
    words.extend(Listing::NAMES.map(|(word, _)| word));
    let at = one_of(node.property("listing", reading), &words, "listing", reading)?;
    Listing::NAMES.get(at.checked_sub(1)?).map(|(_, listing)| *listing)
}

fn read_since(node: &mut Node<'_>, ways: Ways, reading: &mut Reading<'_>) -> Since {
    const KNOWN: [(&str, Since); 3] =
        [("before", Since::Before), ("exact", Since::Exact), ("off", Since::Off)];
    let usual = if ways == Ways::Nginx { Since::Exact } else { Since::Before };
    chosen(node, "since", KNOWN, reading).unwrap_or(usual)
}

/// A property that is one of a few words.
fn chosen<T: Copy, const N: usize>(
    node: &mut Node<'_>,
    name: &'static str,
    known: [(&str, T); N],
    reading: &mut Reading<'_>,
) -> Option<T> {
    let words = known.map(|(word, _)| word);
    let at = one_of(node.property(name, reading), &words, name, reading)?;
    known.get(at).map(|(_, value)| *value)
}

fn read_tries(kdl: &KdlNode, reading: &mut Reading<'_>) -> Vec<Template> {
    let mut node = Node::open(kdl, &TRY, reading);
    let paths = node.need_some::<String>(reading);
    node.finish(reading);
    paths.into_iter().filter_map(|path| read_try(path, reading)).collect()
}

fn read_try(path: Spanned<String>, reading: &mut Reading<'_>) -> Option<Template> {
    if !path.value.starts_with(['/', '{']) {
        reading.report(text::wrong("try", path.span, "a path starts with `/`, or with a placeholder"));
        return None;
    }
    template(path, "try", reading).map(|path| path.value)
}

fn read_else(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Action> {
    let node = Node::open(kdl, &ELSE, reading);
    let action = action::read_one(&node, reading);
    node.finish(reading);
    action
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

//! A whole file, and the files that it includes.

use super::map::Map;
use super::process::Process;
use super::server::Server;
use super::settings::Template;
use super::upstream::Upstream;
use super::{map, process, server, settings, upstream};
use crate::diagnostic::Diagnostic;
use crate::document;
use crate::node::{Node, Reading, known_nodes};
use crate::source::{self, SourceId, Span, Spanned};
use crate::word::Word;
use kdl::KdlNode;
use std::collections::HashMap;

pub(super) static WORD: Word = Word::simple("", "", "A file of rules.").block(&[&[
    &process::WORD,
    &settings::TEMPLATE,
    &upstream::WORD,
    &map::WORD,
    &server::WORD,
    &INCLUDE,
]]);

static INCLUDE: Word =
    Word::simple("include", "FILE…", "More files, relative to this one; `*` stands for any name.").many();

/// How many files may include one another.
const DEEPEST: usize = 16;

/// Everything that was written, includes done.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub process: Option<Spanned<Process>>,
    pub templates: Vec<Template>,
    pub upstreams: Vec<Upstream>,
    pub maps: Vec<Map>,
    pub servers: Vec<Server>,
}

/// Reads a text and whatever it includes.
pub(crate) fn read(name: &str, text: &str, reading: &mut Reading<'_>) -> File {
    let mut file = File::default();
    let mut includes = Includes { open: vec![name.to_owned()], places: HashMap::new() };
    read_text(name, text, &mut includes, &mut file, reading);
    file
}

/// Reads the templates that vordr brings along.
pub(crate) fn read_built_in(reading: &mut Reading<'_>) -> File {
    let mut file = File::default();
    reading.source = SourceId::BUILT_IN;
    let mut includes = Includes { open: Vec::new(), places: HashMap::new() };
    read_source(source::BUILT_IN_NAME, source::BUILT_IN_TEXT, &mut includes, &mut file, reading);
    file
}

/// The files that are read for one another.
struct Includes {
    /// Those that are being read, outermost first.
    open: Vec<String>,
    /// Where each one is included.
    places: HashMap<String, Span>,
}

fn read_text(name: &str, text: &str, includes: &mut Includes, file: &mut File, reading: &mut Reading<'_>) {
    let outer = reading.source;
    reading.source = reading.sources.add(name, text);
    read_source(name, text, includes, file, reading);
    reading.source = outer;
}

fn read_source(name: &str, text: &str, includes: &mut Includes, file: &mut File, reading: &mut Reading<'_>) {
    match document::parse(reading.source, text) {
        Err(found) => reading.found.extend(found),
        Ok(document) => {
            for kdl in known_nodes(document.nodes(), &WORD, reading) {
                read_node(kdl, name, includes, file, reading);
            }
        }
    }
}

fn read_node(kdl: &KdlNode, name: &str, includes: &mut Includes, file: &mut File, reading: &mut Reading<'_>) {
    match kdl.name().value() {
        "vordr" => {
            let process = process::read(kdl, reading);
            if file.process.is_some() {
                let message = "`vordr` stands twice in the rules";
                reading.report(
                    Diagnostic::error("duplicate-node", process.span, message).label("make them one"),
                );
            } else {
                file.process = Some(process);
            }
        }
        "template" => file.templates.extend(settings::read_template(kdl, reading)),
        "upstream" => file.upstreams.extend(upstream::read(kdl, reading)),
        "map" => file.maps.extend(map::read(kdl, reading)),
        "server" => file.servers.push(server::read(kdl, reading)),
        _ => include(kdl, name, includes, file, reading),
    }
}

fn include(kdl: &KdlNode, name: &str, includes: &mut Includes, file: &mut File, reading: &mut Reading<'_>) {
    let mut node = Node::open(kdl, &INCLUDE, reading);
    for pattern in node.need_some::<String>(reading) {
        for path in paths(&beside(name, &pattern.value), &pattern, reading) {
            if let Some(text) = included(&path, &pattern, includes, reading) {
                includes.open.push(path.clone());
                read_text(&path, &text, includes, file, reading);
                includes.open.pop();
            }
        }
    }
    node.finish(reading);
}

/// The text of a file that is to be read here; why it is not is reported.
fn included(
    path: &str,
    from: &Spanned<String>,
    includes: &mut Includes,
    reading: &mut Reading<'_>,
) -> Option<String> {
    if let Some(fault) = may_be_included(path, from.span, includes, reading) {
        reading.report(fault);
        return None;
    }
    includes.places.insert(path.to_owned(), from.span);
    let text = reading.surroundings.read(path).map_err(|error| error.to_string());
    match text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())) {
        Ok(text) => Some(text),
        Err(reason) => {
            let message = format!("`{path}` cannot be read");
            reading.report(Diagnostic::error("unreadable-file", from.span, message).label(reason));
            None
        }
    }
}

/// What keeps a file from being included. Each is read once: twice would only say everything twice.
fn may_be_included(path: &str, from: Span, includes: &Includes, reading: &Reading<'_>) -> Option<Diagnostic> {
    if includes.open.iter().any(|outer| without_dots(outer) == path) {
        let way = format!("{} → {path}", includes.open.join(" → "));
        let error = Diagnostic::error("include-cycle", from, format!("`{path}` includes itself"));
        return Some(error.label(way));
    }
    if let Some(earlier) = includes.places.get(path) {
        let place = reading.sources.place(*earlier);
        let error = Diagnostic::error("duplicate-include", from, format!("`{path}` is included twice"));
        let help = format!("it is included at {}:{} too", place.file, place.line);
        return Some(error.label("leave one out").help(help));
    }
    if includes.open.len() > DEEPEST {
        let message = format!("files include one another more than {DEEPEST} deep");
        return Some(Diagnostic::error("too-deep", from, message));
    }
    if !reading.sources.has_room() {
        return Some(Diagnostic::error("too-many-files", from, "more files are included than can be read"));
    }
    None
}

/// The files a pattern names; a plain name names itself, there or not.
fn paths(pattern: &str, from: &Spanned<String>, reading: &mut Reading<'_>) -> Vec<String> {
    if !pattern.contains(['*', '?']) {
        return vec![pattern.to_owned()];
    }
    reading.surroundings.list(pattern).unwrap_or_else(|error| {
        let message = format!("`{pattern}` cannot be listed");
        reading.report(Diagnostic::error("unreadable-file", from.span, message).label(error.to_string()));
        Vec::new()
    })
}

/// A path relative to the folder of the file that names it.
fn beside(file: &str, path: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) if !path.starts_with('/') => without_dots(&format!("{folder}/{path}")),
        _ => without_dots(path),
    }
}

/// One spelling for one file: `./a/./b` is `a/b`. A `..` stays, for it may lead out of a linked folder.
fn without_dots(path: &str) -> String {
    let parts = path.split('/').enumerate();
    let parts = parts.filter(|(number, part)| *part != "." && (!part.is_empty() || *number == 0));
    parts.map(|(_, part)| part).collect::<Vec<_>>().join("/")
}

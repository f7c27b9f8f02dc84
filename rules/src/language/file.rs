//! A whole file, and the files that it includes.

use super::process::Process;
use super::server::Server;
use super::settings::Template;
use super::upstream::Upstream;
use super::{process, server, settings, upstream};
use crate::diagnostic::Diagnostic;
use crate::document;
use crate::node::{Node, Reading, known_nodes};
use crate::source::Spanned;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple("", "", "A file of rules.").block(&[&[
    &process::WORD,
    &settings::TEMPLATE,
    &upstream::WORD,
    &server::WORD,
    &INCLUDE,
]]);

static INCLUDE: Word =
    Word::simple("include", "FILE…", "More files, relative to this one; `*` stands for any name.").many();

/// Everything that was written, includes done.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub process: Option<Spanned<Process>>,
    pub templates: Vec<Template>,
    pub upstreams: Vec<Upstream>,
    pub servers: Vec<Server>,
}

/// Reads a text and whatever it includes.
pub(crate) fn read(name: &str, text: &str, reading: &mut Reading<'_>) -> File {
    let mut file = File::default();
    read_text(name, text, &mut vec![name.to_owned()], &mut file, reading);
    file
}

/// `open` are the files that are being read, outermost first.
fn read_text(name: &str, text: &str, open: &mut Vec<String>, file: &mut File, reading: &mut Reading<'_>) {
    let outer = reading.source;
    reading.source = reading.sources.add(name, text);
    match document::parse(reading.source, text) {
        Err(found) => reading.found.extend(found),
        Ok(document) => {
            for kdl in known_nodes(document.nodes(), &WORD, reading) {
                read_node(kdl, name, open, file, reading);
            }
        }
    }
    reading.source = outer;
}

fn read_node(kdl: &KdlNode, name: &str, open: &mut Vec<String>, file: &mut File, reading: &mut Reading<'_>) {
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
        "server" => file.servers.push(server::read(kdl, reading)),
        _ => include(kdl, name, open, file, reading),
    }
}

fn include(kdl: &KdlNode, name: &str, open: &mut Vec<String>, file: &mut File, reading: &mut Reading<'_>) {
    let mut node = Node::open(kdl, &INCLUDE, reading);
    for pattern in node.need_some::<String>(reading) {
        for path in paths(&beside(name, &pattern.value), &pattern, reading) {
            include_one(&path, &pattern, open, file, reading);
        }
    }
    node.finish(reading);
}

fn include_one(
    path: &str,
    from: &Spanned<String>,
    open: &mut Vec<String>,
    file: &mut File,
    reading: &mut Reading<'_>,
) {
    if open.iter().any(|outer| outer == path) {
        let way = format!("{} → {path}", open.join(" → "));
        let error = Diagnostic::error("include-cycle", from.span, format!("`{path}` includes itself"));
        return reading.report(error.label(way));
    }
    if !reading.sources.has_room() {
        return reading.report(Diagnostic::error("too-many-files", from.span, "too many files are included"));
    }
    let text = reading.surroundings.read(path).map_err(|error| error.to_string());
    match text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())) {
        Ok(text) => {
            open.push(path.to_owned());
            read_text(path, &text, open, file, reading);
            open.pop();
        }
        Err(reason) => {
            let message = format!("`{path}` cannot be read");
            reading.report(Diagnostic::error("unreadable-file", from.span, message).label(reason));
        }
    }
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
        Some((folder, _)) if !path.starts_with('/') => format!("{folder}/{path}"),
        _ => path.to_owned(),
    }
}

//! `files`: answers from a folder.

use super::text;
use crate::node::{Node, Reading};
use crate::source::{Folder, Span, Spanned};
use crate::table;
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word = Word::simple("files", "FOLDER", "Answer with the files of a folder.")
    .properties(&["index", "fallback", "precompressed", "strip-prefix", "symlinks"]);

/// As written.
pub(crate) type Files = Spanned<table::Files>;

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Files> {
    let mut node = Node::open(kdl, &WORD, reading);
    let root = node.need::<String>(reading);
    let index = node.property::<String>("index", reading);
    let fallback = node.property::<String>("fallback", reading);
    let precompressed = node.property("precompressed", reading).is_some_and(|on| on.value);
    let prefix = node.property::<String>("strip-prefix", reading);
    let symlinks = node.property("symlinks", reading).is_some_and(|on| on.value);
    let span: Span = node.span;
    node.finish(reading);
    if let Some(root) = &root {
        reading.folders.push(Folder { path: root.value.clone(), span: root.span });
    }
    let files = table::Files {
        root: root?.value,
        index: index.map_or(Some("index.html".to_owned()), |name| read_index(name, reading))?,
        fallback: fallback.map(|path| read_fallback(path, reading)),
        precompressed,
        strip_prefix: prefix.and_then(|prefix| text::path_prefix("strip-prefix", prefix, reading)),
        symlinks,
    };
    Some(Spanned::new(files, span))
}

/// One name, as it is looked for in any folder.
fn read_index(name: Spanned<String>, reading: &mut Reading<'_>) -> Option<String> {
    if !is_name(&name.value) {
        reading.report(text::wrong("files", name.span, "`index` is the name of a file, without `/`"));
        return None;
    }
    Some(name.value)
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

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

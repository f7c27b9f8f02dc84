//! `buffering`: a request is read whole before it is sent, and where its body waits meanwhile.

use super::text::{one_of, wrong};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::source::Spanned;
use crate::table::{BodyFile, Buffering, TemporaryFolder};
use crate::value::Bytes;
use crate::word::Word;
use kdl::KdlNode;
use std::sync::Arc;

pub(super) static WORD: Word =
    Word::simple("buffering", "on | off", "Whether a request is read whole before it is sent. Default off.")
        .properties(&["memory", "folder", "levels", "file"]);

/// `None` within is `off`.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Spanned<Option<Arc<Buffering>>>> {
    let mut node = Node::open(kdl, &WORD, reading);
    let on = node.need::<bool>(reading);
    if on.as_ref().is_some_and(|on| !on.value) {
        node.finish(reading);
        return on.map(|on| Spanned::new(None, on.span));
    }
    let usual = Buffering::default();
    let memory = node.property::<Bytes>("memory", reading).map_or(usual.memory, |size| size.value.0);
    let folder = read_folder(&mut node, reading);
    let file = node.property::<String>("file", reading);
    let file = one_of(file, &BodyFile::NAMES.map(|(name, _)| name), "file", reading);
    let file = file.and_then(|at| BodyFile::NAMES.get(at)).map(|(_, file)| *file);
    node.finish(reading);
    on.map(|on| Spanned::new(Some(Arc::new(Buffering { memory, folder, file })), on.span))
}

/// `folder="/srv/bodies" levels="1 2"`
pub(super) fn read_folder(node: &mut Node<'_>, reading: &mut Reading<'_>) -> TemporaryFolder {
    let path = node.property::<String>("folder", reading);
    let levels = node.property::<String>("levels", reading);
    if let Some(empty) = path.as_ref().filter(|path| path.value.is_empty()) {
        reading.report(wrong("folder", empty.span, "it names no folder"));
    }
    if let (None, Some(levels)) = (&path, &levels) {
        let error = Diagnostic::error(
            "missing-property",
            levels.span,
            "`levels` lacks the `folder` that they are in",
        );
        node.lacks(error.label("write `folder=\"/var/spool/bodies\"` beside it"), reading);
    }
    let levels = levels.and_then(|levels| {
        let read = TemporaryFolder::read_levels(levels.value.split_whitespace());
        if read.is_none() {
            let error = wrong("levels", levels.span, "how many digits name each folder: up to three numbers");
            reading.report(error.label("write `levels=\"1 2\"`"));
        }
        read
    });
    TemporaryFolder { path: path.map(|path| path.value), levels: levels.unwrap_or_default() }
}

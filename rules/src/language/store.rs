//! `store`: an upstream's answer is kept as a file.

use super::buffering::read_folder;
use super::header::template;
use super::text::wrong;
use crate::node::{Node, Reading};
use crate::placeholder::{Part, Template};
use crate::source::Spanned;
use crate::table::Store;
use crate::word::Word;

pub(super) static WORD: Word = Word::simple(
    "store",
    "PATH",
    "Keep what the upstream answers with 200 as a file; it is read by nobody here.",
)
.properties(&["access", "folder", "levels"]);

pub(super) fn read(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Store> {
    let path = node.need::<String>(reading);
    let access = node.property::<String>("access", reading);
    let folder = read_folder(node, reading);
    let mode = match access {
        None => Store::read_mode(std::iter::empty()),
        Some(access) => {
            let mode = Store::read_mode(access.value.split_whitespace());
            if mode.is_none() {
                let error = wrong("access", access.span, "what `user`, `group` and `all` may do");
                reading.report(error.label("write `access=\"user:rw group:r\"`"));
            }
            mode
        }
    };
    let path = read_path(path?, reading)?;
    Some(Store { path, mode: mode?, folder })
}

fn read_path(path: Spanned<String>, reading: &mut Reading<'_>) -> Option<Template> {
    let path = template(path, WORD.name, reading)?;
    if !begins_known(&path.value) {
        let error = wrong(WORD.name, path.span, "the path has to begin with what is known beforehand");
        reading.report(error.label("write `\"/srv/copies{path}\"`"));
        return None;
    }
    Some(path.value)
}

/// Whether a path begins with a folder that no request chooses.
pub(crate) fn begins_known(path: &Template) -> bool {
    matches!(path.parts.first(), Some(Part::Text(text)) if !text.is_empty())
}

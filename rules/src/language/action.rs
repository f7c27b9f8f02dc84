//! A location's action: exactly one of `proxy`, `redirect`, `respond`, `files`, `stub-status`, `enter` and `search`.

use super::enter;
use super::files::{self, Files};
use super::proxy::{self, Proxy};
use super::redirect::{self, Redirect};
use super::respond::{self, Respond};
use super::search;
use crate::diagnostic::Diagnostic;
use crate::node::{Node, Reading};
use crate::placeholder::Template;
use crate::source::Spanned;
use crate::word::Word;
use kdl::KdlNode;

/// The words that are actions.
pub(super) const WORDS: &[&Word] =
    &[&proxy::WORD, &redirect::WORD, &respond::WORD, &files::WORD, &enter::WORD, &search::WORD];

/// An action of locations alone.
pub(super) static STUB_STATUS: Word =
    Word::simple("stub-status", "", "Answer with nginx's page of counts: connections and requests.");

/// As written.
#[derive(Debug)]
pub(crate) enum Action {
    Proxy(Box<Proxy>),
    Redirect(Redirect),
    Respond(Respond),
    Files(Files),
    /// A location by its name.
    Enter(Spanned<String>),
    /// A path, and perhaps a query.
    Search(Spanned<Template>),
    StubStatus,
}

/// The one action in a block; more or fewer are an error.
pub(super) fn read_one(parent: &Node<'_>, reading: &mut Reading<'_>) -> Option<Action> {
    let known = WORDS.iter().copied().chain([&STUB_STATUS]);
    let is_action = |word: &Word| known.clone().any(|action| action.name == word.name);
    let mut actions = parent.block().into_iter().filter(|(word, _)| is_action(word));
    let Some((_, first)) = actions.next() else {
        if parent.lost_children {
            // A misspelt action has been reported.
            return None;
        }
        let error =
            Diagnostic::error("no-action", parent.span, format!("`{}` does nothing", parent.word.name));
        reading.report(error.label("add `proxy`, `redirect`, `respond`, `files`, `enter` or `search`"));
        return None;
    };
    let action = read(first, reading);
    for (_, second) in actions {
        let span = reading.name_span(second);
        let message = format!("`{}` has a second action", parent.word.name);
        let error = Diagnostic::error("two-actions", span, message);
        reading.report(error.label(format!("it already has `{}`", first.name().value())));
        read(second, reading);
    }
    action
}

/// The action that a node is.
pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Action> {
    match kdl.name().value() {
        "proxy" => proxy::read(kdl, reading).map(|proxy| Action::Proxy(Box::new(proxy))),
        "redirect" => redirect::read(kdl, reading).map(Action::Redirect),
        "respond" => respond::read(kdl, reading).map(Action::Respond),
        "enter" => enter::read(kdl, reading).map(Action::Enter),
        "search" => search::read(kdl, reading).map(Action::Search),
        "files" => files::read(kdl, reading).map(Action::Files),
        _ => {
            Node::open(kdl, &STUB_STATUS, reading).finish(reading);
            Some(Action::StubStatus)
        }
    }
}

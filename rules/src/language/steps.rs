//! `steps`: what is done with a request before its location is looked for, or before its action, one after the other.

use super::action::{self, Action};
use super::header::template;
use super::{enter, redirect, respond, rewrite_step, search, text, when};
use crate::node::{Node, Reading};
use crate::placeholder::{Template, is_variable};
use crate::source::{Span, Spanned};
use crate::table::{Rewrite, Test};
use crate::word::Word;
use kdl::KdlNode;

pub(super) static WORD: Word =
    Word::simple("steps", "", "What is done first with a request, in the order written.")
        .block(&[&[&when::WORD], SIMPLE]);

/// The steps that hold no others.
pub(super) const SIMPLE: &[&Word] = &[
    &SET,
    &QUERY,
    &rewrite_step::WORD,
    &ACT_AS,
    &BREAK,
    &respond::WORD,
    &redirect::WORD,
    &enter::WORD,
    &search::WORD,
];

static SET: Word = Word::simple("set", "NAME TEXT", "Give a variable a value, read as `{var.NAME}`.").many();
static QUERY: Word =
    Word::simple("query", "TEXT", "Put another query in the place of the present one, `{query}`.").many();
static ACT_AS: Word = Word::simple(
    "act-as",
    "NAME",
    "From here on the action and the settings are those of the location of this name; the steps go on.",
)
.many();
static BREAK: Word =
    Word::simple("break", "", "No further step; a path that was rewritten is not searched for.").many();

/// One step, as written.
#[derive(Debug)]
pub(crate) enum Step {
    Set(Spanned<String>, Template),
    Query(Template),
    When(Box<When>),
    Rewrite(Box<Rewrite>),
    ActAs(Spanned<String>),
    Break(Span),
    /// `respond`, `redirect`, `enter` or `search`.
    Act(Span, Action),
}

/// `when`, as written.
#[derive(Debug)]
pub(crate) struct When {
    pub subject: Template,
    pub test: Test,
    pub steps: Vec<Step>,
}

pub(super) fn read(kdl: &KdlNode, reading: &mut Reading<'_>) -> Vec<Step> {
    let node = Node::open(kdl, &WORD, reading);
    let steps = read_block(&node, reading);
    node.finish(reading);
    steps
}

/// The steps in a block.
pub(super) fn read_block(parent: &Node<'_>, reading: &mut Reading<'_>) -> Vec<Step> {
    let words = parent.block().into_iter();
    words.filter_map(|(word, kdl)| read_one(word, kdl, reading)).collect()
}

fn read_one(word: &'static Word, kdl: &KdlNode, reading: &mut Reading<'_>) -> Option<Step> {
    match word.name {
        "when" => when::read(kdl, reading).map(|when| Step::When(Box::new(when))),
        "rewrite" => rewrite_step::read(kdl, reading).map(|rewrite| Step::Rewrite(Box::new(rewrite))),
        "set" | "query" | "act-as" | "break" => {
            let mut node = Node::open(kdl, word, reading);
            let step = read_simple(&mut node, reading);
            node.finish(reading);
            step
        }
        _ => {
            let span = reading.name_span(kdl);
            action::read(kdl, reading).map(|action| Step::Act(span, action))
        }
    }
}

fn read_simple(node: &mut Node<'_>, reading: &mut Reading<'_>) -> Option<Step> {
    match node.word.name {
        "break" => Some(Step::Break(node.span)),
        "act-as" => node.need(reading).map(Step::ActAs),
        "query" => {
            let text = node.need::<String>(reading)?;
            template(text, "query", reading).map(|text| Step::Query(text.value))
        }
        _ => {
            let name = node.need::<String>(reading).filter(|name| is_name(name, reading));
            let value = node.need::<String>(reading).and_then(|value| template(value, "set", reading));
            reading.made_variables.extend(name.as_ref().map(|name| name.value.clone()));
            Some(Step::Set(name?, value?.value))
        }
    }
}

/// Letters, digits and `_`, as in nginx.
fn is_name(name: &Spanned<String>, reading: &mut Reading<'_>) -> bool {
    let fine = is_variable(&name.value);
    if !fine {
        reading.report(text::wrong("set", name.span, "a variable's name has letters, digits and `_`"));
    }
    fine
}

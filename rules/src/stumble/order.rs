//! In which order the pieces of a text may stand. KDL's parser would say less of it, and of a text that is no KDL
//! at all it would want more stack than there is.

use super::tokens::{Kind, Token};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// How deep blocks may nest: far more than any rules need, far less than a stack holds.
const DEEPEST: usize = 48;

/// Calls `report` for each piece that stands where it cannot.
pub(super) fn check(tokens: &[Token<'_>], report: &mut dyn FnMut(&Token<'_>, Diagnostic)) {
    let mut order = Order {
        open: Vec::new(),
        last: Last::Start,
        slashed: false,
        line: Line::default(),
        lost: None,
        report,
    };
    let mut rest = tokens.iter();
    while let Some(token) = rest.next() {
        order.line.pass(token);
        if token.kind == Kind::OpenType {
            order.annotation(token, &mut rest);
        } else {
            order.place(token);
        }
        if order.open.len() > DEEPEST {
            let message = format!("blocks are nested more than {DEEPEST} deep");
            return (order.report)(token, Diagnostic::error("too-deep", Span::default(), message));
        }
    }
    order.end(tokens.last());
}

/// What came last in the present node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Start,
    Name,
    /// A value, or a property's name.
    Value,
    Equals,
    PropertyValue,
    Block,
    /// A block behind `/-`; another one may follow, values may not.
    SlashedBlock,
}

/// The present line.
#[derive(Debug, Default)]
struct Line {
    start: usize,
    /// How far its first piece is from its start, in bytes.
    indent: Option<usize>,
    /// Whether the present piece is its first.
    is_first: bool,
}

impl Line {
    fn pass(&mut self, token: &Token<'_>) {
        if token.kind == Kind::Newline {
            *self = Self { start: token.start + token.text.len(), ..Self::default() };
            return;
        }
        self.is_first = self.indent.is_none();
        self.indent.get_or_insert(token.start.saturating_sub(self.start));
    }
}

/// A block that is open.
struct Open<'t> {
    brace: Token<'t>,
    /// What came before it.
    before: Last,
    /// Whether a `/-` did.
    slashed: bool,
    /// The indentation of its line.
    indent: usize,
}

struct Order<'r, 't> {
    open: Vec<Open<'t>>,
    last: Last,
    /// A `/-` stands before what comes.
    slashed: bool,
    line: Line,
    /// The first block whose `}` stands further out than its line: it is another block's, and its own is missing.
    lost: Option<Token<'t>>,
    report: &'r mut dyn FnMut(&Token<'_>, Diagnostic),
}

impl<'t> Order<'_, 't> {
    fn place(&mut self, token: &Token<'t>) {
        match token.kind {
            Kind::Word | Kind::Text | Kind::Keyword => self.value(token),
            Kind::Equals => {
                if self.last != Last::Value || self.slashed {
                    let label = match self.last {
                        Last::Name => "leave it out: a word's value follows it without one",
                        _ => "quote it, or leave it out",
                    };
                    self.fault(token, "this `=` has no property's name before it", label);
                }
                self.last = Last::Equals;
            }
            Kind::SlashDash => {
                if self.slashed || self.last == Last::Equals {
                    self.fault(token, "this `/-` comments nothing out", "leave it out");
                }
                self.slashed = true;
            }
            Kind::OpenBlock => self.open_block(token),
            Kind::CloseBlock => self.close_block(token),
            Kind::OpenType | Kind::CloseType => {
                self.fault(
                    token,
                    format!("this `{}` belongs to nothing", token.text),
                    "quote it, or leave it out",
                );
            }
            Kind::Newline if self.slashed => {}
            Kind::Newline => self.end_node(token),
            Kind::Semicolon => {
                if self.last == Last::Start {
                    self.fault(token, "this `;` ends nothing", "leave it out");
                }
                self.end_node(token);
            }
        }
    }

    fn value(&mut self, token: &Token<'t>) {
        if token.glued {
            let label = "write a space between them, or `#\"…\"#` around a text with quotes in it";
            self.fault(token, "this touches what stands before it", label);
        }
        let is_number = token.kind == Kind::Word && token.text.starts_with(|c: char| c.is_ascii_digit());
        if self.last == Last::Start && (is_number || token.kind == Kind::Keyword) {
            self.fault(token, format!("`{}` is no word that a line begins with", token.text), "quote it");
        }
        self.last = match self.last {
            Last::Start => Last::Name,
            Last::Equals => Last::PropertyValue,
            Last::Block | Last::SlashedBlock => {
                self.fault(token, "a node ends with its block", "start a new line, or write `;` before it");
                Last::Name
            }
            Last::Name | Last::Value | Last::PropertyValue => Last::Value,
        };
        self.slashed = false;
    }

    /// `(type)`, before a name or a value. What it means is not looked at here.
    fn annotation(&mut self, open: &Token<'t>, rest: &mut std::slice::Iter<'_, Token<'t>>) {
        let mut ahead = rest.clone();
        let is_whole = ahead.next().is_some_and(|word| matches!(word.kind, Kind::Word | Kind::Text))
            && ahead.next().is_some_and(|close| close.kind == Kind::CloseType);
        let comes_before_a_value = ahead
            .as_slice()
            .first()
            .is_some_and(|next| matches!(next.kind, Kind::Word | Kind::Text | Kind::Keyword));
        if !is_whole
            || !comes_before_a_value
            || open.glued
            || matches!(self.last, Last::Block | Last::SlashedBlock)
        {
            return self.fault(open, "this `(` belongs to nothing", "quote it, or leave it out");
        }
        *rest = ahead;
    }

    fn open_block(&mut self, token: &Token<'t>) {
        let is_second = self.last == Last::Block && !self.slashed;
        if is_second || matches!(self.last, Last::Start | Last::Equals) {
            self.fault(
                token,
                "this block has no word before it",
                "write it behind its word, on the same line",
            );
        }
        let indent = self.line.indent.unwrap_or_default();
        self.open.push(Open { brace: *token, before: self.last, slashed: self.slashed, indent });
        (self.last, self.slashed) = (Last::Start, false);
    }

    fn close_block(&mut self, token: &Token<'t>) {
        self.end_node(token);
        let Some(open) = self.open.pop() else {
            return self.fault(token, "this `}` closes nothing", "leave it out");
        };
        if self.line.is_first && self.line.indent.is_some_and(|indent| indent < open.indent) {
            self.lost.get_or_insert(open.brace);
        }
        self.last = match (open.before, open.slashed) {
            // What was commented out leaves the node as it was.
            (before @ (Last::Block | Last::Start), true) => before,
            (_, true) => Last::SlashedBlock,
            (_, false) => Last::Block,
        };
    }

    fn end_node(&mut self, token: &Token<'t>) {
        if self.last == Last::Equals {
            self.fault(token, "the property before this has no value", "write one");
        }
        if self.slashed {
            self.fault(token, "the `/-` before this comments nothing out", "leave it out");
        }
        (self.last, self.slashed) = (Last::Start, false);
    }

    fn end(&mut self, last: Option<&Token<'t>>) {
        if let Some(last) = last {
            self.end_node(last);
        }
        let lost = self.lost.take();
        while let Some(open) = self.open.pop() {
            // By how the lines are indented, another block has lost its `}` and was given this one's.
            let brace = if self.open.is_empty() { lost.unwrap_or(open.brace) } else { open.brace };
            self.fault(&brace, "this block is never closed", "its `}` is missing");
        }
    }

    fn fault(&mut self, token: &Token<'t>, message: impl Into<String>, label: &str) {
        (self.report)(token, Diagnostic::error("syntax", Span::default(), message).label(label));
    }
}

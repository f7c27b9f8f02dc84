//! Classes of characters beyond ASCII, in a regex that is otherwise of bytes.

use super::RegexError;
use regex::bytes;
use regex_syntax::ast::{Ast, ClassSetItem, Flag, Span, Visitor, parse::Parser, visit};

/// A regex whose classes of such characters say that they are of text, `(?u:[äö])`, so that all else in it stays of
/// bytes; `None` where it has none of them. One that leaves characters out has to say so itself: whether it takes bytes
/// that are no text is nobody's guess.
pub(super) fn of_text(written: &str) -> Result<Option<String>, RegexError> {
    let Ok(parsed) = Parser::new().parse(written) else { return Ok(None) };
    let found = match visit(&parsed, Classes { written, ..Classes::default() }) {
        Ok(found) => found,
        Err(class) => {
            let reason =
                format!("bytes that are no text may be in `{class}`, or not: `(?u:{class})` has none");
            return Err(RegexError(reason));
        }
    };
    let mut out = String::with_capacity(written.len());
    let mut end = 0;
    for span in &found {
        let (before, class) = (span.start.offset, span.end.offset);
        out.extend([written.get(end..before).unwrap_or_default(), "(?u:"]);
        out.extend([written.get(before..class).unwrap_or_default(), ")"]);
        end = class;
    }
    out.push_str(written.get(end..).unwrap_or_default());
    Ok(Some(out).filter(|_| !found.is_empty()))
}

/// Finds them from left to right.
#[derive(Default)]
struct Classes<'w> {
    written: &'w str,
    found: Vec<Span>,
    /// Around what is looked at: how many groups say that they are of text.
    groups_of_text: usize,
    /// Whether the class that is looked at leaves anything out.
    leaves_out: bool,
}

impl<'w> Classes<'w> {
    fn take(&mut self, span: &Span) -> Result<(), &'w str> {
        let class = self.written.get(span.start.offset..span.end.offset).unwrap_or_default();
        let is_of_bytes = || bytes::RegexBuilder::new(class).unicode(false).build().is_ok();
        if self.groups_of_text > 0 || is_of_bytes() {
            return Ok(());
        }
        if self.leaves_out {
            return Err(class);
        }
        self.found.push(*span);
        Ok(())
    }
}

impl<'w> Visitor for Classes<'w> {
    type Output = Vec<Span>;
    /// The class that leaves something out.
    type Err = &'w str;

    fn finish(self) -> Result<Self::Output, Self::Err> {
        Ok(self.found)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::Group(_) if is_of_text(ast) => self.groups_of_text += 1,
            Ast::ClassBracketed(class) => self.leaves_out = class.negated,
            Ast::ClassUnicode(class) => {
                self.leaves_out = class.is_negated();
                self.take(&class.span)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_post(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::Group(_) if is_of_text(ast) => self.groups_of_text -= 1,
            Ast::ClassBracketed(class) => self.take(&class.span)?,
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        self.leaves_out |= match item {
            ClassSetItem::Ascii(class) => class.negated,
            ClassSetItem::Unicode(class) => class.is_negated(),
            ClassSetItem::Perl(class) => class.negated,
            ClassSetItem::Bracketed(class) => class.negated,
            _ => false,
        };
        Ok(())
    }
}

fn is_of_text(ast: &Ast) -> bool {
    let Ast::Group(group) = ast else { return false };
    group.flags().and_then(|flags| flags.flag_state(Flag::Unicode)) == Some(true)
}

//! Which directive may stand where, and with how many arguments: said in nginx's own words.

use super::directive::{self, Arguments, Block, Context, Definition, Support};
use super::tree::Directive;
use super::{Nginx, Seen};
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use std::collections::HashMap;

/// Keeps the directives that may stand in `context` as they are, and reports whatever is wrong with the others.
pub(super) fn check(directives: &mut Vec<Directive>, context: Context, nginx: &mut Nginx<'_, '_>) {
    let mut seen: HashMap<&'static str, Span> = HashMap::new();
    directives.retain_mut(|directive| match definition(directive, context, nginx) {
        Some(definition) => is_kept(directive, definition, &mut seen, nginx),
        None => false,
    });
}

fn is_kept(
    directive: &mut Directive,
    definition: &'static Definition,
    seen: &mut HashMap<&'static str, Span>,
    nginx: &mut Nginx<'_, '_>,
) -> bool {
    let (name, span) = (definition.name, directive.name.span);
    if let Some(fault) = shape(directive, definition) {
        nginx.report(fault);
        return false;
    }
    if !definition.many
        && let Some(earlier) = seen.insert(name, span)
    {
        let place = nginx.reading.sources.place(earlier);
        let message = format!("\"{name}\" directive is duplicate");
        let error = Diagnostic::error("nginx-syntax", span, message).label("leave one out");
        nginx.report(error.help(format!("it stands at {}:{} too", place.file, place.line)));
        return false;
    }
    let arguments: Vec<&str> = directive.arguments.iter().map(|argument| argument.value.as_str()).collect();
    nginx.seen.push(Seen { name, arguments: arguments.join(" "), span, support: definition.support });
    if let Support::Refused(remedy) = definition.support {
        // What is switched off asks for nothing.
        if directive.first() != "off" {
            nginx.refuse(span, format!("vordr does not honour \"{name}\""), remedy);
        }
        // Its location answers all the same, so that nobody is handed the files that an application has there.
        return is_content(name);
    }
    if let (Block::Of(inside), Some(block)) = (definition.block, &mut directive.block)
        && inside != Context::FREE
    {
        check(block, inside, nginx);
    }
    true
}

/// Whether a directive hands requests to somebody: `fastcgi_pass` and its kin.
pub(super) fn is_content(name: &str) -> bool {
    name.ends_with("_pass")
}

/// What a directive is where it stands; if it is nothing there, that has been reported.
fn definition(
    directive: &Directive,
    context: Context,
    nginx: &mut Nginx<'_, '_>,
) -> Option<&'static Definition> {
    let name = directive.name.value.as_str();
    let known: Vec<_> = directive::named(name).collect();
    let span = directive.name.span;
    if known.is_empty() {
        let error = Diagnostic::error("unknown-directive", span, format!("unknown directive \"{name}\""));
        let meant = nearest(&name.replace('-', "_"), directive::all().map(|known| known.name));
        nginx.report(match meant {
            Some(meant) => error.label(format!("did you mean `{meant}`?")),
            None => error.label("leave it out; `vordr import --support` lists what is known"),
        });
        return None;
    }
    let places: Vec<&str> = known.iter().flat_map(|definition| definition.contexts.names()).collect();
    let found = known.into_iter().find(|definition| context.is_in(definition.contexts));
    if found.is_none() {
        let message = format!("\"{name}\" directive is not allowed here");
        let error = Diagnostic::error("misplaced-directive", span, message);
        nginx.report(error.label(format!("it stands in {}", places.join(", "))));
    }
    found
}

/// What is wrong with a directive's arguments and block.
fn shape(directive: &Directive, definition: &Definition) -> Option<Diagnostic> {
    let name = definition.name;
    let error = |message: String| Diagnostic::error("nginx-syntax", directive.name.span, message);
    match (definition.block, &directive.block) {
        (Block::None, Some(_)) => {
            return Some(
                error(format!("directive \"{name}\" is not terminated by \";\"")).label("it takes no block"),
            );
        }
        (Block::Of(_), None) => {
            return Some(
                error(format!("directive \"{name}\" has no opening \"{{\"")).label("it takes a block"),
            );
        }
        _ => {}
    }
    let count = directive.arguments.len();
    let wrong_number = || error(format!("invalid number of arguments in \"{name}\" directive"));
    match definition.arguments {
        Arguments::Flag if count != 1 => Some(wrong_number().label("expected `on` or `off`")),
        Arguments::Flag => {
            let value = directive.first();
            let fine = value.eq_ignore_ascii_case("on") || value.eq_ignore_ascii_case("off");
            let message =
                || format!("invalid value \"{value}\" in \"{name}\" directive, it must be \"on\" or \"off\"");
            (!fine).then(|| error(message()))
        }
        Arguments::Between(least, most) => {
            (!(least..=most).contains(&count)).then(|| wrong_number().label(expected(least, most)))
        }
    }
}

fn expected(least: usize, most: usize) -> String {
    match (least, most) {
        (0, 0) => "it takes none".to_owned(),
        (1, 1) => "it takes one".to_owned(),
        (least, most) if least == most => format!("it takes {least}"),
        (least, usize::MAX) => format!("it takes {least} or more"),
        (least, most) => format!("it takes {least} to {most}"),
    }
}

//! Every directive that is known: where it may stand, what it takes, and what vordr makes of it.

mod core;
mod proxy;
mod web;

use std::collections::HashMap;
use std::sync::LazyLock;

/// Where a directive may stand; places are joined by `|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context(u16);

impl Context {
    pub(super) const MAIN: Self = Self(1);
    pub(super) const EVENTS: Self = Self(1 << 1);
    pub(super) const HTTP: Self = Self(1 << 2);
    pub(super) const SERVER: Self = Self(1 << 3);
    pub(super) const LOCATION: Self = Self(1 << 4);
    pub(super) const UPSTREAM: Self = Self(1 << 5);
    /// In an `if` of a server.
    pub(super) const SERVER_IF: Self = Self(1 << 6);
    /// In an `if` of a location.
    pub(super) const LOCATION_IF: Self = Self(1 << 7);
    pub(super) const LIMIT_EXCEPT: Self = Self(1 << 8);
    /// In a block whose words are no directives: `map`, `types`, `geo`.
    pub(super) const FREE: Self = Self(1 << 9);
    /// `http`, `server` and `location`.
    pub(super) const SITE: Self = Self(1 << 2 | 1 << 3 | 1 << 4);

    const NAMES: [(Self, &'static str); 9] = [
        (Self::MAIN, "main"),
        (Self::EVENTS, "events"),
        (Self::HTTP, "http"),
        (Self::SERVER, "server"),
        (Self::LOCATION, "location"),
        (Self::UPSTREAM, "upstream"),
        (Self::SERVER_IF, "if in server"),
        (Self::LOCATION_IF, "if in location"),
        (Self::LIMIT_EXCEPT, "limit_except"),
    ];

    /// All of both.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is among these.
    pub(super) fn is_in(self, all: Self) -> bool {
        self.0 & all.0 != 0
    }

    /// As nginx's documentation names them.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(context, _)| context.is_in(self)).map(|(_, name)| name)
    }
}

/// How many arguments a directive takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// `on` or `off`.
    Flag,
    /// At least, at most.
    Between(usize, usize),
}

/// What follows the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    /// `;`
    None,
    /// A block of directives.
    Of(Context),
}

/// What vordr makes of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It does what it says.
    Honoured,
    /// It is accepted, and needs no counterpart; for this reason.
    Needless(&'static str),
    /// It stops the start; this is what to write instead.
    Refused(&'static str),
}

/// One directive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Definition {
    pub name: &'static str,
    pub contexts: Context,
    pub arguments: Arguments,
    pub block: Block,
    /// Whether it may stand more than once in one block.
    pub many: bool,
    pub support: Support,
}

impl Definition {
    const fn new(name: &'static str, contexts: Context, least: usize, most: usize, support: Support) -> Self {
        let arguments = Arguments::Between(least, most);
        Self { name, contexts, arguments, block: Block::None, many: false, support }
    }

    /// Any number of times.
    const fn many(self) -> Self {
        Self { many: true, ..self }
    }

    /// With a block.
    const fn block(self, inside: Context) -> Self {
        Self { block: Block::Of(inside), ..self }
    }
}

/// As many arguments as one likes.
const ANY: usize = usize::MAX;

const fn honoured(name: &'static str, contexts: Context, least: usize, most: usize) -> Definition {
    Definition::new(name, contexts, least, most, Support::Honoured)
}

const fn flag(name: &'static str, contexts: Context, support: Support) -> Definition {
    Definition { arguments: Arguments::Flag, ..Definition::new(name, contexts, 1, 1, support) }
}

const fn needless(
    name: &'static str,
    contexts: Context,
    least: usize,
    most: usize,
    reason: &'static str,
) -> Definition {
    Definition::new(name, contexts, least, most, Support::Needless(reason))
}

const fn refused(
    name: &'static str,
    contexts: Context,
    least: usize,
    most: usize,
    remedy: &'static str,
) -> Definition {
    Definition::new(name, contexts, least, most, Support::Refused(remedy))
}

/// Every directive, one nginx module after the other.
pub(crate) fn all() -> impl Iterator<Item = &'static Definition> {
    core::ALL.iter().chain(proxy::ALL).chain(web::ALL)
}

/// The definitions by their names.
static BY_NAME: LazyLock<HashMap<&'static str, Vec<&'static Definition>>> = LazyLock::new(|| {
    let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
    all().for_each(|definition| by_name.entry(definition.name).or_default().push(definition));
    by_name
});

/// The definitions of a name: `server` is one thing in `http` and another in `upstream`.
pub(super) fn named(name: &str) -> impl Iterator<Item = &'static Definition> {
    BY_NAME.get(name).into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_directive_is_defined_twice_for_one_place() {
        let all: Vec<_> = all().collect();
        for (number, one) in all.iter().enumerate() {
            let twin = all
                .iter()
                .skip(number + 1)
                .find(|other| other.name == one.name && one.contexts.is_in(other.contexts));
            assert!(twin.is_none(), "{}", one.name);
        }
    }

    #[test]
    fn whatever_is_refused_says_what_to_do_instead() {
        for definition in all() {
            if let Support::Needless(text) | Support::Refused(text) = definition.support {
                assert!(text.len() > 10 && !text.ends_with('.'), "{}: {text}", definition.name);
            }
        }
    }
}

//! Locations by the names under which `enter` finds them.

use crate::diagnostic::{Diagnostic, nearest};
use crate::language::location::Location;
use crate::node::Reading;
use crate::source::{Span, Spanned};
use crate::table::LocationId;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

/// The names of one server's locations.
pub(super) struct Names<'l> {
    known: HashMap<&'l str, Named>,
    /// Places of names that are nobody's; a server's settings are looked at once for each of its locations.
    missed: RefCell<HashSet<Span>>,
}

struct Named {
    id: LocationId,
    span: Span,
    is_entered: Cell<bool>,
}

impl<'l> Names<'l> {
    pub(super) fn new(locations: &'l [Location], reading: &mut Reading<'_>) -> Self {
        let mut known: HashMap<&str, Named> = HashMap::new();
        for (number, location) in locations.iter().enumerate() {
            let Some(name) = &location.name else { continue };
            let named = Named { id: LocationId(number), span: name.span, is_entered: Cell::new(false) };
            if let Some(twin) = known.insert(&name.value, named) {
                let place = reading.sources.place(twin.span);
                let message = format!("another location is named `{}` already", name.value);
                let error = Diagnostic::error("duplicate-location", name.span, message);
                reading.report(error.help(format!("it stands at {}:{}", place.file, place.line)));
            }
        }
        Self { known, missed: RefCell::default() }
    }

    /// The location of a name; that there is none is reported.
    pub(super) fn find(&self, name: &Spanned<String>, reading: &mut Reading<'_>) -> Option<LocationId> {
        if let Some(named) = self.known.get(name.value.as_str()) {
            named.is_entered.set(true);
            return Some(named.id);
        }
        if self.missed.borrow_mut().insert(name.span) {
            let message = format!("this server has no location named `{}`", name.value);
            let error = Diagnostic::error("unknown-location", name.span, message);
            reading.report(match nearest(&name.value, self.known.keys().copied()) {
                Some(meant) => error.label(format!("did you mean `{meant}`?")),
                None => error.label(format!("add `location name={} {{ … }}`", name.value)),
            });
        }
        None
    }

    /// Reports the names that nothing enters.
    pub(super) fn warn_of_unused(&self, reading: &mut Reading<'_>) {
        let mut unused: Vec<_> = self.known.iter().filter(|(_, named)| !named.is_entered.get()).collect();
        unused.sort_by_key(|(_, named)| named.id.0);
        for (name, named) in unused {
            let message = format!("nothing enters the location `{name}`");
            reading.report(Diagnostic::warning("dead-route", named.span, message).label("nobody gets here"));
        }
    }
}

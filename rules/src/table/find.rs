//! The one search that `explain` and the running proxy share.

use super::path::{merged_path, normal_path};
use super::{Address, Binding, ListenerId, LocationId, Matched, PathRegex, Server, ServerId, Table};
use http::{HeaderMap, Method};
use std::borrow::Cow;

/// What of a request the search looks at.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The listener it came in by.
    pub listener: ListenerId,
    /// Its method.
    pub method: &'a Method,
    /// Its `Host`, in any case, with or without a port.
    pub host: &'a str,
    /// Its path as it came, without the query.
    pub path: &'a str,
    /// Its query, without the `?`.
    pub query: Option<&'a str>,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

/// What the search came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This location takes the request.
    Found(Match),
    /// No location of this server does: 404, `no_route`.
    NoRoute(ServerId),
    /// The path climbs above `/`, has a NUL, or is no path: 400, `bad_request`.
    BadPath(ServerId),
    /// Whether this location takes it cannot be said, as its regex was given up ([`Matched::GivenUp`]): 500,
    /// `regex_too_long`. What another location lets in may be what this one keeps out.
    GivenUp(ServerId, LocationId),
}

/// A location that takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its server.
    pub server: ServerId,
    /// The location.
    pub location: LocationId,
    /// What its regex captured; empty for exact and prefix matches.
    pub captures: Captures,
}

/// What a location's regex captured, decoded; `{1}` is the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captures {
    groups: Vec<Option<Vec<u8>>>,
}

impl Captures {
    /// What a regex captures of a text; `None` where it does not fit.
    pub fn of(regex: &PathRegex, text: &[u8]) -> Option<Self> {
        Some(Self { groups: regex.captures(text)? })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Group `number`, counted from 1; `None` where there is none or it took no part in the match.
    pub fn group(&self, number: usize) -> Option<&[u8]> {
        self.groups.get(number.checked_sub(1)?)?.as_deref()
    }
}

/// How a location came into question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its exact path.
    Exact,
    /// A prefix; the longest one is asked first.
    Prefix,
    /// A regex, in file order.
    Regex,
    /// A regex that was given up ([`Matched::GivenUp`]), which ends the search.
    GivenUp,
}

/// The location whose regex was given up.
struct GivenUp(LocationId);

impl Table {
    /// The server for a host on a listener, and what the listener asks of it; `None` where there is no such listener.
    pub fn binding(&self, listener: ListenerId, host: &str) -> Option<Binding> {
        self.listeners.get(listener.0).map(|listener| listener.binding(host))
    }

    /// The same for a request, which may name no host.
    pub fn binding_of_request(&self, listener: ListenerId, host: &str) -> Option<Binding> {
        self.listeners.get(listener.0).map(|listener| listener.binding_of_request(host))
    }

    /// The server at an address that has a host, or the default one.
    pub fn server_at(&self, address: &Address, host: &str) -> Option<&Server> {
        let number = self.listeners.iter().position(|listener| listener.address == *address)?;
        let server = self.binding(ListenerId(number), host)?.server;
        self.servers.get(server.0)
    }

    /// The server that takes every host that no other one takes, at a listener's address; `None` where nobody listens.
    pub fn default_server(&self, address: &Address) -> Option<&Server> {
        let listener = self.listeners.iter().find(|listener| listener.address == *address)?;
        self.servers.get(listener.default.server.0)
    }

    /// The location that takes a request: an exact path; else the longest prefix if it is final; else the first
    /// regex; else the longest prefix. A location whose conditions fail does not count. `None` where there is no such
    /// listener.
    pub fn find(&self, request: &Request<'_>) -> Option<Outcome> {
        let server = self.binding_of_request(request.listener, request.host)?.server;
        Some(self.find_in(server, request, &mut |_, _, _| {}))
    }

    /// [`Table::find`] within a server, telling `seen` of each location whose path fits, and whether its
    /// conditions held.
    pub fn find_in(
        &self,
        server: ServerId,
        request: &Request<'_>,
        seen: &mut dyn FnMut(LocationId, Way, bool),
    ) -> Outcome {
        let Some(rules) = self.servers.get(server.0) else { return Outcome::NoRoute(server) };
        match rules.normal_path(request.path) {
            Some(path) => self.find_path_in(server, &path, request, seen),
            None => Outcome::BadPath(server),
        }
    }

    /// [`Table::find_in`] for a path in its normal form, in the place of the request's own.
    pub fn find_path_in(
        &self,
        server: ServerId,
        path: &[u8],
        request: &Request<'_>,
        seen: &mut dyn FnMut(LocationId, Way, bool),
    ) -> Outcome {
        let Some(rules) = self.servers.get(server.0) else { return Outcome::NoRoute(server) };
        match rules.search(path, request, seen) {
            Ok(Some((location, captures))) => Outcome::Found(Match { server, location, captures }),
            Ok(None) => Outcome::NoRoute(server),
            Err(GivenUp(location)) => Outcome::GivenUp(server, location),
        }
    }
}

impl Server {
    /// A path as it is compared here ([`normal_path`](super::normal_path)), its slashes merged where that is said.
    pub fn normal_path<'p>(&self, path: &'p str) -> Option<Cow<'p, [u8]>> {
        if self.merges_slashes { merged_path(path) } else { normal_path(path) }
    }

    fn search(
        &self,
        path: &[u8],
        request: &Request<'_>,
        seen: &mut dyn FnMut(LocationId, Way, bool),
    ) -> Result<Option<(LocationId, Captures)>, GivenUp> {
        let mut holds = |id: LocationId, step| {
            let holds = self.locations.get(id.0).is_some_and(|location| location.admits(request));
            seen(id, step, holds);
            holds
        };
        if let Some(exact) = self.paths.exact(path).iter().find(|id| holds(**id, Way::Exact)) {
            return Ok(Some((*exact, Captures::default())));
        }
        let prefix = self.paths.prefixes(path).find(|id| holds(*id, Way::Prefix));
        Ok(match self.regex_for(prefix, path, &mut holds)? {
            Some(found) => Some(self.innermost(found, path, &mut holds)?),
            None => prefix.map(|id| (id, Captures::default())),
        })
    }

    /// Of the regexes within the location of one that fits, the first that fits too, and so on inwards.
    fn innermost(
        &self,
        mut found: (LocationId, Captures),
        path: &[u8],
        holds: &mut dyn FnMut(LocationId, Way) -> bool,
    ) -> Result<(LocationId, Captures), GivenUp> {
        loop {
            let around = found.0;
            let within = self.paths.regexes_within.iter().filter(|(parent, ..)| *parent == around);
            match first_fitting(&mut within.map(|(_, regex, id)| (regex, *id)), path, holds)? {
                Some(inner) => found = inner,
                None => return Ok(found),
            }
        }
    }

    /// The first regex that fits: of those within the longest prefix, then of those around it, and so on outwards. A
    /// prefix that is final keeps those beside it from being asked.
    fn regex_for(
        &self,
        prefix: Option<LocationId>,
        path: &[u8],
        holds: &mut dyn FnMut(LocationId, Way) -> bool,
    ) -> Result<Option<(LocationId, Captures)>, GivenUp> {
        let (mut around, mut is_final) = (prefix, false);
        while let Some(location) = around.and_then(|id| self.locations.get(id.0)) {
            let within = self.paths.regexes_within.iter().filter(|(parent, ..)| Some(*parent) == around);
            let mut within = within.filter(|_| !is_final).map(|(_, regex, id)| (regex, *id));
            if let Some(found) = first_fitting(&mut within, path, holds)? {
                return Ok(Some(found));
            }
            (around, is_final) = (location.within, location.is_final);
        }
        let mut outer = self.paths.regexes.iter().filter(|_| !is_final).map(|(regex, id)| (regex, *id));
        first_fitting(&mut outer, path, holds)
    }
}

fn first_fitting(
    regexes: &mut dyn Iterator<Item = (&PathRegex, LocationId)>,
    path: &[u8],
    holds: &mut dyn FnMut(LocationId, Way) -> bool,
) -> Result<Option<(LocationId, Captures)>, GivenUp> {
    for (regex, id) in regexes {
        match regex.matches(path) {
            Matched::Yes if holds(id, Way::Regex) => return Ok(Some((id, captures(regex, path)))),
            Matched::GivenUp if holds(id, Way::GivenUp) => return Err(GivenUp(id)),
            Matched::Yes | Matched::GivenUp | Matched::No => {}
        }
    }
    Ok(None)
}

pub(super) fn captures(regex: &PathRegex, path: &[u8]) -> Captures {
    Captures { groups: regex.captures(path).unwrap_or_default() }
}

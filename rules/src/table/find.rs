//! The one search that `explain` and the running proxy share.

use super::{ListenerId, LocationId, ServerId};
use http::{HeaderMap, Method};

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
    /// Group `number`, counted from 1; `None` where there is none or it took no part in the match.
    pub fn group(&self, number: usize) -> Option<&[u8]> {
        self.groups.get(number.checked_sub(1)?)?.as_deref()
    }
}

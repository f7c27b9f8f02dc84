//! Where a request stands among the locations of its server: the path that it is served by, and another location found
//! for it without anybody outside noticing.

use super::admit::Admission;
use super::answer::Answer;
use super::context::Exchange;
use super::failure::Failure;
use super::fill::{IN_PATH, Writing};
use super::steps::Run;
use http::request::Parts;
use http::{Method, StatusCode};
use percent_encoding::percent_encode;
use std::borrow::Cow;
use vordr_rules::table::{Captures, LocationId, Match, Pattern, normal_of_decoded, normal_path};

/// How often another location may be looked for, as in nginx: more is a loop.
const MOST_TURNS: u8 = 10;

/// Where a request is on its way to an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before the steps of its server.
    First,
    /// Before its location is found.
    Find,
    /// Before the steps of its location.
    Own,
    /// In its location.
    Here,
}

/// A path and query in the place of those that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// In its normal form: decoded, without dot segments.
    path: Vec<u8>,
    /// As it is sent on; nothing is no query.
    query: String,
    writing: Writing,
    /// The `/` that it begins with is none of its own.
    lacks_slash: bool,
}

impl Current {
    /// Escaped, as it stands in a URL.
    fn written_path(&self) -> String {
        percent_encode(&self.path, IN_PATH).to_string()
    }
}

impl Exchange {
    /// The path that the request is served by now, in its normal form (decoded, without dot segments): the one that it
    /// came with, or the one that a search put in its place.
    pub fn current_path<'e>(&'e self, request: &'e Parts) -> Cow<'e, [u8]> {
        match &self.current {
            Some(current) => Cow::Borrowed(&current.path),
            None => self.normal_of(request.uri.path()).unwrap_or(Cow::Borrowed(b"/")),
        }
    }

    /// A path as its server compares it.
    pub(super) fn normal_of<'p>(&self, path: &'p str) -> Option<Cow<'p, [u8]>> {
        self.server().map_or_else(|| normal_path(path), |server| server.normal_path(path))
    }

    /// The method that it is served by: the one that it came with, or GET where a page is read in the place of what was
    /// to be done.
    pub fn method<'e>(&'e self, request: &'e Parts) -> &'e Method {
        if self.asks_anew && request.method != Method::HEAD { &Method::GET } else { &request.method }
    }

    /// The query that goes with [`Exchange::current_path`], without its `?`.
    pub fn current_query<'e>(&'e self, request: &'e Parts) -> Option<&'e str> {
        match &self.current {
            Some(current) => Some(current.query.as_str()).filter(|query| !query.is_empty()),
            None => request.uri.query(),
        }
    }

    /// [`Exchange::current_path`] as it stands in a URL: as it came, where it is the one that came.
    pub(super) fn written_path<'e>(&'e self, request: &'e Parts) -> Cow<'e, str> {
        match &self.current {
            Some(current) => Cow::Owned(current.written_path()),
            None => Cow::Borrowed(request.uri.path()),
        }
    }

    /// Path and query as an upstream is to see them; `None` where they are those that came.
    pub(super) fn written_target(&self) -> Option<Vec<u8>> {
        let current = self.current.as_ref()?;
        let mut target = current.written_path();
        if !current.query.is_empty() {
            target.push('?');
            target.push_str(&current.query);
        }
        Some(target.into_bytes())
    }

    /// Finds a location anew, for a decoded path and a query: what nginx calls an internal redirect. Begun anew are the
    /// location with its captures and settings, and all that these ask of a request (`allow`, `auth`, `body-limit` …),
    /// but a request is counted by one `limit`. What was learnt of the client, the request's id, its log line and the
    /// route that metrics know it by stay. After ten times it fails ([`Failure::RewriteLoop`]).
    pub fn search(&mut self, path: &[u8], query: Option<&str>, request: &Parts) -> Admission {
        let moved = self.take_turn().and_then(|()| self.go_to(path, query));
        let found = moved.and_then(|()| self.walk(Phase::First, request));
        self.decided(found, request)
    }

    /// Goes on in another location of the server, such as one with a name. Path, query and captures stay; all else is as
    /// with [`Exchange::search`].
    pub fn enter_named(&mut self, location: LocationId, request: &Parts) -> Admission {
        let entered = self.take_turn().and_then(|()| {
            self.go_into(location);
            self.walk(Phase::Own, request)
        });
        self.decided(entered, request)
    }

    /// A question within this exchange, about another path of the same server: as far as the action of its location, or
    /// the status that is answered before that. `{path}` is its own path, and `{uri}` still that of the request.
    pub(crate) fn question(&self, target: &str, request: &Parts) -> Result<Self, StatusCode> {
        let mut inner = Self::begin(self.table.clone(), self.arrival.clone());
        (inner.public, inner.request_id) = (self.public.clone(), self.request_id.clone());
        (inner.server, inner.variables) = (self.server, self.variables.clone());
        inner.is_question = true;
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let path = normal_path(path).ok_or(StatusCode::BAD_REQUEST)?;
        let walked = inner.go_to(&path, query).and_then(|()| inner.walk(Phase::First, request));
        match walked {
            Ok(None) => Ok(inner),
            Ok(Some(answer)) => Err(answer.status),
            Err(failure) => Err(failure.status()),
        }
    }

    /// Takes steps and finds locations until there is an answer, or the action of a location is due. The phases are
    /// nginx's: the server's steps, the search, the location's steps.
    pub(super) fn walk(&mut self, mut phase: Phase, request: &Parts) -> Result<Option<Answer>, Failure> {
        loop {
            let (run, next) = match phase {
                Phase::First => (self.take_first_steps(request)?, Phase::Find),
                Phase::Find => {
                    self.find(request)?;
                    phase = Phase::Own;
                    continue;
                }
                Phase::Own => (self.take_own_steps(request)?, Phase::Here),
                // As in nginx, it is the request itself that is let in or not.
                Phase::Here if self.is_question => return Ok(None),
                Phase::Here => return self.check_here(request),
            };
            phase = match run {
                Run::Over => next,
                // Behind the server's steps the location is looked for anyway.
                Run::Again if phase == Phase::First => next,
                Run::Again => {
                    self.take_turn()?;
                    Phase::Find
                }
                Run::Answer(answer) => return Ok(Some(answer)),
                Run::Enter(location) => {
                    self.take_turn()?;
                    self.go_into(location);
                    Phase::Own
                }
                Run::Search(target) => {
                    self.take_turn()?;
                    let (path, query) = self.taken_apart(&target, request)?;
                    self.go_to(&path, query.as_deref())?;
                    Phase::First
                }
            };
        }
    }

    /// Path and query as they came, but for slashes that are merged here; `None` where there are none.
    pub(super) fn merged_target(&self, request: &Parts) -> Option<Vec<u8>> {
        let path = request.uri.path();
        if !path.contains("//") || self.server().is_none_or(|server| !server.merges_slashes) {
            return None;
        }
        Some(self.normal_target(request))
    }

    /// The normal path, written as in a URL, and the query.
    pub(super) fn normal_target(&self, request: &Parts) -> Vec<u8> {
        let mut target = percent_encode(&self.current_path(request), IN_PATH).to_string();
        if let Some(query) = self.current_query(request) {
            target.push('?');
            target.push_str(query);
        }
        target.into_bytes()
    }

    /// [`Exchange::search`] for a path, and perhaps a query, as they stand in a URL.
    pub(super) fn search_written(&mut self, target: &[u8], request: &Parts) -> Admission {
        match self.taken_apart(target, request) {
            Ok((path, query)) => self.search(&path, query.as_deref(), request),
            Err(failure) => self.refuse(failure, request),
        }
    }

    /// The path of a target, in its normal form, and the query; the present one where it has none.
    pub(super) fn taken_apart(
        &self,
        target: &[u8],
        request: &Parts,
    ) -> Result<(Vec<u8>, Option<String>), Failure> {
        let target = String::from_utf8_lossy(target);
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*target, self.current_query(request)),
        };
        Ok((normal_path(path).ok_or(BAD_PATH)?.into_owned(), query.map(str::to_owned)))
    }

    /// A search leads to a path, whose location is found from the beginning.
    pub(super) fn go_to(&mut self, path: &[u8], query: Option<&str>) -> Result<(), Failure> {
        self.is_inside = true;
        self.has_strayed = false;
        self.stand_at(path, query)
    }

    pub(super) fn go_into(&mut self, location: LocationId) {
        self.is_inside = true;
        self.location = Some(location);
        self.first_location.get_or_insert(location);
    }

    /// Puts a path and a query in the place of those that came.
    pub(super) fn stand_at(&mut self, path: &[u8], query: Option<&str>) -> Result<(), Failure> {
        let path = normal_of_decoded(path).ok_or(BAD_PATH)?.into_owned();
        let query = query.unwrap_or_default().to_owned();
        self.current = Some(Box::new(Current { path, query, writing: Writing::Decoded, lacks_slash: false }));
        Ok(())
    }

    /// [`Exchange::stand_at`] for a path that no location is looked for by, and that may lack its `/`.
    pub(super) fn stand_loosely_at(&mut self, path: &[u8], query: Option<&str>) -> Result<(), Failure> {
        let lacks_slash = path.first().is_some_and(|first| *first != b'/');
        match lacks_slash {
            true => self.stand_at(&[b"/", path].concat(), query)?,
            false => self.stand_at(path, query)?,
        }
        if let Some(current) = &mut self.current {
            current.lacks_slash = lacks_slash;
        }
        Ok(())
    }

    /// Notes what the present path was made of.
    pub(super) fn set_writing(&mut self, writing: Writing) {
        if let Some(current) = &mut self.current {
            current.writing = writing;
        }
    }

    /// What it was made of.
    pub(super) fn writing(&self) -> Writing {
        self.current.as_ref().map_or(Writing::Decoded, |current| current.writing)
    }

    /// The present path as it is told: without a `/` that is none of its own.
    pub(super) fn told_path<'e>(&'e self, request: &'e Parts) -> Cow<'e, [u8]> {
        match &self.current {
            Some(current) if current.lacks_slash => Cow::Borrowed(current.path.get(1..).unwrap_or_default()),
            _ => self.current_path(request),
        }
    }

    /// Takes what a regex captured.
    pub(super) fn set_captures(&mut self, captures: Captures, of: Writing) {
        (self.captures, self.captured_of) = (captures, of);
    }

    /// Leaves the present location for another.
    pub(super) fn take_turn(&mut self) -> Result<(), Failure> {
        // An `on-error` belongs to the settings that are left; what comes after it has none of its own.
        self.recovered |= self.recovering.take().is_some();
        self.upgrade = false;
        self.does_otherwise = false;
        self.turns += 1;
        if self.turns > MOST_TURNS { Err(Failure::RewriteLoop) } else { Ok(()) }
    }

    /// Notes the location that takes the request.
    pub(super) fn take_place(&mut self, found: Match) {
        self.server = Some(found.server);
        self.location = Some(found.location);
        self.found_at = Some(found.location);
        self.first_location.get_or_insert(found.location);
        if found.captures.is_empty() {
            return;
        }
        let table = self.table.clone();
        let location =
            table.servers.get(found.server.0).and_then(|server| server.locations.get(found.location.0));
        for pattern in location.map(|location| location.patterns.as_slice()).unwrap_or_default() {
            if let Pattern::Regex(regex) = pattern {
                self.name_captures(regex, &found.captures);
            }
        }
        self.set_captures(found.captures, self.writing());
    }
}

/// What a path that leads nowhere is answered.
pub(super) const BAD_PATH: Failure = Failure::BadRequest("the path climbs above `/`, has a NUL, or is none");

//! What one exchange remembers, from its head to its line in the log.

use super::arrival::{Arrival, Connections, Public};
use super::attempts::Earlier;
use super::coding::Coding;
use super::failure::Failure;
use super::fill::Writing;
use super::goal::Filled;
use super::guarded::Learnt;
use super::limited::{LimitVerdict, Limited};
use super::portion::Portion;
use super::reached::Reached;
use super::refused::RefusedHead;
use super::search::Current;
use super::steer::Steered;
use super::substitute::Substitution;
use super::trailers::Awaited;
use crate::gate::Place;
use crate::temporary::Temporary;
use crate::trace::Part;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vordr_rules::table::{
    Action, AnswerStatus, Captures, Keepalive, Location, LocationId, Pace, Proxy, Server, ServerId, Settings,
    Table,
};

/// What is known of an answer once it is over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    /// Its bytes, its head among them.
    pub bytes: u64,
    /// Whether it was sent to its end.
    pub whole: bool,
}

/// A failure that an `on-error` took the place of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instead {
    /// The failure's status.
    pub status: StatusCode,
    /// What the answer's is.
    pub answer: AnswerStatus,
    /// Whether a further failure is replaced too.
    pub again: bool,
}

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// The rules that hold for all of it, whatever is loaded meanwhile.
    pub table: Arc<Table>,
    /// How it came.
    pub arrival: Arrival,
    /// Who asks, as far as it is believed.
    pub public: Public,
    /// How many connections there were when it came, where the rules ask for that.
    pub connections: Option<Connections>,
    /// What the log, the upstream and an error's page call it.
    pub request_id: HeaderValue,
    /// Its server, once one is found.
    pub server: Option<ServerId>,
    /// Its location, once one is found.
    pub location: Option<LocationId>,
    /// The one that took it at first: the route by which logs and metrics know it.
    pub first_location: Option<LocationId>,
    /// The one that took its path last: `{rest}` is what stands behind its prefix.
    pub(super) found_at: Option<LocationId>,
    /// What the regex that matched last captured.
    pub captures: Captures,
    /// What they were captured of.
    pub(super) captured_of: Writing,
    /// The path and query that it is served by, where they are not those that came.
    pub current: Option<Box<Current>>,
    /// How often another location was looked for.
    pub(super) turns: u8,
    /// A search led to its location, and not its client.
    pub(super) is_inside: bool,
    /// A step put another path in the place of its own, in the location that it was in: no part of it is the
    /// location's prefix.
    pub(super) has_strayed: bool,
    /// A `limit` has counted it, or refused it.
    pub(crate) is_rated: bool,
    /// A `concurrent` has, and no further one does.
    pub(crate) is_counted: bool,
    /// The variables that are its own, by name: they come before those that a `map` makes.
    pub(super) variables: Vec<(String, Vec<u8>)>,
    /// The status of the answer, once it is known.
    pub(super) status: Option<StatusCode>,
    /// Nothing is answered, which has this status in the log.
    silence: Option<StatusCode>,
    /// What is remembered of the upstream's answer.
    pub(super) upstream_headers: HeaderMap,
    /// It asks for a WebSocket that may be forwarded.
    pub upgrade: bool,
    /// The answer is an event stream.
    pub event_stream: bool,
    /// How the answer's body is packed on its way.
    pub packing: Option<Coding>,
    /// Looks through the answer's body on its way.
    pub(crate) substitution: Option<Box<Substitution>>,
    /// What its trailers are made of once its body is over, where there are to be some.
    pub(super) trailers: Option<Box<Awaited>>,
    /// How fast its answer goes, where that is its own.
    pub(super) own_pace: Option<Pace>,
    /// How many bytes a second the upstream says; 0 is as many as can be.
    pub(super) told_rate: Option<u64>,
    /// What of the upstream's body is passed on, where it is not all of it.
    pub(crate) portion: Option<Box<Portion>>,
    /// Bytes of the request's body that have come.
    pub bytes_in: u64,
    /// Bytes of the answer's body that have left.
    pub bytes_out: u64,
    /// Bytes of the answer's body before they were packed.
    pub bytes_unpacked: u64,
    /// Bytes of the upstream's body.
    pub bytes_of_upstream: u64,
    /// What is known of the answer once it is over; nothing before.
    pub sent: Sent,
    /// When the answer's head came or was made.
    pub first_byte: Option<Instant>,
    /// How long its body is, where it came in chunks and has been read whole.
    pub payload: Option<u64>,
    /// What is sent in the place of its body.
    pub own_body: Option<Bytes>,
    /// Who is asked next is asked without it: it has gone to another, and no more than its beginning was kept.
    pub body_is_gone: bool,
    /// What the upstream is asked by in the place of its method.
    pub own_method: Option<Method>,
    /// The client was told to send the body that it waits with.
    pub has_bidden: bool,
    /// The file that its body was put into; what has gone of it, where the rules ask for that.
    pub(crate) body_file: Option<Temporary>,
    pub(super) kept_body: Option<Vec<u8>>,
    /// Where it goes, where it says so itself.
    pub(crate) filled: Option<Box<Filled>>,
    /// The upstream that was reached last.
    pub reached: Option<Reached>,
    /// The attempts before the present one.
    pub(super) earlier: Vec<Earlier>,
    /// Attempts beyond the first.
    pub retries: u32,
    /// Those of them that `retry` asked for.
    pub retried: u32,
    /// When a server was chosen first.
    pub first_tried: Option<Instant>,
    /// In how many seconds it may be asked again: a server may be up, or `limit` let it through.
    pub retry_after: Option<u64>,
    /// Which of its limits refused it.
    pub refused_by: usize,
    /// The addresses that could not be reached, with the reason.
    pub unreached: Vec<(String, String)>,
    /// The `on-error` of the settings that is in force, by its index.
    pub recovering: Option<usize>,
    /// An `on-error` led to its location.
    pub(super) recovered: bool,
    /// What the last `on-error` took the place of, and what it says of the answer's status.
    pub(super) instead_of: Option<Instead>,
    /// A page is read in the place of what was to be done: whoever is asked for it sees a GET.
    pub asks_anew: bool,
    /// An upstream led to its location.
    pub(super) steered: Option<Box<Steered>>,
    /// Which credentials were asked for, and are still.
    pub(super) challenges: Vec<HeaderValue>,
    /// Where a redirect led that something else stands in for.
    pub(super) destination: Option<HeaderValue>,
    /// Where no file is, and something else is done: `files … { else { … }; }`.
    pub(super) does_otherwise: bool,
    /// It goes on behind its answer.
    pub(super) is_afterwards: bool,
    /// It is a question of another exchange's, and nobody keeps it out.
    pub(super) is_question: bool,
    /// What the limit says that refused it.
    pub(crate) limited: Option<Box<Limited>>,
    /// What `limit` made of it, where there is one.
    pub(crate) rate_verdict: Option<LimitVerdict>,
    /// What `concurrent` made of it, where there is one.
    pub(crate) concurrent_verdict: Option<LimitVerdict>,
    /// What its credentials told.
    pub learnt: Learnt,
    /// Its places among the requests under way that `concurrent` counts.
    pub(crate) places: Vec<Place>,
    /// What was refused, where there is no request but the head of one.
    pub(super) refused: Option<Box<RefusedHead>>,
    /// What went wrong, where something did.
    pub failure: Option<Failure>,
    /// What went wrong before something else went on in its place, in full.
    pub(super) failed_first: Option<Box<(Failure, String)>>,
    /// Where that was, until it is told of.
    pub(crate) failed_in: Option<LocationId>,
    /// Whether a CORS preflight was granted, where this was one.
    pub preflight: Option<bool>,
    /// What it has to do with traces.
    pub(crate) trace: Part,
}

impl Exchange {
    /// Begins one; the rest is learnt by [`Exchange::admit`].
    pub fn begin(table: Arc<Table>, arrival: Arrival) -> Self {
        let client = arrival.peer.clone();
        let client_port = arrival.ends.map(|(peer, _)| peer.port());
        Self {
            public: Public {
                client,
                client_port,
                scheme: if arrival.tls.is_some() { "https" } else { "http" },
                host: HeaderValue::from_static(""),
                port: arrival.local_port,
                through_trusted: false,
                is_told: false,
            },
            server: None,
            table,
            arrival,
            connections: None,
            request_id: HeaderValue::from_static("-"),
            location: None,
            first_location: None,
            found_at: None,
            captures: Captures::default(),
            captured_of: Writing::Decoded,
            current: None,
            turns: 0,
            is_inside: false,
            has_strayed: false,
            is_rated: false,
            is_counted: false,
            variables: Vec::new(),
            status: None,
            silence: None,
            upstream_headers: HeaderMap::new(),
            upgrade: false,
            event_stream: false,
            packing: None,
            substitution: None,
            trailers: None,
            own_pace: None,
            told_rate: None,
            portion: None,
            bytes_in: 0,
            bytes_out: 0,
            bytes_unpacked: 0,
            bytes_of_upstream: 0,
            sent: Sent::default(),
            first_byte: None,
            payload: None,
            own_body: None,
            body_is_gone: false,
            own_method: None,
            has_bidden: false,
            body_file: None,
            kept_body: None,
            filled: None,
            reached: None,
            earlier: Vec::new(),
            retries: 0,
            retried: 0,
            first_tried: None,
            retry_after: None,
            refused_by: 0,
            unreached: Vec::new(),
            recovering: None,
            recovered: false,
            instead_of: None,
            asks_anew: false,
            steered: None,
            challenges: Vec::new(),
            destination: None,
            does_otherwise: false,
            is_afterwards: false,
            is_question: false,
            limited: None,
            rate_verdict: None,
            concurrent_verdict: None,
            learnt: Learnt::default(),
            places: Vec::new(),
            refused: None,
            failure: None,
            failed_first: None,
            failed_in: None,
            preflight: None,
            trace: Part::default(),
        }
    }

    /// Its server.
    pub fn server(&self) -> Option<&Server> {
        self.table.servers.get(self.server?.0)
    }

    /// Its location.
    pub fn location(&self) -> Option<&Location> {
        self.server()?.locations.get(self.location?.0)
    }

    /// The route by which logs and metrics know it: the location that took it at first.
    pub fn route(&self) -> Option<&Location> {
        self.server()?.locations.get(self.first_location?.0)
    }

    /// Whether what is done now is done in the place of a failure.
    pub(crate) fn is_instead(&self) -> bool {
        self.recovering.is_some() || self.recovered
    }

    /// The settings that hold: the location's, or what its server says where no location takes the request.
    pub fn settings(&self) -> Option<&Settings> {
        self.location().map(|location| &location.settings).or_else(|| Some(self.server()?.first_settings()))
    }

    /// How long the client's connection is kept behind the answer.
    pub(crate) fn keepalive(&self) -> Keepalive {
        self.settings().map_or(self.table.process.limits.keepalive, |settings| settings.keepalive)
    }

    /// What `Keep-Alive` says to a client whose connection is kept, where it says anything.
    pub(crate) fn keep_alive_told(&self) -> Option<HeaderValue> {
        let told = self.keepalive().told.filter(|_| !self.arrival.http2)?;
        HeaderValue::try_from(format!("timeout={}", told.as_secs())).ok()
    }

    /// The action in force: an `on-error`'s, or the location's own.
    pub fn action(&self) -> Option<&Action> {
        let action = match self.recovering {
            Some(index) => self.settings()?.on_error.get(index).map(|on_error| &on_error.action),
            None => self.location().map(|location| &location.action),
        };
        match action {
            Some(Action::Files(files)) if self.does_otherwise => files.otherwise.as_deref(),
            action => action,
        }
    }

    /// The action in force, where it is `proxy`.
    pub fn proxy(&self) -> Option<&Proxy> {
        match self.action()? {
            Action::Proxy(proxy) => Some(proxy),
            _ => None,
        }
    }

    /// Whose certificate the client showed, where it did.
    pub fn client_subject(&self) -> Option<&HeaderValue> {
        self.arrival.tls.as_ref()?.subject.as_ref()
    }

    /// The limit on the upstream's silence that holds now, and the failure that it ends in.
    pub fn silence_limit(&self, tunnel: bool) -> Option<Duration> {
        let settings = self.settings()?;
        match tunnel || self.event_stream {
            true => settings.websocket.idle,
            false => settings.timeouts.read,
        }
    }

    /// What it means that the limit on silence ran out.
    pub fn silence(&self, tunnel: bool) -> Failure {
        match tunnel || self.event_stream {
            true => Failure::Idle,
            false => Failure::ReadTimeout,
        }
    }

    /// Notes how it ended: the status that its client got, or what stands for that, and what was sent, of which `head` is
    /// the head. Of an answer that was cut, part of the body may have waited for its client in vain.
    pub(crate) fn over(&mut self, status: u16, sent: Sent, head: u64) {
        self.status = StatusCode::from_u16(status).ok();
        self.sent = sent;
        if !sent.whole {
            self.bytes_out = self.bytes_out.min(sent.bytes.saturating_sub(head));
        }
    }

    /// Notes that the connection is closed without an answer, which has this status in the log.
    pub(crate) fn fall_silent(&mut self, status: StatusCode) {
        self.silence = Some(status);
    }

    /// The status in the log where nothing is answered.
    pub(crate) fn silence_as(&self) -> Option<StatusCode> {
        self.silence
    }

    /// Counts a part of the request's body, and holds it against `body-limit`.
    pub fn received(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes_in = self.bytes_in.saturating_add(bytes as u64);
        let limit = self.settings().and_then(|settings| settings.body_limit);
        match limit.is_some_and(|limit| self.bytes_in > limit) {
            true => Err(Failure::BodyLimit),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

//! What an exchange remembers for its spans while it is under way.

use super::parent::{TRACEPARENT, TRACESTATE, traceparent};
use crate::exchange::{Endpoint, Exchange, Failure, Headers, Reached};
use opentelemetry::trace::{SpanId, TraceId, TraceState};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// How many attempts have a span.
const MOST_ATTEMPTS: usize = 16;

/// What an exchange has to do with traces.
#[derive(Debug, Default)]
pub(crate) enum Part {
    /// Nothing: what it came with is passed on as it is.
    #[default]
    None,
    /// It has no spans, and whose it says it is is not believed: the upstream is not told either.
    Hidden,
    /// It has spans.
    Recorded(Box<Recording>),
}

/// The spans of one exchange, as far as they have come.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The trace that it is a part of.
    pub trace: TraceId,
    /// Its own span.
    pub(super) span: SpanId,
    /// The span that it was sent from, where it came with one.
    pub(super) parent: Option<SpanId>,
    /// What other systems keep with the trace.
    pub(super) state: TraceState,
    /// An instant, as both clocks have it.
    pub(super) clocks: (Instant, SystemTime),
    pub(super) attempts: Vec<Attempt>,
}

/// One attempt to have it answered by an upstream.
#[derive(Debug)]
pub(super) struct Attempt {
    pub span: SpanId,
    pub began: Instant,
    /// `None` while it is under way, and where it ended with the exchange.
    pub ended: Option<Instant>,
    pub endpoint: Arc<Endpoint>,
    pub tls: bool,
    /// Where the server's name led to.
    pub address: Option<SocketAddr>,
    /// Path and query, as the upstream sees them.
    pub target: Option<String>,
    pub status: Option<u16>,
    /// Why it was given up.
    pub error: Option<Cow<'static, str>>,
}

impl Part {
    /// Its recording, where it has one.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        match self {
            Self::Recorded(recording) => Some(recording),
            Self::None | Self::Hidden => None,
        }
    }

    /// Tells whoever the request is passed on to: the present attempt is the parent, or else the exchange.
    pub(crate) fn tell(&self, message: &mut impl Headers) {
        match self {
            Self::None => {}
            Self::Hidden => {
                message.remove(&TRACEPARENT);
                message.remove(&TRACESTATE);
            }
            Self::Recorded(recording) => recording.tell(message),
        }
    }
}

impl Recording {
    pub(super) fn begin(trace: TraceId, parent: Option<SpanId>, state: TraceState) -> Self {
        Self {
            trace,
            span: new_span(),
            parent,
            state,
            clocks: (Instant::now(), SystemTime::now()),
            attempts: Vec::new(),
        }
    }

    fn tell(&self, message: &mut impl Headers) {
        let span = self.attempts.last().filter(|attempt| attempt.ended.is_none());
        message.set(&TRACEPARENT, traceparent(self.trace, span.map_or(self.span, |attempt| attempt.span)));
        if self.parent.is_none() {
            // It belonged to a trace that cannot be read, or to none.
            message.remove(&TRACESTATE);
        }
    }

    /// An instant as the calendar has it.
    pub(super) fn time(&self, instant: Instant) -> SystemTime {
        let (known, time) = self.clocks;
        match instant.checked_duration_since(known) {
            Some(later) => time + later,
            None => time - known.duration_since(instant),
        }
    }

    /// A server is about to be asked.
    fn attempt(&mut self, reached: &Reached) {
        // The connection that was chosen first turned out to be one too many: nothing has been asked on it.
        if self.present().is_some() {
            return;
        }
        if self.attempts.len() >= MOST_ATTEMPTS {
            // The present one is always told of.
            self.attempts.pop();
        }
        self.attempts.push(Attempt {
            span: new_span(),
            began: Instant::now(),
            ended: None,
            endpoint: reached.endpoint.clone(),
            tls: reached.tls,
            address: None,
            target: None,
            status: None,
            error: None,
        });
    }

    fn present(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut().filter(|attempt| attempt.ended.is_none())
    }
}

impl Exchange {
    /// A server has been chosen and is about to be asked.
    pub(crate) fn attempt_begins(&mut self) {
        if let (Part::Recorded(recording), Some(reached)) = (&mut self.trace, &self.reached) {
            recording.attempt(reached);
        }
    }

    /// The server is asked at this address.
    pub(crate) fn attempt_goes_to(&mut self, address: Option<SocketAddr>) {
        if let Some(attempt) = self.present_attempt() {
            attempt.address = address;
        }
    }

    /// The server is asked for this.
    pub(crate) fn attempt_asks(&mut self, target: impl FnOnce() -> String) {
        if let Some(attempt) = self.present_attempt() {
            attempt.target = Some(target());
        }
    }

    /// The server has answered.
    pub(crate) fn attempt_answered(&mut self, status: u16) {
        if let Some(attempt) = self.present_attempt() {
            attempt.status = Some(status);
        }
    }

    /// The attempt has failed, whatever comes of it.
    pub(crate) fn attempt_failed(&mut self, failure: &Failure) {
        if let Some(attempt) = self.present_attempt() {
            attempt.error = Some(error_type(failure));
            attempt.ended = Some(Instant::now());
        }
    }

    fn present_attempt(&mut self) -> Option<&mut Attempt> {
        match &mut self.trace {
            Part::Recorded(recording) => recording.present(),
            Part::None | Part::Hidden => None,
        }
    }
}

/// A failure as `error.type` names it: an answer by its status, anything else as logs and metrics do.
pub(super) fn error_type(failure: &Failure) -> Cow<'static, str> {
    match failure {
        Failure::Status(status) => status.as_u16().to_string().into(),
        failure => failure.reason().into(),
    }
}

/// Zero is no span (W3C Trace Context, section 3.2.2.4).
fn new_span() -> SpanId {
    SpanId::from(fastrand::u64(1..))
}

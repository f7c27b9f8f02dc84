//! What goes along with an exchange from hook to hook.

use super::reaching::Journey;
use crate::connection::Link;
use crate::exchange::{Admission, Exchange, Failure, Packer};
use crate::generation::Generation;
use crate::observe::{InFlight, InUse, Record};
use crate::storing::Storing;
use crate::upstream::Line;
use crate::websocket::Tunnel;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::Instant;

/// What Pingora carries along for one exchange.
#[derive(Default)]
pub(crate) struct Passage {
    /// Set by the first hook; absent only if that hook never ran.
    /// Boxed, as Pingora moves it about.
    pub(super) under_way: Option<Box<UnderWay>>,
}

/// An exchange with its connection.
pub(super) struct UnderWay {
    pub link: Arc<Link>,
    /// The rules that hold for it.
    pub generation: Arc<Generation>,
    pub exchange: Exchange,
    /// Its way to an upstream.
    pub journey: Journey,
    /// Counts the connection to the upstream as in use.
    pub in_use: Option<InUse>,
    /// The connection to the upstream, if it may be kept: until the answer has come to its end.
    pub line: Option<Arc<Line>>,
    /// Its route's series, from the moment it has a route.
    pub in_flight: Option<InFlight>,
    /// Its body has been waited for.
    pub is_gathered: bool,
    /// A failure led it to where its body may be asked for, or waited for.
    pub is_led_on: bool,
    /// The answer is a WebSocket.
    pub tunnel: Option<Box<Tunnel>>,
    /// Packs the upstream's answer.
    pub packer: Option<Box<Packer>>,
    /// Keeps the upstream's answer.
    pub storing: Option<Storing>,
    /// The whole answer has come, and is passed on.
    pub is_out: bool,
    /// How long Pingora kept the client's connection for before an interim answer.
    pub kept: Option<u64>,
    /// What a failure led to, and is yet to be done.
    pub due: Option<(Admission, Failure)>,
}

impl UnderWay {
    /// An exchange of which only the head is known.
    pub(super) fn begin(link: Arc<Link>, generation: Arc<Generation>, exchange: Exchange) -> Self {
        Self {
            link,
            generation,
            exchange,
            journey: Journey::default(),
            in_use: None,
            line: None,
            in_flight: None,
            is_gathered: false,
            is_led_on: false,
            tunnel: None,
            packer: None,
            storing: None,
            is_out: false,
            kept: None,
            due: None,
        }
    }

    /// What is told of the exchange once it has ended.
    pub(super) fn record<'r>(&'r self, session: &'r Session, status: u16, ended: Instant) -> Record<'r> {
        Record {
            exchange: &self.exchange,
            request: session.req_header(),
            answer: session.response_written().map(|response| &response.headers),
            status,
            ended,
            tunnel: self.tunnel.as_deref(),
        }
    }
}

impl Passage {
    /// The exchange under way; an error that cannot happen is still answered.
    pub(super) fn get(&mut self) -> Result<&mut UnderWay> {
        self.under_way
            .as_deref_mut()
            .ok_or_else(|| Error::explain(ErrorType::InternalError, "no exchange is under way"))
    }
}

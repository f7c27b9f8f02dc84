//! What became of each attempt to have a request answered by an upstream, as logs and headers tell it.

use super::context::Exchange;
use super::failure::Failure;
use super::reached::Reached;
use super::told::{seconds, text};
use bytes::Bytes;
use http::header::SET_COOKIE;
use std::time::{Duration, Instant};
use vordr_rules::placeholder::Placeholder;

/// How many attempts are told of.
const MOST: usize = 16;

/// An attempt that another one came after.
#[derive(Debug)]
pub(super) struct Earlier {
    told: Told,
    /// The next one went to where an `on-error` led.
    elsewhere: bool,
}

/// What is told of one attempt.
#[derive(Debug)]
struct Told {
    address: String,
    status: Option<u16>,
    connect: Option<Duration>,
    first_byte: Option<Duration>,
    duration: Duration,
    /// Bytes of its answer's body.
    length: u64,
    /// Bytes of its request and of its answer, their heads among them.
    weights: (u64, u64),
}

impl Exchange {
    /// The present attempt has failed, and another is made.
    pub(crate) fn leave_attempt(&mut self, failure: &Failure) {
        let Some(reached) = self.reached.as_mut().filter(|reached| reached.attempt.is_some()) else { return };
        let status = reached.status.unwrap_or(failure.status().as_u16());
        let bodies =
            (sent_of(self.own_body.as_ref(), self.bytes_in), std::mem::take(&mut self.bytes_of_upstream));
        let told = Told::of(reached, Some(status), bodies);
        reached.heads = (0, 0);
        reached.attempt = None;
        (reached.connect, reached.reused) = (None, false);
        (reached.status, reached.answered, reached.over) = (None, None, None);
        if self.earlier.len() < MOST {
            self.earlier.push(Earlier { told, elsewhere: false });
        }
    }

    /// An `on-error` led the request to another pool.
    pub(crate) fn leaves_the_pool(&mut self) {
        if let Some(last) = self.earlier.last_mut() {
            last.elsewhere = true;
        }
    }

    /// Nothing before there is an answer, as the upstream's server may still be another one. Attempts are told one after
    /// another, as nginx does.
    pub(super) fn told_of_upstream(&self, placeholder: &Placeholder) -> Option<Vec<u8>> {
        if let Placeholder::UpstreamCookie(name) = placeholder {
            return self.upstream_cookie(name);
        }
        let own = teller(placeholder)?;
        self.status?;
        let is_only = self.earlier.is_empty() && !self.is_afterwards;
        let present = self.reached.as_ref().filter(|reached| is_only || reached.attempt.is_some());
        let present = present.map(|reached| {
            let status = reached.status.or_else(|| self.status.map(|status| status.as_u16()));
            let sent = sent_of(self.own_body.as_ref(), self.bytes_in);
            Told::of(reached, status, (sent, self.bytes_of_upstream))
        });
        if self.earlier.is_empty() {
            return own(&present?);
        }
        let earlier = self.earlier.iter().map(|earlier| (&earlier.told, earlier.elsewhere));
        let mut all = Vec::new();
        let mut between: &[u8] = b"";
        for (told, elsewhere) in earlier.chain(present.iter().map(|present| (present, false))) {
            all.extend_from_slice(between);
            all.extend(own(told).unwrap_or_else(|| b"-".to_vec()));
            between = if elsewhere { b" : " } else { b", " };
        }
        Some(all)
    }

    fn upstream_cookie(&self, name: &str) -> Option<Vec<u8>> {
        let set = self.upstream_headers.get_all(SET_COOKIE).iter();
        let mut set = set.filter_map(|line| line.to_str().ok()?.split(';').next()?.split_once('='));
        let is_its = |known: &str| known.trim_end_matches(' ').eq_ignore_ascii_case(name);
        set.find(|(known, _)| is_its(known)).map(|(_, value)| value.trim_start_matches(' ').into())
    }
}

/// Tells one thing of an attempt, where it is known.
type Teller = fn(&Told) -> Option<Vec<u8>>;

/// What a placeholder tells of an attempt; `None` where it tells of something else.
fn teller(placeholder: &Placeholder) -> Option<Teller> {
    Some(match placeholder {
        Placeholder::UpstreamAddress => |told| Some(told.address.clone().into()),
        Placeholder::UpstreamStatus => |told| told.status.map(text),
        Placeholder::UpstreamDuration => |told| Some(seconds(told.duration)),
        Placeholder::UpstreamLength => |told| Some(text(told.length)),
        Placeholder::UpstreamSent => |told| Some(text(told.weights.0)),
        Placeholder::UpstreamReceived => |told| Some(text(told.weights.1)),
        Placeholder::UpstreamConnect => |told| told.connect.map(seconds),
        Placeholder::UpstreamFirstByte => |told| told.first_byte.map(seconds),
        _ => return None,
    })
}

/// Bytes of the body that went to the upstream: of one of the rules' own, or of what has come of the request's.
fn sent_of(own: Option<&Bytes>, came: u64) -> u64 {
    own.map_or(came, |own| own.len() as u64)
}

impl Told {
    /// `bodies` are the bytes of the request's and of the answer's.
    fn of(reached: &Reached, status: Option<u16>, (sent, length): (u64, u64)) -> Self {
        let (begun, address) = reached.attempt.unwrap_or((reached.chosen, None));
        let since = |moment: Instant| moment.saturating_duration_since(begun);
        Self {
            address: address.map_or_else(|| reached.endpoint.peer.clone(), |address| address.to_string()),
            status,
            connect: reached.connect.or_else(|| reached.reused.then_some(Duration::ZERO)),
            first_byte: reached.answered.map(since),
            duration: since(reached.over.unwrap_or_else(Instant::now)),
            length,
            // Where nothing was sent, no part of the body was.
            weights: (if reached.heads.0 > 0 { reached.heads.0 + sent } else { 0 }, reached.heads.1 + length),
        }
    }
}

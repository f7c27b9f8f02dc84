//! Failures on their way through Pingora: named, tried again where that is safe, and answered.

use super::gateway::{Passage, UnderWay};
use super::reply;
use crate::exchange::{Exchange, Failure};
use crate::shared::Shared;
use crate::upstream::classify;
use pingora_core::{Error, ErrorType};
use pingora_proxy::Session;

/// How many attempts an exchange has in all.
const MOST_ATTEMPTS: u32 = 8;

/// A failure that vordr found, as the error that carries it through Pingora; [`failure_of`] gives it back.
pub(super) fn error(failure: &Failure) -> Box<Error> {
    let mut error = Error::because(ErrorType::Custom("vordr"), failure.reason(), Carried(failure.clone()));
    error.set_retry(false);
    error
}

/// A failure inside of one of Pingora's errors.
#[derive(Debug)]
struct Carried(Failure);

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.reason())
    }
}

impl std::error::Error for Carried {}

/// What an error means for this exchange.
fn failure_of(error: &Error, under_way: &UnderWay) -> Failure {
    if let Some(carried) = carried(error) {
        return carried.clone();
    }
    if under_way.link.was_cut() {
        return Failure::Shutdown;
    }
    if let Some(failure) = under_way.link.body_failure() {
        return failure;
    }
    if under_way.link.gave_up() {
        return under_way.exchange.silence(under_way.tunnel.is_some());
    }
    classify(error)
}

fn carried(error: &Error) -> Option<&Failure> {
    let cause = error.cause.as_deref()?;
    if let Some(Carried(failure)) = cause.downcast_ref() {
        return Some(failure);
    }
    cause.downcast_ref::<Box<Error>>().and_then(|inner| carried(inner))
}

/// Nothing has been sent: another address of the same server, or another upstream, may be tried.
pub(super) fn failed_to_connect(
    shared: &Shared,
    session: &Session,
    passage: &mut Passage,
    mut error: Box<Error>,
) -> Box<Error> {
    error.as_up();
    let retry = passage.under_way.as_mut().is_some_and(|under_way| {
        let failure = failure_of(&error, under_way);
        // A server that was reached and failed its handshake is not found anywhere else.
        let unreached = matches!(failure, Failure::Refused | Failure::ConnectTimeout);
        let addresses =
            under_way.target.as_ref().map(|target| target.addresses.as_slice()).unwrap_or_default();
        if let Some(address) = addresses.get(under_way.address) {
            under_way.exchange.unreached.push((*address, failure.reason()));
        }
        let another = under_way.address + 1 < addresses.len();
        if unreached && another && under_way.exchange.retries < MOST_ATTEMPTS {
            under_way.address += 1;
            shared.observer.retried(&under_way.exchange, &failure);
            under_way.exchange.retries += 1;
            return true;
        }
        falls_back(shared, session, under_way, &failure)
    });
    error.set_retry(retry);
    error
}

/// Something may have been sent: only what can do no harm is tried again.
pub(super) fn failed_while_proxying(
    shared: &Shared,
    session: &Session,
    passage: &mut Passage,
    mut error: Box<Error>,
    reused: bool,
) -> Box<Error> {
    error.set_retry(false);
    let Some(under_way) = passage.under_way.as_mut() else { return error };
    let failure = failure_of(&error, under_way);
    under_way.exchange.failure_seen(&failure);
    let sendable = !session.as_ref().retry_buffer_truncated() && session.response_written().is_none();
    // A kept connection may close just as it is used again; the server has not acted on what it never read.
    let closed_under_us = reused && sendable && matches!(failure, Failure::EarlyClose | Failure::Reset);
    if closed_under_us && under_way.exchange.retries == 0 && nothing_was_answered(&under_way.exchange) {
        shared.observer.retried(&under_way.exchange, &failure);
        under_way.exchange.retries += 1;
        error.set_retry(true);
    } else if sendable {
        error.set_retry(falls_back(shared, session, under_way, &failure));
    }
    if error.retry() {
        under_way.in_use = None;
        // The next attempt has a patience of its own.
        under_way.link.watch(None);
    }
    error
}

fn nothing_was_answered(exchange: &Exchange) -> bool {
    exchange.reached.as_ref().is_some_and(|reached| reached.status.is_none())
}

/// `on-error … { proxy … }`: the next attempt goes elsewhere.
fn falls_back(shared: &Shared, _session: &Session, under_way: &mut UnderWay, failure: &Failure) -> bool {
    let before = under_way.exchange.reached.clone();
    if !under_way.exchange.falls_back(failure) {
        return false;
    }
    under_way.exchange.reached = before;
    shared.observer.retried(&under_way.exchange, failure);
    under_way.exchange.retries += 1;
    under_way.target = None;
    true
}

/// Answers a failure that was not mended; the status that was sent, or 0 where nothing could be.
pub(super) async fn answer(session: &mut Session, error: &Error, passage: &mut Passage) -> u16 {
    let Some(under_way) = passage.under_way.as_mut() else { return 0 };
    let failure = failure_of(error, under_way);
    under_way.link.watch(None);
    if session.response_written().is_some_and(|response| !response.status.is_informational())
        || under_way.tunnel.is_some()
    {
        under_way.exchange.note(failure);
        return 0;
    }
    if failure == Failure::ClientGone {
        under_way.exchange.note(failure);
        return 0;
    }
    session.set_keepalive(None);
    let answer = under_way.exchange.recover(&failure, session.req_header());
    let status = answer.status.as_u16();
    // The client may be gone by now, which the log line's failure does not have to tell.
    let _ = reply::write(session, &mut under_way.exchange, *answer).await;
    status
}

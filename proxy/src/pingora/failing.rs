//! Failures on their way through Pingora: named, tried again where that is safe, and answered.

use super::reaching::Journey;
use super::under_way::{Passage, UnderWay};
use super::{files, guarding, reply};
use crate::exchange::{Admission, Attempt, Exchange, Failure, Party};
use crate::shared::Shared;
use crate::upstream::{classify, was_refused};
use http::request::Parts;
use http::{Method, StatusCode};
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::Session;
use std::time::Duration;

/// How many attempts an exchange has in all.
const MOST_ATTEMPTS: u32 = 8;
/// A kept connection that closes within this was closed already when the request came.
const JUST_NOW: Duration = Duration::from_secs(2);
/// A connection that is one too many for `keepalive`.
const SURPLUS: ErrorType = ErrorType::Custom("surplus");

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

/// The connection that Pingora took is about to be closed, and another will do: nothing has failed.
pub(super) fn surplus() -> Box<Error> {
    Error::new(SURPLUS)
}

/// What an error means for this exchange.
fn failure_of(error: &Error, under_way: &UnderWay) -> Failure {
    if let Some(carried) = carried(error) {
        return carried.clone();
    }
    if under_way.link.was_cut() {
        return Failure::Shutdown;
    }
    if let Some(failure) = under_way.link.client_failure() {
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

/// Nothing has been sent: another address, another server, or another upstream may be tried.
pub(super) fn failed_to_connect(
    shared: &Shared,
    session: &Session,
    passage: &mut Passage,
    mut error: Box<Error>,
) -> Box<Error> {
    error.as_up();
    let retry = passage.under_way.as_mut().is_some_and(|under_way| {
        let failure = failure_of(&error, under_way);
        goes_on_unsent(shared, session, under_way, &failure)
    });
    error.set_retry(retry);
    error
}

/// Whether an exchange goes on after a server could not be connected to.
pub(super) fn goes_on_unsent(
    shared: &Shared,
    session: &Session,
    under_way: &mut UnderWay,
    failure: &Failure,
) -> bool {
    let UnderWay { generation, exchange, journey, .. } = under_way;
    let Some(target) = journey.target.take().filter(|_| failure.party() == Party::Upstream) else {
        return false;
    };
    let member = target.member().clone();
    exchange.could_not_reach(member.name(), failure.reason());
    // A server that was reached and failed its handshake is not found anywhere else.
    let unreached = matches!(failure, Failure::Refused | Failure::ConnectTimeout);
    if unreached && target.has_other_family() && exchange.retries < MOST_ATTEMPTS {
        target.forget_address();
        journey.target = Some(target);
        return counted(shared, session.req_header(), exchange, failure);
    }
    target.forget_address();
    generation.upstreams.failed(exchange, &target, failure, &shared.observer);
    drop(target);
    journey.tried.push(member.clone());
    let another_address =
        unreached && generation.upstreams.has_another_address(exchange, &member, &journey.tried);
    if another_address && exchange.retries < MOST_ATTEMPTS {
        return counted(shared, session.req_header(), exchange, failure);
    }
    if retries(session, under_way, Attempt::NotSent, failure) {
        under_way.exchange.retried += 1;
        return counted(shared, session.req_header(), &mut under_way.exchange, failure);
    }
    let UnderWay { generation, exchange, journey, .. } = under_way;
    if unreached && generation.upstreams.may_wait(exchange) {
        journey.tried.clear();
        journey.turn.refused = true;
        return counted(shared, session.req_header(), exchange, failure);
    }
    falls_back(shared, session, under_way, failure)
}

/// Something may have been sent: only what can do no harm is tried again.
pub(super) fn failed_while_proxying(
    shared: &Shared,
    session: &Session,
    passage: &mut Passage,
    mut error: Box<Error>,
    reused: bool,
) -> Box<Error> {
    error.set_retry(*error.etype() == SURPLUS);
    let Some(under_way) = passage.under_way.as_mut().filter(|_| !error.retry()) else { return error };
    if is_behind_the_answer(&error, under_way) {
        return error;
    }
    let failure = failure_of(&error, under_way);
    under_way.exchange.failure_seen(&failure);
    let is_open = !is_answered(session, under_way);
    let closed_under_us = was_refused(&error)
        || reused
            && matches!(failure, Failure::EarlyClose | Failure::Reset)
            && was_not_read(&under_way.exchange, &session.req_header().method);
    let attempt = if closed_under_us { Attempt::ReusedAndClosed } else { Attempt::Sent };
    let again = is_open
        && is_sendable(session, &under_way.exchange)
        && retries(session, under_way, attempt, &failure);
    let UnderWay { generation, exchange, journey, tunnel, .. } = &mut **under_way;
    let is_the_servers = match failure {
        // Who may not have it, or asks for what is not there, is told the same by a server that is well.
        Failure::Status(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => false,
        // An answer that is passed on, or replaced, is one all the same.
        Failure::Status(_) | Failure::Elsewhere => again,
        _ => failure.party() == Party::Upstream && !closed_under_us && tunnel.is_none(),
    };
    if let (Some(target), true) = (&journey.target, is_the_servers) {
        generation.upstreams.failed(exchange, target, &failure, &shared.observer);
    }
    if again {
        leave(under_way, closed_under_us);
        under_way.exchange.retried += 1;
        error.set_retry(counted(shared, session.req_header(), &mut under_way.exchange, &failure));
    } else if is_open {
        error.set_retry(falls_back(shared, session, under_way, &failure));
    }
    if error.retry() {
        under_way.in_use = None;
        // The next attempt has a patience of its own.
        under_way.link.watch(None);
    }
    error
}

/// Whether a request can be sent once more: what has gone of its body was kept, or is not needed.
pub(super) fn is_sendable(session: &Session, exchange: &Exchange) -> bool {
    exchange.body_is_gone || !session.as_ref().retry_buffer_truncated()
}

/// Whether an upstream's answer with this status gives way to a further attempt.
pub(super) fn retries_status(session: &Session, under_way: &mut UnderWay, status: StatusCode) -> bool {
    let is_error = status.is_client_error() || status.is_server_error();
    is_error
        && is_sendable(session, &under_way.exchange)
        && retries(session, under_way, Attempt::Sent, &Failure::Status(status))
}

/// Whether `retry` has the request tried again, and there is a server to try it at.
fn retries(session: &Session, under_way: &mut UnderWay, attempt: Attempt, failure: &Failure) -> bool {
    let UnderWay { generation, exchange, journey, .. } = under_way;
    let rules = generation.upstreams.rules(exchange);
    let method = &session.req_header().method;
    if !rules.is_some_and(|rules| exchange.may_retry(&rules.retry, attempt, failure, method)) {
        return false;
    }
    // The same server will do where it has not seen the request.
    if attempt == Attempt::ReusedAndClosed {
        return true;
    }
    let present = journey.target.as_ref().map(|target| target.member().clone());
    let added = present.map(|present| journey.tried.push(present)).is_some();
    let another = generation.upstreams.has_another(exchange, &journey.tried);
    if added {
        journey.tried.pop();
    }
    another
}

/// Gives the present server up for this exchange, unless the client is to stay with it or there is no other.
fn leave(under_way: &mut UnderWay, has_not_seen_it: bool) {
    let UnderWay { generation, exchange, journey, .. } = under_way;
    let Some(target) = journey.target.take() else { return };
    journey.tried.push(target.member().clone());
    let stays = generation.upstreams.is_sticky(exchange)
        || !generation.upstreams.has_another(exchange, &journey.tried);
    if has_not_seen_it && stays {
        journey.tried.pop();
    }
}

/// A further attempt.
fn counted(shared: &Shared, request: &Parts, exchange: &mut Exchange, failure: &Failure) -> bool {
    exchange.attempt_failed(failure);
    shared.observer.retried(exchange, request, failure);
    exchange.failed_in = None;
    exchange.leave_attempt(failure);
    exchange.retries += 1;
    true
}

/// Whether a server has not read what it was sent on a kept connection that then closed: it closed just as it was used
/// again. One that had the request for longer may have acted on it, which matters where it is not idempotent.
fn was_not_read(exchange: &Exchange, method: &Method) -> bool {
    exchange.reached.as_ref().is_some_and(|reached| {
        reached.status.is_none() && (method.is_idempotent() || reached.chosen.elapsed() < JUST_NOW)
    })
}

/// `on-error … { proxy … }`, or a location that an `on-error` leads to: whether a further attempt is made there. What is
/// answered without one is due.
pub(super) fn falls_back(
    shared: &Shared,
    session: &Session,
    under_way: &mut UnderWay,
    failure: &Failure,
) -> bool {
    let request = session.req_header();
    let before = under_way.exchange.reached.clone();
    let decided = under_way.exchange.falls_back(failure, request);
    let is_sendable = is_sendable(session, &under_way.exchange);
    let goes_on = is_sendable || under_way.exchange.needs_no_body();
    match decided {
        None => return false,
        Some(Admission::Forward) if goes_on => {}
        Some(Admission::Guarded) if goes_on => under_way.due = Some((Admission::Guarded, failure.clone())),
        Some(decided) => {
            under_way.due = Some((decided, failure.clone()));
            return false;
        }
    }
    under_way.exchange.body_is_gone |= !is_sendable;
    under_way.is_led_on = !under_way.exchange.needs_no_body();
    under_way.exchange.reached = before;
    under_way.exchange.filled = None;
    under_way.journey = Journey::default();
    // What `retry` says of one pool is not used up by another.
    (under_way.exchange.retried, under_way.exchange.first_tried) = (0, None);
    counted(shared, request, &mut under_way.exchange, failure);
    under_way.exchange.leaves_the_pool();
    true
}

/// What is answered in the place of a failure: as was decided before, or as an `on-error` says.
async fn what_is_due(
    shared: &Shared,
    session: &mut Session,
    under_way: &mut UnderWay,
    failure: &Failure,
) -> Admission {
    let due = under_way.due.take().map(|(due, _)| due);
    let due = due.or_else(|| under_way.exchange.falls_back(failure, session.req_header()));
    if let Some(due) = due {
        let decided = guarding::decided(shared, session, under_way, due).await;
        if matches!(decided, Admission::Answer(_) | Admission::Files) {
            return decided;
        }
        // No further attempt can be made any more.
    }
    under_way.exchange.recover(failure, session.req_header())
}

/// Whether an answer has begun that no other can take the place of. An interim one is none.
fn is_answered(session: &Session, under_way: &UnderWay) -> bool {
    under_way.tunnel.is_some()
        || session.response_written().is_some_and(|response| !response.status.is_informational())
}

/// Whether a client that has the whole answer has only not sent the rest of its body, which is no failure.
pub(super) fn is_behind_the_answer(error: &Error, under_way: &UnderWay) -> bool {
    let is_writing = matches!(error.etype(), ErrorType::WriteError | ErrorType::WriteTimedout);
    under_way.is_out
        && under_way.tunnel.is_none()
        && *error.esource() == ErrorSource::Downstream
        && !is_writing
}

/// Answers a failure that was not mended; the status that was sent, or 0 where nothing could be.
pub(super) async fn answer(
    shared: &Shared,
    session: &mut Session,
    error: &Error,
    passage: &mut Passage,
) -> u16 {
    let Some(under_way) = passage.under_way.as_mut() else { return 0 };
    if is_behind_the_answer(error, under_way) {
        return 0;
    }
    let failure = failure_of(error, under_way);
    under_way.link.watch(None);
    under_way.exchange.attempt_failed(&failure);
    if is_answered(session, under_way) {
        under_way.exchange.note(failure);
        return 0;
    }
    if failure == Failure::ClientGone {
        under_way.exchange.note(failure);
        return 0;
    }
    session.set_keepalive(None);
    let _ = match what_is_due(shared, session, under_way, &failure).await {
        // The client may be gone by now, which the log line's failure does not have to tell.
        Admission::Answer(answer) => reply::write(session, under_way, *answer).await,
        _ if failure == Failure::Elsewhere => files::serve_elsewhere(shared, session, under_way).await,
        _ => files::serve_instead(shared, session, under_way, &failure).await,
    };
    session.response_written().map_or(0, |response| response.status.as_u16())
}

//! An upstream's answer: taken, or given up for something else, and passed on to the client.

use super::under_way::UnderWay;
use super::{body, failing, reaching, stream, trailing, unchunked, weight};
use crate::exchange::{Exchange, Failure, settle};
use crate::shared::Shared;
use http::header::CONTENT_LENGTH;
use http::{StatusCode, Version};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::time::{Duration, Instant};

/// How long a client may be silent that has its answer and has not sent all of its body; what nginx calls lingering.
const LINGER: Duration = Duration::from_secs(5);

/// Leaves the connection open behind the answer for as long as the rules say, or has it closed.
pub(super) fn keep_or_close(session: &mut Session, under_way: &UnderWay) {
    under_way.link.rests_for(under_way.exchange.keepalive().idle);
    if !keeps_alive(session, under_way) {
        session.set_keepalive(None);
    }
}

/// Tells a client whose connection is kept for how long it is, where the rules say so.
pub(super) fn tell_how_long(
    session: &Session,
    exchange: &Exchange,
    response: &mut ResponseHeader,
) -> Result<()> {
    match exchange.keep_alive_told() {
        Some(told) if session.as_ref().get_keepalive().is_some() => {
            response.insert_header("Keep-Alive", told)
        }
        _ => Ok(()),
    }
}

/// Whether the connection may carry a further request; a stream of HTTP/2 is one request.
fn keeps_alive(session: &Session, under_way: &UnderWay) -> bool {
    let keepalive = under_way.exchange.keepalive();
    let used_up = keepalive.requests.is_some_and(|limit| under_way.link.requests() >= u64::from(limit))
        || keepalive.age.is_some_and(|age| under_way.link.opened().elapsed() >= age);
    let is_over = under_way.exchange.is_refused()
        || under_way.exchange.failure.as_ref().is_some_and(Failure::ends_connection);
    !under_way.link.http2
        && !is_over
        && keepalive.idle.is_some()
        && !used_up
        && !under_way.exchange.is_excepted(session.req_header())
        && !under_way.link.leaving.is_cancelled()
}

/// Looks at the head of an upstream's answer; an error is what is to be done in its place.
pub(super) fn taken(
    shared: &Shared,
    session: &Session,
    response: &mut ResponseHeader,
    under_way: &mut UnderWay,
) -> Result<()> {
    under_way.link.progress();
    settle(response.version, response.status, response).map_err(|failure| failing::error(&failure))?;
    if response.status.is_informational() && response.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    under_way.exchange.heed_rate(&response.headers);
    let may_retry = failing::retries_status(session, under_way, response.status);
    let UnderWay { generation, exchange, journey, .. } = under_way;
    if response.status == StatusCode::SWITCHING_PROTOCOLS && !exchange.upgrade {
        let reason = "it switches protocols and was not asked to".to_owned();
        return Err(failing::error(&Failure::Protocol(reason)));
    }
    if response.status.is_success() && exchange.upgrade && exchange.arrival.http2 {
        // To its client it would be an open WebSocket (RFC 8441, section 5).
        let reason = format!("it answers {} to a WebSocket's handshake", response.status.as_u16());
        return Err(failing::error(&Failure::Protocol(reason)));
    }
    if let Some(reached) = exchange.reached.as_mut() {
        reached.status = Some(response.status.as_u16());
        reached.answered = Some(Instant::now());
    }
    weight::note_answer(exchange, response);
    exchange.attempt_answered(response.status.as_u16());
    if let Some(target) = journey.target.as_ref().filter(|_| !may_retry) {
        generation.upstreams.answered(target, &shared.observer);
    }
    let is_sendable = failing::is_sendable(session, exchange);
    if may_retry || exchange.replaces(response.status, is_sendable) {
        exchange.give_up(response.status, &response.headers, may_retry);
        return Err(failing::error(&Failure::Status(response.status)));
    }
    if exchange.is_steered(&response.headers) {
        return Err(failing::error(&Failure::Elsewhere));
    }
    let own = &session.req_header().method;
    let asked = exchange.own_method.as_ref().unwrap_or(own);
    if response.version == Version::HTTP_2 {
        // One connection carries many at once, and is idle when Pingora says so.
        under_way.line = None;
    } else if reaching::is_whole(asked, response) {
        reaching::rest(under_way);
    }
    Ok(())
}

/// Makes its head what the client sees.
pub(super) fn passed_on(
    shared: &Shared,
    session: &mut Session,
    response: &mut ResponseHeader,
    under_way: &mut UnderWay,
) -> Result<()> {
    let status = response.status;
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        // To Pingora whoever is answered before the body is there cannot go on.
        under_way.kept = under_way.kept.or(session.as_ref().get_keepalive());
        return Ok(());
    }
    if let Some(kept) = under_way.kept.take() {
        session.set_keepalive(Some(kept));
    }
    let status = under_way.exchange.answered_instead(status);
    let made = under_way.exchange.deliver(session.req_header(), status, response);
    if made != response.status {
        under_way.exchange.leave_body_out(made, response);
        response.set_status(made)?;
        response.set_reason_phrase(under_way.exchange.reason(made))?;
    }
    under_way.link.throttle(under_way.exchange.paces());
    trailing::announce(session.req_header(), under_way);
    under_way.packer = body::packer(&under_way.exchange)?;
    under_way.link.patience.answer_begins();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        stream::open_tunnel(&shared.observer, session, under_way);
    } else if under_way.exchange.event_stream {
        stream::open_event_stream(under_way);
    }
    // A proxy answers in its own version (RFC 9110, section 2.5).
    response.set_version(Version::HTTP_11);
    let old = session.req_header().version == Version::HTTP_10;
    if old && under_way.tunnel.is_none() {
        unchunked::send(session);
    }
    keep_or_close(session, under_way);
    if old && !response.headers.contains_key(CONTENT_LENGTH) {
        session.set_keepalive(None);
    }
    let asked = under_way.exchange.own_method.as_ref().unwrap_or(&session.req_header().method);
    if status != StatusCode::SWITCHING_PROTOCOLS && reaching::is_whole(asked, response) {
        passed_whole(session, under_way);
    }
    tell_how_long(session, &under_way.exchange, response)
}

/// The last of the answer is passed on. Whoever has it may keep its body (RFC 9110, section 10.1.1), which Pingora waits for
/// all the same.
pub(super) fn passed_whole(session: &mut Session, under_way: &mut UnderWay) {
    under_way.is_out = true;
    // Whoever has all of it may ask again at once.
    under_way.exchange.places.clear();
    if under_way.tunnel.is_none() && !session.as_mut().is_body_done() {
        under_way.link.watch(Some(LINGER));
    }
}

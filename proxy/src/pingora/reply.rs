//! Answers of vordr's own making, written through Pingora.

use super::under_way::UnderWay;
use super::{answering, trailing};
use crate::exchange::{Answer, Exchange, Headers};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::time::Duration;
use tokio::time::timeout;

/// The status by which nginx closes a connection without a word.
const SILENCE: u16 = 444;
/// How much of a body that nobody wants is read away, so that the connection can go on.
const UNWANTED: usize = 64 * 1024;
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes a whole answer, and counts its body; of 444 nothing is written.
pub(super) async fn write(session: &mut Session, under_way: &mut UnderWay, answer: Answer) -> Result<()> {
    answering::keep_or_close(session, under_way);
    under_way.link.throttle(under_way.exchange.paces());
    trailing::announce(session.req_header(), under_way);
    // Whoever has all of it may ask again at once.
    under_way.exchange.places.clear();
    if answer.status.as_u16() == SILENCE {
        under_way.exchange.fall_silent(answer.status);
        session.set_keepalive(None);
        return Ok(());
    }
    let is_all = answer.body.is_empty() && !under_way.link.awaits_trailers();
    write_head(session, &under_way.exchange, &answer, is_all).await?;
    match is_all {
        true => Ok(()),
        false => write_part(session, under_way, answer.body, true).await,
    }
}

/// Writes an answer's head.
pub(super) async fn write_head(
    session: &mut Session,
    exchange: &Exchange,
    answer: &Answer,
    is_all: bool,
) -> Result<()> {
    let mut head = ResponseHeader::build(answer.status, Some(answer.headers.len() + 2))?;
    head.set_reason_phrase(exchange.reason(answer.status))?;
    for (name, value) in &answer.headers {
        match exchange.written_name(name) {
            Some(name) => head.add_as(name, value.clone()),
            None => head.add(name, value.clone()),
        }
    }
    if is_worth_reading_away(session, answer.status) {
        session.as_mut().set_close_on_response_before_downstream_finish(false);
    }
    answering::tell_how_long(session, exchange, &mut head)?;
    session.write_response_header(Box::new(head), is_all).await.map_err(|error| error.into_down())
}

/// Writes a part of a body, and counts it. One that is empty would look like the end of what comes in chunks.
pub(super) async fn write_part(
    session: &mut Session,
    under_way: &mut UnderWay,
    part: Bytes,
    is_last: bool,
) -> Result<()> {
    if part.is_empty() && !is_last {
        return Ok(());
    }
    let UnderWay { exchange, link, .. } = under_way;
    exchange.bytes_out += part.len() as u64;
    if is_last {
        trailing::leave(session.req_header(), exchange, link, &HeaderMap::new());
    }
    session.write_response_body(Some(part), is_last).await.map_err(|error| error.into_down())
}

/// Whether what is left of the request's body is little, as far as can be told, and its client does not wait to be asked for
/// it. Behind a request that was wrong nothing more is read.
fn is_worth_reading_away(session: &mut Session, status: StatusCode) -> bool {
    if session.as_mut().is_body_done() {
        return false;
    }
    let headers = &session.req_header().headers;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let is_wrong = matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE
    );
    !is_wrong
        && !status.is_server_error()
        && !headers.contains_key(EXPECT)
        && length.is_none_or(|length: usize| length <= UNWANTED)
}

/// Reads away what is left of a request's body behind its answer, up to a bound: what is not read away ends the
/// connection, and is never taken for a request.
pub(super) async fn read_away(session: &mut Session, exchange: &mut Exchange) {
    if session.as_mut().is_body_done() || session.as_ref().get_keepalive().is_none() {
        return;
    }
    let reading = async {
        let mut read = 0;
        while let Ok(part) = session.as_mut().read_request_body().await {
            let Some(part) = part else { return true };
            read += part.len();
            exchange.bytes_in = exchange.bytes_in.saturating_add(part.len() as u64);
            if read > UNWANTED {
                return false;
            }
        }
        false
    };
    if !timeout(PATIENCE, reading).await.unwrap_or(false) {
        session.set_keepalive(None);
    }
}

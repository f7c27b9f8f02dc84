//! Answers of vordr's own making, written through Pingora.

use crate::exchange::{Answer, Exchange, Headers};
use bytes::Bytes;
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

/// The status by which nginx closes a connection without a word.
const SILENCE: u16 = 444;

/// Writes a whole answer, and counts its body; of 444 nothing is written.
pub(super) async fn write(session: &mut Session, exchange: &mut Exchange, answer: Answer) -> Result<()> {
    // Whoever has all of it may ask again at once.
    exchange.places.clear();
    if answer.status.as_u16() == SILENCE {
        exchange.fall_silent(answer.status);
        session.set_keepalive(None);
        return Ok(());
    }
    let empty = answer.body.is_empty();
    write_head(session, exchange, &answer, empty).await?;
    match empty {
        true => Ok(()),
        false => write_part(session, exchange, answer.body, true).await,
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
    session.write_response_header(Box::new(head), is_all).await.map_err(|error| error.into_down())
}

/// Writes a part of a body, and counts it. One that is empty would look like the end of what comes in chunks.
pub(super) async fn write_part(
    session: &mut Session,
    exchange: &mut Exchange,
    part: Bytes,
    is_last: bool,
) -> Result<()> {
    if part.is_empty() && !is_last {
        return Ok(());
    }
    exchange.bytes_out += part.len() as u64;
    session.write_response_body(Some(part), is_last).await.map_err(|error| error.into_down())
}

//! Files that are sought, found, and sent.

use super::under_way::UnderWay;
use super::{answering, body, failing, guarding, reply, trailing};
use crate::exchange::{Admission, Answer, Failure, FileAnswer, Piece};
use crate::files::{Find, Reading};
use crate::shared::Shared;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use pingora_core::Result;
use pingora_proxy::Session;

/// Answers with a file, or with what there is in its place. What is left is what an `on-error` has another upstream or
/// another location do.
pub(super) async fn serve(
    shared: &Shared,
    session: &mut Session,
    under_way: &mut UnderWay,
) -> Result<Option<Admission>> {
    let failure = match send_found(session, under_way).await? {
        Ok(left) => return Ok(left),
        Err(failure) => failure,
    };
    if let Some(left) = under_way.exchange.falls_back(&failure, session.req_header()) {
        return Ok(Some(left));
    }
    match under_way.exchange.recover(&failure, session.req_header()) {
        Admission::Answer(answer) => reply::write(session, under_way, *answer).await?,
        _ => serve_instead(shared, session, under_way, &failure).await?,
    }
    Ok(None)
}

/// A file that an upstream leads to, or what there is in its place.
pub(super) async fn serve_elsewhere(
    shared: &Shared,
    session: &mut Session,
    under_way: &mut UnderWay,
) -> Result<()> {
    // What one location leaves to the next ends after a few.
    while let Some(left) = serve(shared, session, under_way).await? {
        match guarding::decided(shared, session, under_way, left).await {
            Admission::Files => {}
            Admission::Answer(answer) => {
                return reply::write(session, under_way, *answer).await;
            }
            // No further attempt can be made any more.
            _ => {
                let page = under_way.exchange.failure_page(&Failure::Elsewhere, session.req_header());
                return reply::write(session, under_way, page).await;
            }
        }
    }
    Ok(())
}

/// `on-error … { files … }`: a file in the place of the answer that failed, or the failure's page.
pub(super) async fn serve_instead(
    shared: &Shared,
    session: &mut Session,
    under_way: &mut UnderWay,
    failure: &Failure,
) -> Result<()> {
    // What one location leaves to the next ends after a few.
    loop {
        let left = match send_found(session, under_way).await? {
            Ok(None) => return Ok(()),
            Ok(Some(left)) => left,
            Err(_) => break,
        };
        match guarding::decided(shared, session, under_way, left).await {
            Admission::Files => {}
            Admission::Answer(answer) => return reply::write(session, under_way, *answer).await,
            _ => break,
        }
    }
    let page = under_way.exchange.failure_page(failure, session.req_header());
    reply::write(session, under_way, page).await
}

/// Sends what is found, or tells why nothing is; what is left is for another location to do.
async fn send_found(
    session: &mut Session,
    under_way: &mut UnderWay,
) -> Result<std::result::Result<Option<Admission>, Failure>> {
    let UnderWay { generation, exchange, .. } = &mut *under_way;
    let found = match exchange.seek(session.req_header()) {
        Ok(sought) => generation.folders.find(sought).await,
        Err(failure) => Err(failure),
    };
    let found = match found {
        Ok(found) => found,
        Err(failure) => return Ok(Err(failure)),
    };
    let (exchange, request) = (&mut under_way.exchange, session.req_header());
    match found {
        Find::File(found) => {
            let (representation, reading) = *found;
            let answer = exchange.answer_with(&representation, request);
            send(session, under_way, answer, &reading).await?;
        }
        Find::Folder(path) => return Ok(Ok(Some(exchange.to_folder(&path, request)))),
        Find::Listing(path, entries) => {
            let answer = exchange.list(&path, &entries, request);
            reply::write(session, under_way, answer).await?;
        }
        Find::Index(path) => {
            let query = exchange.current_query(request).map(str::to_owned);
            return Ok(Ok(Some(exchange.search(&path, query.as_deref(), request))));
        }
        Find::Nothing => return Ok(Ok(Some(exchange.do_otherwise(request)))),
    }
    Ok(Ok(None))
}

/// Writes the answer part by part, packed where that was decided. A file that became shorter ends it early, which the
/// client can tell.
async fn send(
    session: &mut Session,
    under_way: &mut UnderWay,
    answer: FileAnswer,
    reading: &Reading,
) -> Result<()> {
    let mut packer = body::packer(&under_way.exchange)?;
    let mut substitution = under_way.exchange.substitution.take();
    if !answer.body.is_empty() && !is_framed(&answer.head) {
        // A client of HTTP/1.0 knows no chunks.
        session.set_keepalive(None);
    }
    answering::keep_or_close(session, under_way);
    under_way.link.throttle(under_way.exchange.paces());
    trailing::announce(session.req_header(), under_way);
    let pieces = answer.body.len();
    let is_all = pieces == 0 && !under_way.link.awaits_trailers();
    reply::write_head(session, &under_way.exchange, &answer.head, is_all).await?;
    if pieces == 0 && !is_all {
        return reply::write_part(session, under_way, Bytes::new(), true).await;
    }
    for (number, piece) in answer.body.into_iter().enumerate() {
        let is_last = number + 1 == pieces;
        match piece {
            Piece::Bytes(bytes) => reply::write_part(session, under_way, bytes, is_last).await?,
            Piece::File(mut range) => loop {
                let part = reading.part(range.clone()).await.map_err(|error| cut(error.to_string()))?;
                range.start += part.len() as u64;
                let is_over = range.start >= range.end;
                if part.is_empty() && !is_over {
                    return Err(cut("it became shorter while it was sent".to_owned()));
                }
                let is_end = is_last && is_over;
                let mut part = Some(part);
                body::substitute(&mut substitution, &mut part, is_end);
                let part = part.unwrap_or_default();
                under_way.exchange.bytes_unpacked += part.len() as u64;
                let part = body::pack_file(&mut packer, part, is_end)?;
                reply::write_part(session, under_way, part, is_end).await?;
                if is_over {
                    break;
                }
            },
        }
    }
    Ok(())
}

/// Whether its end can be told (RFC 9112, section 6.3).
fn is_framed(head: &Answer) -> bool {
    head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING)
}

fn cut(reason: String) -> Box<pingora_core::Error> {
    failing::error(&Failure::Unreadable(reason))
}

//! Bodies: requests counted as they pass, or awaited whole before they are sent; answers packed.

use super::under_way::UnderWay;
use super::{failing, stream};
use crate::exchange::{Exchange, Failure, Packer, Portion, Substitution};
use crate::temporary::Temporary;
use crate::websocket::Side;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use pingora_core::Result;
use pingora_proxy::Session;
use std::sync::Arc;
use vordr_rules::table::{BodyFile, Buffering};

/// Counts a part of a body and holds it against `body-limit`, which never touches a tunnel.
pub(super) fn count_request(under_way: &mut UnderWay, part: Option<&Bytes>, end: bool) -> Result<()> {
    let length = part.map_or(0, Bytes::len);
    // Before the client's answer to it is seen.
    stream::note_own_frames(under_way);
    if let Some(tunnel) = &mut under_way.tunnel {
        stream::passed(tunnel, Side::Client, part, end);
        under_way.exchange.bytes_in = under_way.exchange.bytes_in.saturating_add(length as u64);
        return Ok(());
    }
    under_way.exchange.received(length).map_err(|failure| failing::error(&failure))
}

/// Has the body sent, and waits for all of it, where the location that the request has come to asks for that. Of a body
/// that has been read, or begun to be, nothing is read anew.
pub(super) async fn make_ready(session: &mut Session, under_way: &mut UnderWay) -> Result<()> {
    let UnderWay { exchange, .. } = &*under_way;
    if under_way.is_gathered || exchange.body_is_gone || session.as_ref().body_bytes_read() > 0 {
        return Ok(());
    }
    let settings = exchange.settings().filter(|_| !exchange.upgrade);
    let buffering = settings.and_then(|settings| settings.buffering.clone());
    if exchange.bids_for_body(session.req_header(), buffering.is_some()) {
        bid(session, under_way).await?;
    }
    match buffering {
        Some(how) => gather(session, under_way, how).await,
        None => Ok(()),
    }
}

/// Tells a client that waits with its body to send it.
async fn bid(session: &mut Session, under_way: &mut UnderWay) -> Result<()> {
    under_way.exchange.has_bidden = true;
    let keepalive = session.as_ref().get_keepalive();
    session.as_mut().write_continue_response().await.map_err(|error| error.into_down())?;
    // To Pingora whoever is answered before the body is there cannot go on.
    session.set_keepalive(keepalive);
    Ok(())
}

/// `buffering on`: waits until the whole body has come, so that the upstream is not kept waiting by a slow
/// client. The connection keeps it; the part that is read here is kept by Pingora, to be sent first.
async fn gather(session: &mut Session, under_way: &mut UnderWay, how: Arc<Buffering>) -> Result<()> {
    under_way.is_gathered = true;
    let settings = under_way.exchange.settings();
    under_way.link.gather(settings.and_then(|settings| settings.body_limit), how.clone());
    session.as_mut().enable_retry_buffering();
    let read = session.as_mut().read_request_body().await;
    // Whatever became of it, the log tells of it; a part of a body is gone with the exchange.
    under_way.exchange.body_file = under_way.link.take_body_file();
    read.map_err(|error| error.into_down())?;
    under_way.link.gathered();
    under_way.exchange.payload = under_way.link.take_payload();
    // All of it is here: what an answer does not wait for is read away behind it.
    session.as_mut().set_close_on_response_before_downstream_finish(false);
    let Some(file) = how.file else { return Ok(()) };
    let headers = &session.req_header().headers;
    let has_body = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if has_body && under_way.exchange.body_file.is_none() {
        under_way.exchange.body_file = Some(empty_file(how).await?);
    }
    if let (BodyFile::Kept, Some(made)) = (file, &mut under_way.exchange.body_file) {
        made.keep();
    }
    Ok(())
}

/// The file of a body with nothing in it, of which nothing has come.
async fn empty_file(how: Arc<Buffering>) -> Result<Temporary> {
    let made = tokio::task::spawn_blocking(move || Temporary::make(&how.folder)).await;
    match made {
        Ok(Ok((_, made))) => Ok(made),
        _ => Err(failing::error(&Failure::Internal("a body cannot be put into a temporary file".to_owned()))),
    }
}

/// Packs the answer whose head has been decided on, where that says so.
pub(super) fn packer(exchange: &Exchange) -> Result<Option<Box<Packer>>> {
    let packer = exchange.packing.map(Packer::new).transpose().map_err(|error| unpacked(&error))?;
    Ok(packer.map(Box::new))
}

/// Looks through a part of an answer. There may be nothing to be sent of it yet.
pub(super) fn substitute(substitution: &mut Option<Box<Substitution>>, part: &mut Option<Bytes>, end: bool) {
    if let Some(looking) = substitution {
        let made = looking.part(part.take().unwrap_or_default(), end);
        *part = Some(made).filter(|made| end || !made.is_empty());
    }
    if end {
        *substitution = None;
    }
}

/// Passes on of a part of an answer what its client asks for. There may be nothing to be sent of it.
pub(super) fn portion(portion: &mut Option<Box<Portion>>, part: &mut Option<Bytes>, end: bool) {
    if let Some(portion) = portion {
        *part = part.take().map(|part| portion.part(part)).filter(|part| end || !part.is_empty());
    }
}

/// Packs a part of an answer. The upstream may pause after it, so nothing of it is held back.
pub(super) fn pack(packer: &mut Option<Box<Packer>>, part: &mut Option<Bytes>, end: bool) -> Result<()> {
    let bytes = || part.clone().unwrap_or_default();
    let packed = match (end, packer.as_mut()) {
        (false, Some(packer)) if !bytes().is_empty() => packer.flushed(&bytes()),
        (true, Some(_)) => match packer.take() {
            Some(packer) => packer.finish(&bytes()),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    *part = Some(packed.map_err(|error| unpacked(&error))?);
    Ok(())
}

/// Packs a part of a file, of which more comes as soon as this is sent; there may be nothing to be sent of it yet.
pub(super) fn pack_file(packer: &mut Option<Box<Packer>>, part: Bytes, end: bool) -> Result<Bytes> {
    let packed = match packer.as_mut() {
        None => return Ok(part),
        Some(packer) if !end => packer.part(&part),
        Some(_) => packer.take().map_or_else(|| Ok(Bytes::new()), |packer| packer.finish(&part)),
    };
    packed.map_err(|error| unpacked(&error))
}

fn unpacked(error: &std::io::Error) -> Box<pingora_core::Error> {
    failing::error(&Failure::Internal(format!("an answer cannot be packed: {error}")))
}

//! Request bodies: counted as they pass, or awaited whole before they are sent.

use super::gateway::UnderWay;
use super::{failing, stream};
use crate::websocket::Side;
use bytes::Bytes;
use pingora_core::Result;
use pingora_proxy::Session;

/// Counts a part of a body and holds it against `body-limit`, which never touches a tunnel.
pub(super) fn count_request(under_way: &mut UnderWay, part: Option<&Bytes>, end: bool) -> Result<()> {
    let length = part.map_or(0, Bytes::len);
    // Before the client's answer to it is seen.
    stream::note_farewell(under_way);
    if let Some(tunnel) = &mut under_way.tunnel {
        stream::passed(tunnel, Side::Client, part, end);
        under_way.exchange.bytes_in = under_way.exchange.bytes_in.saturating_add(length as u64);
        return Ok(());
    }
    under_way.exchange.received(length).map_err(|failure| failing::error(&failure))
}

/// `buffering on`: waits until the whole body has come, so that the upstream is not kept waiting by a slow
/// client. The connection keeps it; the part that is read here is kept by Pingora, to be sent first.
pub(super) async fn gather(session: &mut Session, under_way: &UnderWay) -> Result<()> {
    let settings = under_way.exchange.settings();
    under_way.link.gather(settings.and_then(|settings| settings.body_limit));
    session.as_mut().enable_retry_buffering();
    session.as_mut().read_request_body().await.map_err(|error| error.into_down())?;
    under_way.link.gathered();
    Ok(())
}

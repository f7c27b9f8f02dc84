//! Request bodies: counted as they pass, or read whole before they are sent.

use super::failing;
use super::gateway::UnderWay;
use crate::exchange::Exchange;
use bytes::{Bytes, BytesMut};
use pingora_core::Result;
use pingora_proxy::Session;

/// Counts a part of a body and holds it against `body-limit`, which never touches a tunnel.
pub(super) fn count_request(under_way: &mut UnderWay, part: Option<&Bytes>) -> Result<()> {
    let length = part.map_or(0, Bytes::len);
    if under_way.tunnel {
        under_way.exchange.bytes_in = under_way.exchange.bytes_in.saturating_add(length as u64);
        return Ok(());
    }
    under_way.exchange.received(length).map_err(|failure| failing::error(&failure))
}

/// `buffering on`: reads the whole body, so that the upstream is not kept waiting by a slow client.
pub(super) async fn spool(session: &mut Session, exchange: &mut Exchange) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(part) = session.as_mut().read_request_body().await? {
        exchange.received(part.len()).map_err(|failure| failing::error(&failure))?;
        whole.extend_from_slice(&part);
    }
    Ok(whole.freeze())
}

//! Answers that live as long as both sides like: WebSockets and event streams.

use super::under_way::UnderWay;
use crate::connection::FAREWELL;
use crate::observe::{Observer, Record};
use crate::websocket::{Side, Tunnel};
use bytes::Bytes;
use pingora_proxy::Session;
use std::time::Instant;

/// The upstream has switched to WebSocket: `read` and `client` give way to `websocket idle`.
pub(super) fn open_tunnel(observer: &Observer, session: &Session, under_way: &mut UnderWay) {
    let limit = under_way.exchange.silence_limit(true);
    under_way.link.patience.begin(None, None);
    under_way.link.watch_open_ended(limit);
    under_way.link.pings(under_way.exchange.settings().and_then(|settings| settings.websocket.ping));
    under_way.link.open_tunnel();
    // Bytes of a tunnel are counted for themselves.
    (under_way.exchange.bytes_in, under_way.exchange.bytes_out) = (0, 0);
    let record = Record {
        exchange: &under_way.exchange,
        request: session.req_header(),
        answer: None,
        status: 101,
        ended: Instant::now(),
        tunnel: None,
    };
    let meter = observer.websocket_opened(&record);
    under_way.tunnel = Some(Box::new(Tunnel::open(meter)));
}

/// The upstream answers with events, which come when they come.
pub(super) fn open_event_stream(under_way: &mut UnderWay) {
    let limit = under_way.exchange.silence_limit(false);
    under_way.link.patience.begin(None, None);
    under_way.link.watch_open_ended(limit);
    if let Some(in_flight) = &under_way.in_flight {
        in_flight.event_stream_opened();
    }
}

/// The frames that vordr has sent of its own: pings, and a close frame, which may have come first.
pub(super) fn note_own_frames(under_way: &mut UnderWay) {
    let UnderWay { link, tunnel: Some(tunnel), .. } = under_way else { return };
    tunnel.pinged(link.take_pinged());
    if link.is_farewell_said() {
        tunnel.closed_by_vordr(FAREWELL);
    }
}

/// A tunnel that ends without a close frame ends with one of vordr's own.
pub(super) fn end_tunnel(under_way: &mut UnderWay) {
    note_own_frames(under_way);
    let UnderWay { tunnel, exchange, link, .. } = under_way;
    let code = tunnel.as_mut().and_then(|tunnel| tunnel.last_word(exchange.failure.as_ref()));
    if let Some(code) = code {
        link.end_with(code);
    }
}

/// A part of a tunnel passes, or its end.
pub(super) fn passed(tunnel: &mut Tunnel, side: Side, part: Option<&Bytes>, end: bool) {
    if let Some(part) = part {
        tunnel.passed(side, part);
    }
    if end {
        tunnel.ended(side);
    }
}

//! Trailers, which Pingora does not write: left where the connection finds them.

use super::under_way::UnderWay;
use crate::connection::Link;
use crate::exchange::Exchange;
use http::HeaderMap;
use http::request::Parts;

/// Says whether trailers follow the answer whose head has been decided on, before that is written. Some answers are over
/// with their heads.
pub(super) fn announce(request: &Parts, under_way: &UnderWay) {
    let UnderWay { exchange, link, .. } = under_way;
    link.await_trailers(exchange.trailers(request).is_some());
    leave(request, exchange, link, &HeaderMap::new());
}

/// Leaves the trailers there now that the body is over, beside `theirs`: the upstream's.
pub(super) fn leave(request: &Parts, exchange: &Exchange, link: &Link, theirs: &HeaderMap) {
    let Some(own) = exchange.trailers(request) else { return };
    if !link.http2 {
        return link.set_trailer_lines(&own);
    }
    let mut all = theirs.clone();
    for (name, value) in own {
        all.append(&**name, value);
    }
    link.set_trailers(all);
}

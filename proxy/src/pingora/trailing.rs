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
    link.await_trailers(leave(request, exchange, link, &HeaderMap::new()));
}

/// Leaves the trailers there now that the body is over, beside `theirs`: the upstream's. Whether any are to follow.
pub(super) fn leave(request: &Parts, exchange: &Exchange, link: &Link, theirs: &HeaderMap) -> bool {
    let Some(own) = exchange.trailers(request) else { return false };
    if !link.http2 {
        link.set_trailer_lines(&own);
        return true;
    }
    let mut all = theirs.clone();
    for (name, value) in own {
        all.append(&**name, value);
    }
    link.set_trailers(all);
    true
}

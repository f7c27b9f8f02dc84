//! On the way to an upstream: a server chosen, waited for if need be, and tried again elsewhere.

use super::under_way::UnderWay;
use super::{body, failing, guarding};
use crate::exchange::{Admission, Exchange, Failure};
use crate::shared::Shared;
use crate::upstream::{Line, Member, Target, Turn, Upstreams};
use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};
use pingora_core::Result;
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::{HttpPeer, Peer};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::Instant;
use vordr_rules::table::TlsVersion;

/// The way of one exchange to its upstream, over all attempts.
#[derive(Default)]
pub(super) struct Journey {
    /// The server of the present attempt.
    pub target: Option<Target>,
    /// The servers that are not to be tried again.
    pub tried: Vec<Arc<Member>>,
    /// Its wait for a server, if it has to wait.
    pub turn: Turn,
}

/// The next server to be tried, as Pingora wants it.
pub(super) async fn peer(
    shared: &Shared,
    session: &mut Session,
    under_way: &mut UnderWay,
) -> Result<Box<HttpPeer>> {
    if under_way.exchange.is_refused() {
        // It has been answered before; whatever may lead here, nothing of it goes on.
        return Err(failing::error(&Failure::Internal("a refused head leads to an upstream".to_owned())));
    }
    loop {
        if under_way.due.is_some() {
            pass(shared, session, under_way).await?;
        }
        if std::mem::take(&mut under_way.is_led_on) {
            body::make_ready(session, under_way).await?;
        }
        if under_way.journey.target.is_none() {
            match choose(session, under_way).await {
                Ok(target) => under_way.journey.target = Some(target),
                Err(failure) if failing::falls_back(shared, session, under_way, &failure) => {}
                Err(failure) => return Err(failing::error(&failure)),
            }
        }
        let UnderWay { generation, journey, exchange, link, .. } = &mut *under_way;
        link.outlast_client(exchange.proxy().is_some_and(|proxy| proxy.outlast_client));
        exchange.first_tried.get_or_insert_with(Instant::now);
        let Some(target) = &journey.target else { continue };
        exchange.attempt_begins();
        match generation.upstreams.peer(target, exchange, session.req_header()).await {
            Ok(peer) => {
                let address = peer.address().as_inet().copied();
                exchange.attempt_goes_to(address);
                if let Some(reached) = exchange.reached.as_mut() {
                    reached.attempt = Some((Instant::now(), address));
                }
                return Ok(Box::new(peer));
            }
            Err(failure) => {
                if !failing::goes_on_unsent(shared, session, under_way, &failure) {
                    return Err(failing::error(&failure));
                }
            }
        }
    }
}

/// Asks what the location asks that a failure led to; its refusal is what is due.
async fn pass(shared: &Shared, session: &mut Session, under_way: &mut UnderWay) -> Result<()> {
    let Some((due, failure)) = under_way.due.take() else { return Ok(()) };
    let decided = guarding::decided(shared, session, under_way, due).await;
    if decided == Admission::Forward {
        return Ok(());
    }
    under_way.due = Some((decided, failure.clone()));
    let failure = under_way.exchange.failure.clone().unwrap_or(failure);
    Err(failing::error(&failure))
}

/// A connection was made, or one that was kept is used again.
pub(super) fn connected(
    shared: &Shared,
    under_way: &mut UnderWay,
    peer: &HttpPeer,
    digest: Option<&Digest>,
    reused: bool,
) -> Result<()> {
    let UnderWay { generation, exchange, in_use, journey, line, link, .. } = under_way;
    *line = Line::of(digest);
    link.set_backlog(line.as_ref().and_then(|line| line.backlog()));
    if line.as_ref().is_some_and(|line| !line.take_up()) {
        return Err(failing::surplus());
    }
    let target = journey.target.as_ref();
    if target.is_some_and(|target| !generation.upstreams.believes(exchange, target, peer, digest)) {
        return Err(failing::surplus());
    }
    generation.upstreams.connected(exchange, &mut journey.turn);
    if let Some(reached) = exchange.reached.as_mut() {
        *in_use = Some(shared.observer.metrics.upstreams.connection(reached));
        reached.reused = reused;
        reached.connect = (!reused).then(|| reached.chosen.elapsed());
    }
    let tls = exchange.proxy().and_then(|proxy| proxy.tls.as_ref());
    let spoken = digest.and_then(|digest| digest.ssl_digest.as_ref()).map(|tls| &*tls.version);
    match spoken.filter(|_| tls.is_some_and(|tls| tls.min == TlsVersion::Tls13)) {
        Some(version) if !version.contains("1_3") && !version.contains("1.3") => {
            Err(failing::error(&Failure::Tls(format!("{version} is below `tls min`"))))
        }
        _ => Ok(()),
    }
}

/// The answer has come to its end: the connection may be kept, if the pool has room for it.
pub(super) fn rest(under_way: &mut UnderWay) {
    let Some(line) = under_way.line.take().filter(|_| under_way.tunnel.is_none()) else { return };
    if let Some(rules) = under_way.generation.upstreams.rules(&under_way.exchange) {
        line.rest(rules.keepalive);
    }
}

/// Whether an answer has no body, so that it ends with its head (RFC 9112, section 6.3).
pub(super) fn is_whole(method: &Method, response: &ResponseHeader) -> bool {
    *method == Method::HEAD
        || matches!(response.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || response.headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0")
}

/// Chooses a server, and waits where there is none and the rules or the start allow it.
async fn choose(session: &mut Session, under_way: &mut UnderWay) -> std::result::Result<Target, Failure> {
    let UnderWay { generation, journey, exchange, .. } = under_way;
    let pools = &generation.upstreams;
    pools.fill(exchange, session.req_header()).await?;
    if journey.turn.refused {
        wait(session, pools, journey, exchange, Failure::Refused).await?;
    }
    loop {
        match pools.choose(exchange, session.req_header(), &journey.tried) {
            Ok(target) => return Ok(target),
            Err(failure) => wait(session, pools, journey, exchange, failure).await?,
        }
    }
}

/// Waits for a server, for no longer than the client does.
async fn wait(
    session: &mut Session,
    pools: &Upstreams,
    journey: &mut Journey,
    exchange: &Exchange,
    failure: Failure,
) -> std::result::Result<(), Failure> {
    let waiting = pools.wait(exchange, &mut journey.turn, failure);
    // A body that is still to come must not be read here, so that its client's departure is seen only later.
    if !session.as_mut().is_body_done() {
        return waiting.await;
    }
    tokio::select! {
        outcome = waiting => outcome,
        _ = session.as_mut().read_body_or_idle(true) => Err(Failure::ClientGone),
    }
}

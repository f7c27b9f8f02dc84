//! On the way to an upstream: a server chosen, waited for if need be, and tried again elsewhere.

use super::failing;
use super::gateway::UnderWay;
use crate::exchange::{Exchange, Failure};
use crate::shared::Shared;
use crate::upstream::{Member, Target, Turn, Upstreams};
use pingora_core::Result;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::Instant;

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
    loop {
        if under_way.journey.target.is_none() {
            match choose(session, under_way).await {
                Ok(target) => under_way.journey.target = Some(target),
                Err(failure) if failing::falls_back(shared, under_way, &failure) => {}
                Err(failure) => return Err(failing::error(&failure)),
            }
        }
        let UnderWay { generation, journey, exchange, .. } = &mut *under_way;
        exchange.first_tried.get_or_insert_with(Instant::now);
        let Some(target) = &journey.target else { continue };
        match generation.upstreams.peer(target, exchange, session.req_header()).await {
            Ok(peer) => return Ok(Box::new(peer)),
            Err(failure) => {
                if !failing::goes_on_unsent(shared, session, under_way, &failure) {
                    return Err(failing::error(&failure));
                }
            }
        }
    }
}

/// Chooses a server, and waits where there is none and the rules or the start allow it.
async fn choose(session: &mut Session, under_way: &mut UnderWay) -> std::result::Result<Target, Failure> {
    let UnderWay { generation, journey, exchange, .. } = under_way;
    let pools = &generation.upstreams;
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

//! A request before its location's gate: counted, held back until its turn, and asked for its credentials.

use super::under_way::UnderWay;
use crate::exchange::{Admission, Failure};
use crate::gate::Known;
use crate::shared::Shared;
use pingora_proxy::Session;
use std::time::Duration;

/// What a decision comes to once the locations that it leads to have been asked what they ask.
pub(super) async fn decided(
    shared: &Shared,
    session: &mut Session,
    under_way: &mut UnderWay,
    mut admission: Admission,
) -> Admission {
    // What one location leaves to the next ends after a few.
    while admission == Admission::Guarded {
        admission = decide(shared, session, under_way).await;
    }
    admission
}

/// Decides on a request that has a rate to keep to, or credentials to show.
pub(super) async fn decide(shared: &Shared, session: &mut Session, under_way: &mut UnderWay) -> Admission {
    let UnderWay { generation, exchange, .. } = &mut *under_way;
    let store = generation.limit_store.as_deref();
    let counted = shared.gate.count(store, exchange, session.req_header(), &shared.observer).await;
    let waited = match counted {
        Ok(Duration::ZERO) => Ok(()),
        Ok(turn) => wait(session, turn).await,
        Err(failure) => Err(failure),
    };
    let UnderWay { generation, exchange, .. } = under_way;
    match waited {
        Ok(()) => {
            let known = Known {
                credentials: &generation.credentials,
                upstreams: &generation.upstreams,
                folders: &generation.folders,
            };
            shared.gate.decide(known, exchange, session.req_header(), &shared.observer).await
        }
        Err(failure) => exchange.turn_away(failure, session.req_header()),
    }
}

/// Holds a request back, for no longer than its client waits.
async fn wait(session: &mut Session, turn: Duration) -> Result<(), Failure> {
    let its_turn = tokio::time::sleep(turn);
    // A body that is still to come must not be read here, so that its client's departure is seen only later.
    if !session.as_mut().is_body_done() {
        its_turn.await;
        return Ok(());
    }
    tokio::select! {
        () = its_turn => Ok(()),
        _ = session.as_mut().read_body_or_idle(true) => Err(Failure::ClientGone),
    }
}

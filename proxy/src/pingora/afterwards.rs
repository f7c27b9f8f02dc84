//! `afterwards`: a request that has been answered goes on in another location, of which its client sees nothing.

use super::reaching::Journey;
use super::under_way::UnderWay;
use crate::exchange::Admission;
use crate::gate::Known;
use crate::shared::Shared;
use http::StatusCode;
use http::request::Parts;

/// Goes on behind the answer, where the rules say so.
pub(super) async fn go_on(shared: &Shared, request: &Parts, under_way: &mut UnderWay) {
    // Whoever waits for a place at the upstream that answered finds it free.
    (under_way.in_use, under_way.journey) = (None, Journey::default());
    let stays = under_way.exchange.status_that_stays();
    // The answer was what it was: what comes now is told of by itself.
    let before = (under_way.exchange.failure.take(), under_way.exchange.failed_in.take());
    if let Some(admission) = under_way.exchange.go_on_afterwards(request) {
        let status = match Box::pin(carry_out(shared, request, under_way, admission)).await {
            Ok(status) => status,
            Err(reason) => {
                shared.observer.failed_afterwards(&under_way.exchange, request, &reason);
                StatusCode::BAD_GATEWAY
            }
        };
        if let Some(failure) = under_way.exchange.failure.take() {
            shared.observer.failed_afterwards(&under_way.exchange, request, &failure.detail(None));
        }
        under_way.exchange.ended_afterwards(status, stays);
    }
    (under_way.exchange.failure, under_way.exchange.failed_in) = before;
}

/// The status that it comes to; why it comes to none.
async fn carry_out(
    shared: &Shared,
    request: &Parts,
    under_way: &mut UnderWay,
    mut admission: Admission,
) -> Result<StatusCode, String> {
    let UnderWay { generation, exchange, .. } = under_way;
    let known = Known {
        credentials: &generation.credentials,
        upstreams: &generation.upstreams,
        folders: &generation.folders,
    };
    loop {
        admission = match admission {
            // It has been counted, or is none of those that are.
            Admission::Guarded => shared.gate.decide(known, exchange, request, &shared.observer).await,
            Admission::Answer(answer) => return Ok(answer.status),
            Admission::StubStatus => return Ok(StatusCode::OK),
            Admission::Files | Admission::Forward => break,
        };
    }
    known.ask_within(exchange, request).await
}

//! The way from a socket to a connection that requests can come by: TLS, where the listener has it.

use super::link::Link;
use super::serve::Worker;
use super::transport::Transport;
use crate::tls::{Door, Failed, NoHandshake, accept};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout_at;

/// Does the handshake where one is to be done; `None` where the connection has come to its end with it.
pub(super) async fn secure(
    worker: &Arc<Worker>,
    transport: Transport,
    link: &Arc<Link>,
) -> Option<Transport> {
    let Some(door) = worker.shared.current().doors.at(&link.listener) else { return Some(transport) };
    // Boxed, as it is large, and soon over.
    match Box::pin(within_limits(worker, &door, transport, link)).await {
        Ok(transport) => Some(transport),
        Err(NoHandshake::Over) => None,
        Err(NoHandshake::PlainHttp(transport)) => {
            worker.shared.observer.metrics.tls.failed(&link.listener, "plain_http");
            link.without_tls();
            Some(transport)
        }
        Err(NoHandshake::Failed(failed)) => {
            let client = link.client.as_ref().map_or("-", |client| client.as_str());
            let observer = &worker.shared.observer;
            observer.handshake_failed(&link.listener, client, failed.reason, &failed.detail);
            None
        }
    }
}

/// A handshake counts as part of the first head: both must be there within `header-timeout`.
async fn within_limits(
    worker: &Worker,
    door: &Door,
    transport: Transport,
    link: &Link,
) -> Result<Transport, NoHandshake> {
    let limit = worker.shared.current().table.process.limits.header_timeout;
    // Ten years stand for ever.
    let end = link.opened() + limit.unwrap_or(Duration::from_secs(315_360_000));
    let accepted = tokio::select! {
        biased;
        accepted = timeout_at(end, accept(door, transport)) => accepted,
        () = link.closing.cancelled() => return Err(NoHandshake::Over),
    };
    let (transport, handshake) = accepted.map_err(|_| NoHandshake::Failed(Failed::timeout()))??;
    link.secured(handshake);
    Ok(transport)
}

//! The admin and metrics addresses: health, status, metrics, routes and rules over HTTP, and the page that shows them.

mod answer;
mod body;
mod explain;
mod guard;
mod live;
mod page;
mod patience;
mod reload;
mod routes;

use crate::listener::Acceptor;
use crate::reload::Reloader;
use body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use patience::Patient;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use vordr_rules::table::Address;

/// How many connections are served at once; more wait.
const CONNECTIONS: usize = 64;
/// How many of them may watch: whoever asks for health must find a place.
const WATCHERS: usize = 16;
/// A head must come within this, and so must the next request on a connection.
const HEAD: Duration = Duration::from_secs(5);
/// After this long a connection ends with the answer that is under way: others wait for its place.
const STAY: Duration = Duration::from_secs(10);
/// How long the answer that is under way then may still take, unless it is one of events.
const LEAVE: Duration = Duration::from_secs(30);
/// How long somebody may read nothing of an answer.
const STALL: Duration = Duration::from_secs(5);

/// What an address serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    Admin,
    /// `/metrics` alone.
    Metrics,
}

/// One address that is served.
#[derive(Debug)]
struct Desk {
    scope: Scope,
    address: Address,
    reloader: Arc<Reloader>,
    watchers: Arc<Semaphore>,
}

/// Serves one address, for ever.
pub(crate) async fn serve(acceptor: Acceptor, scope: Scope, reloader: Arc<Reloader>) {
    let address = acceptor.address.clone();
    let desk = Arc::new(Desk { scope, address, reloader, watchers: Arc::new(Semaphore::new(WATCHERS)) });
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed, so a place is always to be had in the end.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        // What cannot be accepted is tried again; the proxy's own listeners say so in the log.
        let (stream, _) = acceptor.accept(|_| {}).await;
        let desk = desk.clone();
        tokio::spawn(async move {
            let watches = AtomicBool::new(false);
            let service = service_fn(|request: Request<Incoming>| {
                let (desk, watches) = (desk.clone(), &watches);
                async move {
                    let answer = desk.answer(request.into_parts().0).await;
                    watches.store(matches!(answer.body(), Body::Events(_)), Relaxed);
                    Ok::<_, Infallible>(answer)
                }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(Patient::new(stream, STALL)), service);
            let mut connection = pin!(connection);
            // A client that breaks off is its own affair.
            if timeout(STAY, connection.as_mut()).await.is_err() {
                connection.as_mut().graceful_shutdown();
                if timeout(LEAVE, connection.as_mut()).await.is_err() && watches.load(Relaxed) {
                    let _ = connection.await;
                }
            }
            drop(place);
        });
    }
}

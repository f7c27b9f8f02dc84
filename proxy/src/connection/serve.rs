//! The life of a connection: heads in, exchanges through Pingora, until one side is done.

use super::head::HeadBounds;
use super::heads::{HeadLimits, NoHead};
use super::introduce::introduce;
use super::link::Link;
use super::secure::secure;
use super::stay::stay_with;
use super::stream::ClientStream;
use super::transport::Transport;
use crate::exchange::{Answer, Failure, Protocol, refusal};
use crate::http2;
use crate::observe::Counted;
use crate::pingora::Gateway;
use crate::places::Place;
use crate::shared::Shared;
use arc_swap::ArcSwap;
use bytes::BytesMut;
use pingora_core::apps::HttpServerApp;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v1::server::HttpSession;
use pingora_proxy::HttpProxy;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vordr_rules::table::{Bodies, Limits, usual_spelling};

/// What every connection of one worker uses.
pub(crate) struct Worker {
    /// What every worker uses.
    pub shared: Arc<Shared>,
    /// Pingora, with a pool of upstream connections of this worker's own; another one once newer rules trust others.
    pub proxy: ArcSwap<HttpProxy<Gateway>>,
    /// Tells Pingora that vordr stops.
    pub shutdown: watch::Receiver<bool>,
    /// Tells whatever is under way that `drain` is over.
    pub cut: CancellationToken,
}

/// Serves one connection to its end. What few of them come to is apart, so that the many that wait take little room.
pub(crate) async fn serve(
    worker: Arc<Worker>,
    mut transport: Transport,
    link: Arc<Link>,
    mut place: Place,
    counted: &mut Counted,
) {
    let Some(link) = introduce(&worker, &mut transport, link, &mut place).await else { return };
    let Some(transport) = secure(&worker, transport, &link).await else { return };
    link.passed.over(transport.socket());
    if link.handshake().is_some_and(|handshake| handshake.protocol == Protocol::Http2) {
        counted.speaks_http2();
        return Box::pin(http2::serve(worker, transport, BytesMut::new(), link)).await;
    }
    let mut stream = ClientStream::new(transport, link.clone());
    loop {
        let limits = head_limits(&worker.shared.current().table.process.limits, &link);
        match stream.next_head(limits, worker.shared.observer.metrics.heads.mine()).await {
            Ok(head) => {
                counted.speaks_http1();
                match exchange(&worker, stream, &link, head).await {
                    Some(again) => stream = again,
                    None => return,
                }
            }
            Err(NoHead::Over) => return,
            Err(NoHead::Http2) => {
                counted.speaks_http2();
                let Some((transport, ahead)) = stream.into_parts() else { return };
                return Box::pin(http2::serve(worker, transport, ahead, link)).await;
            }
            Err(NoHead::Refused(failure)) => return Box::pin(refuse(&worker, stream, &link, failure)).await,
        }
    }
}

/// Serves one stream of an HTTP/2 connection, as if it were a connection of HTTP/1.1 with this head as its only one.
pub(crate) async fn serve_stream(
    worker: Arc<Worker>,
    transport: Transport,
    link: Arc<Link>,
    head: Result<BytesMut, Failure>,
) {
    let mut stream = ClientStream::new(transport, link.clone());
    let bounds = HeadBounds::from(&worker.shared.current().table.process.limits);
    match head.and_then(|head| stream.hold_head(head, bounds)) {
        Ok(head) => drop(exchange(&worker, stream, &link, head).await),
        Err(failure) => refuse(&worker, stream, &link, failure).await,
    }
}

/// A connection beyond `limits connections`: told so where that takes no handshake, and closed.
pub(crate) async fn refuse_connection(
    worker: Arc<Worker>,
    transport: Transport,
    link: Arc<Link>,
    failure: Failure,
) {
    if worker.shared.current().doors.at(&link.listener).is_some() {
        return worker.shared.observer.rejected(&link.rejection(failure));
    }
    let stream = ClientStream::new(transport, link.clone());
    refuse_at_once(&worker.shared, stream, &link, failure).await;
}

/// A first head has `header-timeout` from the start; a further one may be waited for as long as the answer before it says,
/// or `limits` where that says nothing.
fn head_limits(limits: &Limits, link: &Link) -> HeadLimits {
    let (from, wait) = match link.requests() {
        0 => (link.opened(), limits.header_timeout),
        _ => (Instant::now(), Some(link.rest().or(limits.keepalive.idle).unwrap_or_default())),
    };
    HeadLimits {
        first_byte: wait.map(|wait| from + wait),
        whole: limits.header_timeout,
        bounds: limits.into(),
    }
}

/// One request through Pingora; the connection comes back if it may carry another.
async fn exchange(
    worker: &Worker,
    stream: ClientStream,
    link: &Arc<Link>,
    head: BytesMut,
) -> Option<ClientStream> {
    let mut session = HttpSession::new(Box::new(stream));
    session.set_pipelined_prefix(head);
    let proxy = worker.proxy.load_full();
    let exchange = proxy.process_new_http(ServerSession::H1(session), &worker.shutdown);
    let again = until_cut(stay_with(exchange), worker, link).await;
    if !link.was_admitted() {
        // Judged fit by us and refused by Pingora all the same, which has answered 400.
        let rejection = link.rejection(Failure::BadRequest("the head has no one reading"));
        worker.shared.observer.rejected(&rejection.answered(0));
    }
    let (stream, _) = again?.consume();
    stream.into_any().downcast::<ClientStream>().ok().map(|stream| *stream)
}

/// An exchange that outlives `drain` is ended from within, so that it is accounted for.
async fn until_cut<T>(exchange: impl Future<Output = T>, worker: &Worker, link: &Link) -> T {
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        done = &mut exchange => return done,
        () = worker.cut.cancelled() => link.cut(),
    }
    exchange.await
}

/// Has the rules say what is answered to a head that is refused, and closes.
async fn refuse(worker: &Worker, mut stream: ClientStream, link: &Arc<Link>, failure: Failure) {
    stream.still_sending();
    let stand_in = BytesMut::from(link.refuse(failure));
    drop(exchange(worker, stream, link, stand_in).await);
}

/// Answers whoever is refused before a word of his is read, and closes.
async fn refuse_at_once(shared: &Shared, mut stream: ClientStream, link: &Arc<Link>, failure: Failure) {
    let bodies = {
        let generation = shared.current();
        let server = generation.table.default_server(&link.listener);
        server.map_or_else(Bodies::default, |server| server.settings.bodies)
    };
    let (answer, reason) = refusal(&failure, bodies);
    shared.observer.rejected(&link.rejection(failure).answered(answer.body.len()));
    stream.still_sending();
    // A client that does not read its refusal is not waited for: closing lingers in the background.
    let _ = stream.write_all(&in_http1(&answer, reason)).await;
}

/// An answer as bytes, with the end of the connection in it.
fn in_http1(answer: &Answer, reason: &str) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\nServer: vordr\r\n", answer.status.as_u16()).into_bytes();
    for (name, value) in &answer.headers {
        bytes.extend([usual_spelling(name).as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(format!("Content-Length: {}\r\nConnection: close\r\n\r\n", answer.body.len()).bytes());
    bytes.extend_from_slice(&answer.body);
    bytes
}

//! The life of an HTTP/2 connection: streams in, each a task of its own, until one side is done.

use super::answer::Asked;
use super::bounds;
use super::frames::Flood;
use super::request::{Framing, Head, head_of, is_websocket};
use super::stream::Http2Stream;
use super::wire::{Watch, Wire};
use crate::connection::{Alarm, Link, Transport, Worker, serve_stream};
use crate::exchange::Failure;
use bytes::{Bytes, BytesMut};
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Method, Request};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::WaitForCancellationFutureOwned;
use vordr_rules::table::Limits;

/// How long a client that was told to go is waited for once nothing is under way.
const LINGER: Duration = Duration::from_secs(2);
/// How long a client may take for the last of its answers where `limits keepalive` is off.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many bytes of its last answers a client takes within that time, or it is not reading: it may still send PINGs.
const STEP: u64 = 4096;

/// Serves one connection, from which `ahead` has been read, to its end.
pub(crate) async fn serve(worker: Arc<Worker>, transport: Transport, ahead: BytesMut, link: Arc<Link>) {
    let limits = limits(&worker, &link);
    let watch = Watch::new(link.opened());
    let wire = Wire::new(transport, ahead, watch.clone(), link.passed.clone());
    let preface = bounds::builder(&limits).handshake(wire);
    let end = limits.header_timeout.map(|limit| link.opened() + limit);
    let preface = tokio::select! {
        biased;
        preface = within(end, preface) => preface,
        () = link.closing.cancelled() => return,
    };
    let failure = match preface {
        Some(Ok(connection)) => {
            let streams = Streams::new(worker, link, limits, watch, connection);
            return streams.serve().await;
        }
        Some(Err(error)) if error.is_io() => return,
        Some(Err(_)) => Failure::BadRequest("HTTP/2's preface is not whole"),
        None => Failure::HeaderTimeout,
    };
    worker.shared.observer.rejected(&link.rejection(failure));
}

/// Those of the process; connections are kept as the server says that was named in the handshake, or the default one.
fn limits(worker: &Worker, link: &Link) -> Limits {
    let generation = worker.shared.current();
    let mut limits = generation.table.process.limits.clone();
    let name = link.handshake().map(|handshake| handshake.name.clone()).unwrap_or_default();
    if let Some(server) = generation.table.server_at(&link.listener, &name) {
        limits.keepalive = server.settings.keepalive;
    }
    limits
}

async fn within<F: Future>(end: Option<Instant>, future: F) -> Option<F::Output> {
    match end {
        Some(end) => timeout_at(end, future).await.ok(),
        None => Some(future.await),
    }
}

/// A connection with what is under way on it.
struct Streams {
    worker: Arc<Worker>,
    link: Arc<Link>,
    limits: Limits,
    watch: Arc<Watch>,
    connection: Connection<Wire, Bytes>,
    exchanges: JoinSet<()>,
    requests: u64,
    /// Since when nothing is under way.
    idle_since: Instant,
    /// How many bytes the client had acknowledged by then.
    taken: u64,
    stage: Stage,
    alarm: Alarm,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The client has been told to ask elsewhere from now on.
    Leaving,
    /// The client has been told that this is over.
    Closing,
}

/// What a connection's task has to do next.
enum Event {
    Request(Box<(Request<RecvStream>, SendResponse<Bytes>)>),
    /// There will be no further one.
    Over(Option<h2::Error>),
    Flood(Flood),
    /// A stream was none, and has been reset.
    Fault(Failure),
    Stopping,
    Due(Due),
}

/// Which time has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// `limits header-timeout`
    Head,
    /// `limits keepalive`, or `header-timeout` before the first request.
    Idle,
    /// Waiting for a client to take what has been answered.
    Untaken,
    /// Waiting for a client that was told to go.
    Linger,
}

impl Streams {
    fn new(
        worker: Arc<Worker>,
        link: Arc<Link>,
        limits: Limits,
        watch: Arc<Watch>,
        connection: Connection<Wire, Bytes>,
    ) -> Self {
        Self {
            idle_since: link.opened(),
            taken: 0,
            stopping: Box::pin(link.leaving.clone().cancelled_owned()),
            worker,
            link,
            limits,
            watch,
            connection,
            exchanges: JoinSet::new(),
            requests: 0,
            stage: Stage::Open,
            alarm: Alarm::new(),
        }
    }

    async fn serve(mut self) {
        loop {
            match poll_fn(|cx| self.poll_event(cx)).await {
                Event::Request(arrived) => self.begin(*arrived),
                Event::Over(error) => {
                    self.account_for(error);
                    break;
                }
                Event::Fault(failure) => self.reject_stream(failure),
                Event::Flood(Flood::Resets) => self.cut(Failure::Flood("streams opened and reset")),
                Event::Flood(Flood::Control) => self.cut(Failure::Flood("frames that move nothing")),
                Event::Stopping | Event::Due(Due::Idle) => self.leave(),
                Event::Due(Due::Head) => self.cut(Failure::HeaderTimeout),
                Event::Due(Due::Untaken) if self.is_read_on() => {}
                Event::Due(Due::Untaken) => self.cut(Failure::Untaken),
                Event::Due(Due::Linger) => {
                    if self.watch.is_unread() && self.stage == Stage::Leaving {
                        self.reject(Failure::Untaken);
                    }
                    break;
                }
            }
        }
        let Self { connection, mut exchanges, link, .. } = self;
        link.passed.over(None);
        // The streams learn of it, and their exchanges account for themselves.
        drop(connection);
        while exchanges.join_next().await.is_some() {}
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let before = self.idle_since;
        while let Poll::Ready(Some(_)) = self.exchanges.poll_join_next(cx) {
            self.idle_since = Instant::now();
        }
        let next = pin!(self.connection.accept()).poll(cx);
        if self.idle_since != before && self.connection.has_streams() {
            self.taken = self.link.passed.acknowledged();
        }
        if let Poll::Ready(Some(Ok((_, respond)))) = &next {
            self.watch.faults().forget(respond.stream_id().as_u32());
        }
        if let Poll::Ready(next) = next {
            return Poll::Ready(match next {
                Some(Ok(arrived)) => Event::Request(Box::new(arrived)),
                Some(Err(error)) => Event::Over(Some(error)),
                None => Event::Over(None),
            });
        }
        if let Some(failure) = self.watch.faults().next() {
            return Poll::Ready(Event::Fault(failure));
        }
        if let (Some(flood), true) = (self.watch.flood(), self.stage != Stage::Closing) {
            return Poll::Ready(Event::Flood(flood));
        }
        if self.stage == Stage::Open && self.stopping.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Event::Stopping);
        }
        if let Some((end, due)) = self.next_due()
            && self.alarm.is_due(Some(end), cx)
        {
            return Poll::Ready(Event::Due(due));
        }
        Poll::Pending
    }

    /// Whether the last answers are still being read, which leaves the connection as long again.
    fn is_read_on(&mut self) -> bool {
        let taken = self.link.passed.acknowledged();
        let is_read_on = taken >= self.taken.saturating_add(STEP);
        if is_read_on {
            (self.idle_since, self.taken) = (Instant::now(), taken);
        }
        is_read_on
    }

    /// Which time runs out next, and when.
    fn next_due(&self) -> Option<(Instant, Due)> {
        let idle = self.exchanges.is_empty();
        let head = self.watch.head_since().zip(self.limits.header_timeout);
        let head = head.map(|(since, limit)| (since + limit, Due::Head));
        let rest = match self.stage {
            Stage::Closing => return Some((self.idle_since + LINGER, Due::Linger)),
            _ if idle && self.connection.has_streams() => {
                Some((self.idle_since + self.limits.keepalive.idle.unwrap_or(PATIENCE), Due::Untaken))
            }
            Stage::Leaving if idle => Some((self.idle_since + LINGER, Due::Linger)),
            Stage::Open if idle => {
                let limit =
                    if self.requests == 0 { self.limits.header_timeout } else { self.limits.keepalive.idle };
                limit.map(|limit| (self.idle_since + limit, Due::Idle))
            }
            Stage::Open | Stage::Leaving => None,
        };
        [head, rest].into_iter().flatten().min_by_key(|(end, _)| *end)
    }

    /// Begins an exchange.
    fn begin(&mut self, (request, respond): (Request<RecvStream>, SendResponse<Bytes>)) {
        self.requests += 1;
        let keepalive = &self.limits.keepalive;
        let used_up = keepalive.requests.is_some_and(|limit| self.requests >= u64::from(limit))
            || keepalive.age.is_some_and(|age| self.link.opened().elapsed() >= age);
        if used_up || keepalive.idle.is_none() {
            self.leave();
        }
        let (request, body) = request.into_parts();
        let asked = match request.method {
            _ if is_websocket(&request) => Asked::WebSocket,
            Method::HEAD => Asked::Head,
            _ => Asked::Usual,
        };
        let (head, framing) = match head_of(&request, body.is_end_stream()) {
            Ok(Head { bytes, framing }) => (Ok(bytes), framing),
            Err(failure) => (Err(failure), Framing::Plain),
        };
        let link = self.link.stream();
        let stream = Http2Stream::new(body, respond, framing, asked, link.clone());
        let transport = Transport::Http2(Box::new(stream));
        self.exchanges.spawn(serve_stream(self.worker.clone(), transport, link, head));
    }

    /// Tells the client to ask elsewhere; what is under way goes on.
    fn leave(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Leaving;
            self.idle_since = Instant::now();
            self.connection.graceful_shutdown();
        }
    }

    /// Ends the connection, and says why.
    fn cut(&mut self, failure: Failure) {
        self.stage = Stage::Closing;
        self.idle_since = Instant::now();
        self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        self.reject(failure);
    }

    /// The library has ended the connection, or the client has.
    fn account_for(&self, error: Option<h2::Error>) {
        let Some(error) = error.filter(|error| error.is_library() && self.stage != Stage::Closing) else {
            return;
        };
        self.reject(match error.reason() {
            Some(Reason::ENHANCE_YOUR_CALM) => Failure::Flood("streams or frames beyond HTTP/2's bounds"),
            Some(Reason::FRAME_SIZE_ERROR) => {
                Failure::BadRequest("a frame of HTTP/2 has no size it can have")
            }
            Some(Reason::COMPRESSION_ERROR) => Failure::BadRequest("a compressed head cannot be read"),
            Some(Reason::FLOW_CONTROL_ERROR) => {
                Failure::BadRequest("more was sent than HTTP/2's window allows")
            }
            _ => Failure::BadRequest("what was sent is not HTTP/2"),
        });
    }

    /// The library has answered 431, without a body, or has reset the stream.
    fn reject_stream(&self, failure: Failure) {
        let is_answered = failure == Failure::HeaderSize;
        // Its own link's time: the connection may be old.
        let rejection = self.link.stream().rejection(failure);
        let rejection = if is_answered { rejection.answered(0) } else { rejection };
        self.worker.shared.observer.rejected(&rejection);
    }

    fn reject(&self, failure: Failure) {
        self.worker.shared.observer.rejected(&self.link.rejection(failure));
    }
}

//! What a client's connection and the exchange on it tell each other.
//!
//! Both run in one task, with Pingora between them; so nothing is contended, and nearly every value is an atomic.

mod backlog;
mod body;
mod refused;
mod silence;
mod throttle;
mod trailers;

use super::farewell::Stop;
use super::pace::{Passed, Patience};
use crate::exchange::{Client, Failure, Handshake, RefusedHead};
use crate::temporary::Temporary;
pub(crate) use backlog::Backlog;
use body::Gathering;
use refused::Refused;
use silence::nanos;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use throttle::Throttle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trailers::Trailers;
use vordr_rules::table::Address;

/// Stands for no limit.
const OFF: u64 = 0;
/// Stands for what no exchange has said yet.
const UNSAID: u64 = u64::MAX;
/// How many connections and streams there have been.
static LINKS: AtomicU64 = AtomicU64::new(0);

/// The thread between a connection and its exchanges.
#[derive(Debug)]
pub(crate) struct Link {
    /// Its number, counted from 1 since vordr started.
    pub number: u64,
    /// The listener's address, as the rules have it.
    pub listener: Address,
    /// The client's socket address; `None` on a Unix socket.
    pub peer: Option<SocketAddr>,
    /// The address that the client connected to; `None` on a Unix socket.
    pub local: Option<SocketAddr>,
    /// Who that is to the exchanges.
    pub client: Option<Client>,
    /// The port that the client connected to; 0 on a Unix socket.
    pub local_port: u16,
    /// Cancelled when the next answer is to be the connection's last.
    pub leaving: CancellationToken,
    /// Cancelled when the connection is to end as soon as nothing is under way on it.
    pub closing: CancellationToken,
    /// How vordr stops.
    pub stop: Stop,
    /// How long the present exchange waits for its client.
    pub patience: Patience,
    /// What has passed on the connection; its streams share it.
    pub passed: Arc<Passed>,
    /// Whether this is one stream of an HTTP/2 connection.
    pub http2: bool,
    opened: Instant,
    /// The client, and the address that it connected to, by the PROXY header ahead of all.
    introduced: OnceLock<(SocketAddr, SocketAddr)>,
    handshake: OnceLock<Arc<Handshake>>,
    /// The client speaks in the clear where TLS is spoken.
    lacks_tls: AtomicBool,
    head_nanos: AtomicU64,
    head_bytes: AtomicU64,
    /// What is known of a head that is refused, and what stands in for it.
    refused: OnceLock<Refused>,
    /// Why it is, once that is to be answered.
    refusal: OnceLock<RefusedHead>,
    pipelined: AtomicBool,
    /// Bytes of the present answer that were handed over.
    answered: AtomicU64,
    /// How fast they go, where the rules say so.
    throttle: Mutex<Option<Throttle>>,
    requests: AtomicU64,
    admitted: AtomicBool,
    tunnel: AtomicBool,
    whole: AtomicBool,
    between_frames: AtomicBool,
    farewell_said: AtomicBool,
    /// The code of the close frame that the connection ends with; 0 is none.
    last_word: AtomicU16,
    silence_limit: AtomicU64,
    /// Its client has no clock of its own.
    open_ended: AtomicBool,
    ping_after: AtomicU64,
    /// Pings that nobody has counted yet.
    pinged: AtomicU64,
    /// How long a further request may be waited for, in nanoseconds.
    rest: AtomicU64,
    last_progress: AtomicU64,
    silent_too_long: AtomicBool,
    /// How the present body is gathered, while it is.
    gathering: Mutex<Option<Gathering>>,
    /// How much was in its chunks.
    payload: Mutex<Option<u64>>,
    /// The file that it is in, until the exchange takes it over.
    body_file: Mutex<Option<Temporary>>,
    outlasts_client: AtomicBool,
    not_chunks: AtomicBool,
    misframed: AtomicBool,
    too_large: AtomicBool,
    no_room: AtomicBool,
    trailers: Trailers,
    /// How far the upstream is behind with the present request.
    backlog: Mutex<Option<Arc<Backlog>>>,
    cut: AtomicBool,
}

impl Link {
    pub(crate) fn new(
        listener: Address,
        (peer, local): (Option<SocketAddr>, Option<SocketAddr>),
        local_port: u16,
        ends: (CancellationToken, CancellationToken),
        stop: Stop,
    ) -> Arc<Self> {
        Arc::new(Self { local, ..Self::begin(listener, peer, local_port, ends, stop) })
    }

    /// The link of this connection, now that it turns out to be made for `client`, who connected `to` another address.
    pub(crate) fn on_behalf_of(&self, client: SocketAddr, to: SocketAddr) -> Arc<Self> {
        let ends = (self.leaving.clone(), self.closing.clone());
        let link = Self::begin(self.listener.clone(), Some(client), self.local_port, ends, self.stop.clone());
        link.introduce(client, to);
        Arc::new(Self { number: self.number, local: Some(to), opened: self.opened, ..link })
    }

    /// The link of one stream of this connection, which has HTTP/2 on it.
    pub(crate) fn stream(&self) -> Arc<Self> {
        // It is for the connection to close: what is under way goes on.
        let ends = (CancellationToken::new(), CancellationToken::new());
        let stream = Self::begin(self.listener.clone(), self.peer, self.local_port, ends, self.stop.clone());
        Arc::new(Self {
            client: self.client.clone(),
            local: self.local,
            introduced: self.introduced.clone(),
            handshake: self.handshake.clone(),
            lacks_tls: AtomicBool::new(self.lacks_tls()),
            passed: self.passed.clone(),
            http2: true,
            ..stream
        })
    }

    fn begin(
        listener: Address,
        peer: Option<SocketAddr>,
        local_port: u16,
        (leaving, closing): (CancellationToken, CancellationToken),
        stop: Stop,
    ) -> Self {
        Self {
            number: LINKS.fetch_add(1, Relaxed) + 1,
            listener,
            client: peer.map(|peer| peer.ip().into()),
            peer,
            local: None,
            local_port,
            leaving,
            closing,
            stop,
            patience: Patience::default(),
            passed: Arc::default(),
            http2: false,
            opened: Instant::now(),
            introduced: OnceLock::new(),
            handshake: OnceLock::new(),
            lacks_tls: AtomicBool::new(false),
            head_nanos: AtomicU64::new(0),
            head_bytes: AtomicU64::new(0),
            refused: OnceLock::new(),
            refusal: OnceLock::new(),
            pipelined: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            throttle: Mutex::default(),
            requests: AtomicU64::new(0),
            admitted: AtomicBool::new(false),
            tunnel: AtomicBool::new(false),
            whole: AtomicBool::new(false),
            between_frames: AtomicBool::new(true),
            farewell_said: AtomicBool::new(false),
            last_word: AtomicU16::new(0),
            silence_limit: AtomicU64::new(OFF),
            open_ended: AtomicBool::new(false),
            ping_after: AtomicU64::new(OFF),
            pinged: AtomicU64::new(0),
            rest: AtomicU64::new(UNSAID),
            last_progress: AtomicU64::new(0),
            silent_too_long: AtomicBool::new(false),
            gathering: Mutex::default(),
            payload: Mutex::default(),
            body_file: Mutex::default(),
            outlasts_client: AtomicBool::new(false),
            not_chunks: AtomicBool::new(false),
            misframed: AtomicBool::new(false),
            too_large: AtomicBool::new(false),
            no_room: AtomicBool::new(false),
            trailers: Trailers::default(),
            backlog: Mutex::default(),
            cut: AtomicBool::new(false),
        }
    }

    /// When the connection was accepted.
    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    /// Notes whom a PROXY header names as the client, and which address that one connected to.
    pub(crate) fn introduce(&self, client: SocketAddr, to: SocketAddr) {
        // There is one header to a connection.
        let _ = self.introduced.set((client, to));
    }

    /// Whom a PROXY header names as the client, and which address that one connected to.
    pub(crate) fn introduced(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.introduced.get().copied()
    }

    /// Notes what the TLS handshake came to.
    pub(crate) fn secured(&self, handshake: Handshake) {
        // There is one handshake to a connection.
        let _ = self.handshake.set(Arc::new(handshake));
    }

    /// Notes that the client speaks in the clear where TLS is spoken.
    pub(crate) fn without_tls(&self) {
        self.lacks_tls.store(true, Relaxed);
    }

    /// Whether the client speaks in the clear where TLS is spoken.
    pub(crate) fn lacks_tls(&self) -> bool {
        self.lacks_tls.load(Relaxed)
    }

    /// What the TLS handshake came to; `None` in the clear.
    pub(crate) fn handshake(&self) -> Option<Arc<Handshake>> {
        self.handshake.get().cloned()
    }

    /// Notes that a whole head of so many bytes has come, whose first byte came at `since`.
    pub(crate) fn head_arrived(&self, since: Instant, bytes: usize, pipelined: bool) {
        self.head_bytes.store(bytes as u64, Relaxed);
        self.pipelined.store(pipelined, Relaxed);
        self.answered.store(0, Relaxed);
        self.throttle(Vec::new());
        self.head_nanos.store(nanos(since.duration_since(self.opened)), Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.admitted.store(false, Relaxed);
        self.gathered();
        drop(self.take_body_file());
        self.take_payload();
        self.outlast_client(false);
        self.await_trailers(false);
        self.set_backlog(None);
        self.open_ended.store(false, Relaxed);
        self.patience.begin(None, None);
        self.watch(None);
    }

    /// When the first byte of the present head came.
    pub(crate) fn head_since(&self) -> Instant {
        self.opened + Duration::from_nanos(self.head_nanos.load(Relaxed))
    }

    /// How many bytes the present head has.
    pub(crate) fn head_bytes(&self) -> u64 {
        self.head_bytes.load(Relaxed)
    }

    /// Whether the present head came before the answer to the one before it was over.
    pub(crate) fn is_pipelined(&self) -> bool {
        self.pipelined.load(Relaxed)
    }

    /// Whether the present answer is waited for although its client goes away.
    pub(crate) fn outlast_client(&self, on: bool) {
        self.outlasts_client.store(on, Relaxed);
    }

    /// Whether the present answer is waited for although its client goes away.
    pub(crate) fn outlasts_client(&self) -> bool {
        self.outlasts_client.load(Relaxed)
    }

    /// So many bytes of the present answer are on their way.
    pub(crate) fn answering(&self, bytes: usize) {
        self.answered.fetch_add(bytes as u64, Relaxed);
    }

    /// How many bytes of the present answer are on their way, or there.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    /// Behind the present answer a further request may be waited for as long as this; `None` is not at all.
    pub(crate) fn rests_for(&self, limit: Option<Duration>) {
        self.rest.store(limit.map_or(0, nanos), Relaxed);
    }

    /// How long a further request may be waited for; `None` where no exchange has said.
    pub(crate) fn rest(&self) -> Option<Duration> {
        Some(self.rest.load(Relaxed)).filter(|limit| *limit != UNSAID).map(Duration::from_nanos)
    }

    /// How many requests have come, the present one included.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// The present head has reached vordr's hooks, so the exchange will account for it.
    pub(crate) fn admit(&self) {
        self.admitted.store(true, Relaxed);
    }

    /// Whether the present head reached vordr's hooks; if not, Pingora refused it by itself.
    pub(crate) fn was_admitted(&self) -> bool {
        self.admitted.load(Relaxed)
    }

    /// From here on the connection carries another protocol: whatever comes is handed over.
    pub(crate) fn open_tunnel(&self) {
        self.tunnel.store(true, Relaxed);
    }

    /// Whether what has gone to the client ends with a frame's end.
    pub(crate) fn note_frames(&self, between: bool) {
        self.between_frames.store(between, Relaxed);
    }

    /// Whether what has gone to the client ends with a frame's end.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.between_frames.load(Relaxed)
    }

    /// The client has been told that vordr goes away.
    pub(crate) fn farewell_said(&self) {
        self.farewell_said.store(true, Relaxed);
    }

    /// Whether the client has been told that vordr goes away.
    pub(crate) fn is_farewell_said(&self) -> bool {
        self.farewell_said.load(Relaxed)
    }

    /// The connection ends with a close frame of this code.
    pub(crate) fn end_with(&self, code: u16) {
        self.last_word.store(code, Relaxed);
    }

    /// The code of the close frame that the connection ends with.
    pub(crate) fn last_word(&self) -> Option<u16> {
        Some(self.last_word.load(Relaxed)).filter(|code| *code > 0)
    }

    /// Whether the connection carries another protocol.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Relaxed)
    }

    /// The exchange has ended as it should.
    pub(crate) fn end_well(&self) {
        self.whole.store(true, Relaxed);
    }

    /// Whether the exchange has ended as it should.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole.load(Relaxed)
    }
}

impl Link {
    /// The link of the connection that a session is on, which its digest carries along.
    pub(crate) fn of(digest: Option<&pingora_core::protocols::Digest>) -> Option<Arc<Self>> {
        digest?.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref::<Arc<Self>>().cloned()
    }

    /// The present request, refused before it reached a route, and not answered unless that is said.
    pub(crate) fn rejection(&self, failure: Failure) -> crate::observe::Rejection {
        let since = if self.requests() == 0 { self.opened } else { self.head_since() };
        crate::observe::Rejection {
            failure,
            listener: self.listener.clone(),
            connection: self.number,
            line: self.refused.get().and_then(|refused| refused.line.clone()),
            peer: self.peer,
            since: since.into_std(),
            answered: None,
        }
    }
}

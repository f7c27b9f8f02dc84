//! Clients of every kind, each of which fails at the first thing that is not as it must be.

use super::app::digest;
use super::{Doors, Size};
use crate::harness::{Client, Heard, Http2, WebSocket, within};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until};

/// How often one client asks, in a second.
const EACH: u64 = 10;
/// An upload's parts, and the time between two of them.
const PARTS: u64 = 8;
const PART_EVERY: Duration = Duration::from_millis(150);

/// What was seen to be right.
#[derive(Debug, Default)]
pub(crate) struct Count {
    requests: AtomicU64,
    messages: AtomicU64,
    events: AtomicU64,
    uploads: AtomicU64,
    /// Requests are to end.
    over: AtomicBool,
    /// vordr is told to stop: streams may end.
    stopping: AtomicBool,
}

impl Count {
    pub(crate) fn in_words(&self) -> String {
        let [requests, messages, events, uploads] =
            [&self.requests, &self.messages, &self.events, &self.uploads].map(|count| count.load(Relaxed));
        format!("{requests} requests, {messages} messages, {events} events, {uploads} uploads")
    }

    pub(crate) fn is_everything_there(&self) -> bool {
        [&self.requests, &self.messages, &self.events, &self.uploads]
            .iter()
            .all(|count| count.load(Relaxed) > 0)
    }

    fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }
}

/// All of them.
pub(crate) struct Clients {
    count: Arc<Count>,
    message_every: Duration,
    requests: JoinSet<()>,
    event_streams: JoinSet<()>,
    websockets: JoinSet<Heard>,
}

impl Clients {
    /// Starts them; WebSockets and event streams are open then.
    pub(crate) async fn start(doors: &Doors, size: Size, count: &Arc<Count>) -> Self {
        let mut clients = Self {
            count: count.clone(),
            message_every: size.message_every,
            requests: JoinSet::new(),
            event_streams: JoinSet::new(),
            websockets: JoinSet::new(),
        };
        for number in 0..size.websockets {
            if number % 5 == 0 {
                let secured = doors.client.connect(doors.tls, "a.test").await.expect("a handshake");
                clients.open_websocket_on(secured.client).await;
            } else {
                clients.open_websocket(doors.plain).await;
            }
        }
        for _ in 0..size.event_streams {
            let client = Client::connect(doors.plain).await;
            clients.event_streams.spawn(follow_events(client, count.clone()));
        }
        for number in 0..size.requests.div_ceil(EACH) {
            clients.requests.spawn(ask(number, doors.clone(), count.clone()));
        }
        for number in 0..size.uploads {
            clients.requests.spawn(upload(number, doors.plain, count.clone()));
        }
        clients
    }

    /// Opens a further WebSocket.
    pub(crate) async fn open_websocket(&mut self, address: SocketAddr) {
        self.open_websocket_on(Client::connect(address).await).await;
    }

    async fn open_websocket_on(&mut self, client: Client) {
        let socket = client.websocket("a.test", "/stream", "").await.expect("a WebSocket");
        let (count, every) = (self.count.clone(), self.message_every);
        self.websockets.spawn(talk(socket, every, count));
    }

    /// Fails where one of them has.
    pub(crate) fn must_be_well(&mut self) {
        assert!(self.requests.try_join_next().is_none(), "a request has failed");
        assert!(self.event_streams.try_join_next().is_none(), "an event stream has failed");
        let ended = self.websockets.try_join_next();
        assert!(ended.is_none(), "a WebSocket has ended: {ended:?}");
    }

    /// Lets requests and uploads come to their end; streams may end from now on.
    pub(crate) async fn end_requests(&mut self) {
        self.count.over.store(true, Relaxed);
        while let Some(ended) = within(self.requests.join_next()).await {
            ended.expect("no failure");
        }
        self.must_be_well();
        self.count.stopping.store(true, Relaxed);
    }

    /// How each WebSocket ended.
    pub(crate) async fn ends_of_websockets(&mut self) -> Vec<Heard> {
        let mut ends = Vec::new();
        while let Some(ended) = within(self.websockets.join_next()).await {
            ends.push(ended.expect("no failure"));
        }
        while let Some(ended) = within(self.event_streams.join_next()).await {
            ended.expect("no failure");
        }
        ends
    }
}

/// Asks at its rate until it is over: on a connection that is kept, in the clear, over TLS or by HTTP/2, or on a new
/// one each time.
async fn ask(number: u64, doors: Doors, count: Arc<Count>) {
    let mut tick = interval(Duration::from_secs(1) / u32::try_from(EACH).expect("a small number"));
    let mut kept = Kept::None;
    for asked in 0.. {
        if count.is_over() {
            return;
        }
        tick.tick().await;
        let path = format!("/request/{number}-{asked}");
        if number % 5 == 4 || matches!(kept, Kept::None) {
            kept = Kept::connect(if number % 5 == 4 { asked % 5 } else { number }, &doors).await;
        }
        kept.ask(&path).await;
        count.requests.fetch_add(1, Relaxed);
    }
}

/// A connection that is kept.
enum Kept {
    None,
    Http1(Client),
    Http2(Http2),
}

impl Kept {
    async fn connect(kind: u64, doors: &Doors) -> Self {
        match kind % 5 {
            3 => Self::Http2(Http2::connect(doors.plain).await),
            2 => {
                let secured = doors.client.connect(doors.tls, "a.test").await.expect("a handshake");
                Self::Http1(secured.client)
            }
            _ => Self::Http1(Client::connect(doors.plain).await),
        }
    }

    /// Asks, and gives the connection up where the answer says so.
    async fn ask(&mut self, path: &str) {
        let text = match self {
            Self::None => return,
            Self::Http1(client) => {
                let answer = client.get("a.test", path).await;
                let text = answer.text();
                if answer.header("Connection") == Some("close") {
                    *self = Self::None;
                }
                text
            }
            Self::Http2(client) => client.get(path).await.text().await,
        };
        assert_eq!(text, path);
    }
}

/// Uploads, one slow body after the other, until it is over.
async fn upload(number: u64, address: SocketAddr, count: Arc<Count>) {
    for round in 0.. {
        if count.is_over() {
            return;
        }
        let body: Vec<u8> =
            (0..PARTS * 16_384).map(|at| (at.wrapping_mul(31 + number * 7 + round) >> 3) as u8).collect();
        let mut client = Client::connect(address).await;
        client
            .send(format!("POST /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len()))
            .await;
        for part in body.chunks(16_384) {
            sleep(PART_EVERY).await;
            client.send(part).await;
        }
        assert_eq!(client.response().await.text(), digest(&body));
        count.uploads.fetch_add(1, Relaxed);
    }
}

/// Follows an event stream: every event is there, in order, until vordr stops.
async fn follow_events(mut client: Client, count: Arc<Count>) {
    client.send("GET /events HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(client.response_head().await.status(), 200);
    let (mut text, mut next) = (String::new(), 0);
    while let Ok(Some(chunk)) = client.chunk().await {
        text.push_str(std::str::from_utf8(&chunk).expect("text"));
        while let Some((event, rest)) = text.split_once("\n\n") {
            assert_eq!(event, format!("data: {next}"));
            text = rest.to_owned();
            next += 1;
            count.events.fetch_add(1, Relaxed);
        }
    }
    assert!(count.stopping.load(Relaxed), "an event stream was cut after {next} events");
}

/// Sends numbered messages and awaits each again, until the end; what that was.
async fn talk(mut socket: WebSocket, every: Duration, count: Arc<Count>) -> Heard {
    for number in 0.. {
        let message = format!("message {number}");
        socket.say(&message).await;
        match within(socket.heard()).await {
            Heard::Text(echo) => assert_eq!(echo, message),
            end => return checked(end, &count),
        }
        count.messages.fetch_add(1, Relaxed);
        let due = Instant::now() + every;
        tokio::select! {
            heard = socket.heard() => match heard {
                Heard::Text(text) => panic!("nobody asked for {text:?}"),
                end => return checked(end, &count),
            },
            () = sleep_until(due) => {}
        }
    }
    unreachable!("there are numbers enough")
}

fn checked(end: Heard, count: &Count) -> Heard {
    assert!(count.stopping.load(Relaxed), "a WebSocket has ended: {end:?}");
    end
}

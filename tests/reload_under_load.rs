//! Reloads under load, and a stop at the end: nothing fails, nothing is lost, and every WebSocket is told.
//!
//! In its short form here. `make soak` runs the same with the numbers that its variables say.

mod app;
mod clients;
mod rules;

use crate::harness::{Authority, Binary, Client, Heard, TlsClient, within, written};
pub(crate) use app::App;
pub(crate) use clients::{Clients, Count};
use rules::{Rules, Step};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much load there is, and how many reloads in what time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// In a second.
    requests: u64,
    websockets: u64,
    /// From one message of a WebSocket to the next.
    message_every: Duration,
    event_streams: u64,
    uploads: u64,
    reloads: u64,
    time: Duration,
    drain: Duration,
}

impl Size {
    /// As the environment says; what it does not say is small.
    pub(crate) fn wanted() -> Self {
        Self {
            requests: number("SOAK_REQUESTS", 100),
            websockets: number("SOAK_WEBSOCKETS", 60),
            message_every: Duration::from_millis(number("SOAK_MESSAGE_EVERY_MS", 250)),
            event_streams: number("SOAK_EVENT_STREAMS", 10),
            uploads: number("SOAK_UPLOADS", 4),
            reloads: number("SOAK_RELOADS", 20),
            time: Duration::from_secs(number("SOAK_SECONDS", 4)),
            drain: Duration::from_secs(number("SOAK_DRAIN_SECONDS", 3)),
        }
    }
}

/// A number of the environment's.
pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Where vordr is asked.
#[derive(Clone)]
pub(crate) struct Doors {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) client: TlsClient,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_and_no_message_is_lost_by_reloads_and_a_stop_tells_every_websocket() {
    let size = Size::wanted();
    let authority = Authority::new();
    let app = App::running().await;
    let mut rules = Rules::new(&authority, app.port(), size.drain);
    let (folder, path) = written(&rules.first(1));
    let mut binary = Binary::running_with(path.clone(), &[]).await;
    let doors = Doors { plain: rules.plain(), tls: rules.tls(), client: TlsClient::trusting(&authority) };
    let count = Arc::new(Count::default());
    let mut clients = Clients::start(&doors, size, &count).await;

    let started = Instant::now();
    for number in 1..=size.reloads {
        let step = rules.step(number);
        std::fs::write(&path, &step.text).unwrap();
        reload(&rules, &step).await;
        check(&rules, &doors, &step).await;
        if step.opens {
            clients.open_websocket(rules.extra()).await;
        }
        let due = size.time.mul_f64(number as f64 / size.reloads as f64);
        tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
        clients.must_be_well();
    }
    let took = started.elapsed();
    clients.end_requests().await;

    let asked = Instant::now();
    binary.signal("TERM");
    let told = clients.ends_of_websockets().await;
    let ended = within(binary.ended()).await;
    let stopped_in = asked.elapsed();
    println!("{size:?}\n{} in {took:?}; stopped in {stopped_in:?}", count.in_words());
    assert!(ended.success(), "{ended}: {}", binary.said());
    let untold: Vec<_> = told.iter().filter(|end| **end != Heard::Closed(Some(1001))).collect();
    assert!(untold.is_empty(), "{} of {} ended otherwise: {untold:?}", untold.len(), told.len());
    assert!(told.len() as u64 >= size.websockets, "{}", told.len());
    let cut = Duration::from_millis(700);
    assert!(stopped_in < size.drain + cut, "{stopped_in:?}: {}", binary.said());
    assert!(count.is_everything_there(), "{}", count.in_words());
    assert_eq!(rules.failures_in_logs(), Vec::<String>::new());
    drop((folder, app));
}

/// Asks for a reload; the answer says whether it took place.
async fn reload(rules: &Rules<'_>, step: &Step) {
    let mut admin = Client::connect(rules.admin()).await;
    admin.send("POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    let answer = admin.response().await;
    let expected = if step.is_good { 200 } else { 422 };
    assert_eq!(answer.status, expected, "{}: {}", step.what, answer.text());
}

/// What a connection that is opened now finds: the rules of the last good step, and their certificate.
async fn check(rules: &Rules<'_>, doors: &Doors, step: &Step) {
    // One that has no session to go on with, which would tell of the certificate before.
    let stranger = TlsClient::trusting(rules.authority);
    let mut secured = stranger.connect(doors.tls, "a.test").await.expect("a handshake");
    assert_eq!(secured.shown, rules.certificate(), "{}", step.what);
    let answer = secured.client.get("a.test", "/request/0").await;
    assert_eq!(answer.header("X-Rules"), Some(rules.in_force().as_str()), "{}", step.what);
    let extra = tokio::net::TcpStream::connect(rules.extra()).await;
    assert_eq!(extra.is_ok(), rules.listens_on_extra(), "{}", step.what);
}

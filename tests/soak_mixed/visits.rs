//! Clients that come, do one thing and go: careful ones, careless ones, and those that mean no good.

use super::site::WORDS;
use crate::harness::{Client, Http2, within};
use crate::reload_under_load::Doors;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Between two visits of one visitor.
const PAUSE: Duration = Duration::from_millis(50);

/// What a visitor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    AsksTooOften,
    ShowsCredentials,
    ReadsFiles,
    TakesPackedFiles,
    AsksForWhatIsDown,
    AsksByHttp2AndGoes,
    DripsAHead,
    ReadsNothing,
    OpensAndCloses,
    Resets,
    TalksNonsense,
    SendsTooLargeAHead,
    CutsAnUpload,
    CutsStreams,
    FailsAtTls,
}

impl Kind {
    const ALL: [Self; 15] = [
        Self::AsksTooOften,
        Self::ShowsCredentials,
        Self::ReadsFiles,
        Self::TakesPackedFiles,
        Self::AsksForWhatIsDown,
        Self::AsksByHttp2AndGoes,
        Self::DripsAHead,
        Self::ReadsNothing,
        Self::OpensAndCloses,
        Self::Resets,
        Self::TalksNonsense,
        Self::SendsTooLargeAHead,
        Self::CutsAnUpload,
        Self::CutsStreams,
        Self::FailsAtTls,
    ];

    async fn visit(self, doors: &Doors, number: u64) {
        match self {
            Self::AsksTooOften => ask_too_often(doors, number).await,
            Self::ShowsCredentials => show_credentials(doors).await,
            Self::ReadsFiles => read_files(doors).await,
            Self::TakesPackedFiles => take_packed_files(doors).await,
            Self::AsksForWhatIsDown => {
                assert_eq!(connected(doors).await.get("a.test", "/down").await.status, 502)
            }
            Self::AsksByHttp2AndGoes => {
                let answer = Http2::connect(doors.plain).await.get("/files/page.html").await.text().await;
                assert_eq!(answer, "0123456789");
            }
            Self::DripsAHead => drip(doors).await,
            Self::ReadsNothing => {
                let mut client = Client::connect_narrow(doors.plain).await;
                client.send("GET /files/large HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
                sleep(Duration::from_millis(500)).await;
            }
            Self::OpensAndCloses => drop((connected(doors).await, connected(doors).await)),
            Self::Resets => reset(doors).await,
            Self::TalksNonsense => is_turned_away(doors, b"\x16\x03\x01\0\0nonsense\r\n\r\n", 400).await,
            Self::SendsTooLargeAHead => {
                let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "x".repeat(40_000));
                is_turned_away(doors, head.as_bytes(), 431).await;
            }
            Self::CutsAnUpload => {
                let head = "POST /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n";
                connected(doors).await.send(format!("{head}{}", "x".repeat(1000))).await;
            }
            Self::CutsStreams => cut_streams(doors).await,
            Self::FailsAtTls => {
                let mut client = Client::connect(doors.tls).await;
                client.send(b"\x16\x03\x01\0\x05nonsense").await;
                within(client.until_end()).await.ok();
            }
        }
    }
}

async fn connected(doors: &Doors) -> Client {
    Client::connect(doors.plain).await
}

/// Some are let in, others are told to wait.
async fn ask_too_often(doors: &Doors, number: u64) {
    let mut client = connected(doors).await;
    for _ in 0..10 {
        client.send(format!("GET /limited HTTP/1.1\r\nHost: a.test\r\nX-Key: {number}\r\n\r\n")).await;
        let answer = client.response().await;
        let is_told = answer.status == 429 && answer.header("Retry-After").is_some();
        assert!(answer.status == 200 || is_told, "{}", answer.status);
    }
}

async fn show_credentials(doors: &Doors) {
    let mut client = connected(doors).await;
    for (pair, status) in [("ann:password", 200), ("ann:wrong", 401), ("eve:password", 401)] {
        let pair = STANDARD.encode(pair);
        client
            .send(format!("GET /staff HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic {pair}\r\n\r\n"))
            .await;
        assert_eq!(client.response().await.status, status);
    }
}

async fn read_files(doors: &Doors) {
    let mut client = connected(doors).await;
    let whole = client.get("a.test", "/files/page.html").await;
    assert_eq!(whole.text(), "0123456789");
    let etag = whole.header("ETag").expect("a tag").to_owned();
    for (field, status) in [("Range: bytes=2-4", 206), (&format!("If-None-Match: {etag}"), 304)] {
        client.send(format!("GET /files/page.html HTTP/1.1\r\nHost: a.test\r\n{field}\r\n\r\n")).await;
        assert_eq!(client.response().await.status, status, "{field}");
    }
    assert_eq!(client.get("a.test", "/files/nowhere").await.status, 404);
}

async fn take_packed_files(doors: &Doors) {
    let mut client = connected(doors).await;
    for coding in ["gzip", "zstd", "br"] {
        let head = "GET /packed/words.json HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding";
        client.send(format!("{head}: {coding}\r\n\r\n")).await;
        let answer = client.response().await;
        assert_eq!((answer.status, answer.header("Content-Encoding")), (200, Some(coding)));
        assert!(answer.body.len() < WORDS.len() * 50, "{coding}: {}", answer.body.len());
    }
}

/// A head that never ends is ended.
async fn drip(doors: &Doors) {
    let mut client = connected(doors).await;
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n").await;
    for _ in 0..6 {
        client.send("X-Drip: drop\r\n").await;
        sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(client.response().await.status, 408);
}

/// A reset in the middle of a head.
async fn reset(doors: &Doors) {
    let mut stream = within(TcpStream::connect(doors.plain)).await.expect("a connection");
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a.").await;
    stream.set_zero_linger().expect("a socket that can be reset");
}

async fn is_turned_away(doors: &Doors, sent: &[u8], status: u16) {
    let mut client = connected(doors).await;
    client.send(sent).await;
    assert_eq!(client.response().await.status, status);
    client.closed().await;
}

/// Neither says goodbye.
async fn cut_streams(doors: &Doors) {
    let mut socket = connected(doors).await.websocket("a.test", "/stream", "").await.expect("a WebSocket");
    assert!(socket.echoes("still here").await);
    let mut events = connected(doors).await;
    events.send("GET /events HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(events.response_head().await.status(), 200);
    assert!(within(events.chunk()).await.is_ok_and(|chunk| chunk.is_some()));
}

/// Some of each kind.
pub(super) struct Visitors {
    counts: Arc<[AtomicU64; Kind::ALL.len()]>,
    over: Arc<AtomicBool>,
    visitors: JoinSet<()>,
}

impl Visitors {
    /// Starts so many of each kind.
    pub(super) fn start(doors: &Doors, of_each: u64) -> Self {
        let (counts, over) =
            (Arc::<[AtomicU64; Kind::ALL.len()]>::default(), Arc::new(AtomicBool::new(false)));
        let mut visitors = JoinSet::new();
        for number in 0..of_each {
            for (at, kind) in Kind::ALL.into_iter().enumerate() {
                let (doors, counts, over) = (doors.clone(), counts.clone(), over.clone());
                visitors.spawn(async move {
                    while !over.load(Relaxed) {
                        kind.visit(&doors, number).await;
                        counts[at].fetch_add(1, Relaxed);
                        sleep(PAUSE).await;
                    }
                });
            }
        }
        Self { counts, over, visitors }
    }

    /// How many visits there were, and of which kind fewest.
    pub(super) fn in_words(&self) -> String {
        let counts = || self.counts.iter().map(|count| count.load(Relaxed));
        let fewest = counts().zip(Kind::ALL).min_by_key(|(count, _)| *count);
        let (fewest, kind) = fewest.expect("there are kinds");
        format!("{} visits, {fewest} at least ({kind:?})", counts().sum::<u64>())
    }

    /// Whether each kind has come.
    pub(super) fn are_all_there(&self) -> bool {
        self.counts.iter().all(|count| count.load(Relaxed) > 0)
    }

    /// Fails where one of them has.
    pub(super) fn must_be_well(&mut self) {
        let ended = self.visitors.try_join_next();
        assert!(ended.is_none(), "a visitor has failed: {ended:?}");
    }

    /// Lets each come to the end of its visit.
    pub(super) async fn end(&mut self) {
        self.over.store(true, Relaxed);
        while let Some(ended) = within(self.visitors.join_next()).await {
            ended.expect("no failure");
        }
    }
}

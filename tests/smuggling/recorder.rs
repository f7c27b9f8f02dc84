//! An upstream that keeps every byte it was sent, and answers what a strict reading finds in them.

use super::strict::{self, Message};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What each connection carried.
type Seen = Arc<Mutex<Vec<Vec<u8>>>>;
/// What `/meant` is answered.
type Script = Arc<Mutex<Option<Vec<u8>>>>;

/// The recording upstream; it is gone when it is dropped.
pub(super) struct Recorder {
    address: SocketAddr,
    seen: Seen,
    script: Script,
    accepting: JoinHandle<()>,
    /// How much of each connection has been told.
    told: Vec<usize>,
}

impl Recorder {
    /// Answers each request with what it was.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the upstream");
        let address = listener.local_addr().expect("its address");
        let (seen, script) = (Seen::default(), Script::default());
        let accepting = tokio::spawn(accept(listener, seen.clone(), script.clone()));
        Self { address, seen, script, accepting, told: Vec::new() }
    }

    /// From now on it answers `/meant` with these bytes.
    pub(super) fn answer(&self, bytes: &str) {
        *self.script.lock().unwrap() = Some(bytes.into());
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has come since this was last asked, by connection.
    pub(super) fn take_seen(&mut self) -> Vec<Vec<u8>> {
        let seen = self.seen.lock().unwrap();
        self.told.resize(seen.len(), 0);
        let new = seen.iter().zip(&self.told).map(|(all, told)| all[*told..].to_vec());
        let new = new.filter(|new| !new.is_empty()).collect();
        self.told = seen.iter().map(Vec::len).collect();
        new
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What the recorder says of a request.
pub(super) fn echo(request: &Message) -> String {
    format!("{} {} {}", request.method(), request.target(), request.body.len())
}

async fn accept(listener: TcpListener, seen: Seen, script: Script) {
    while let Ok((stream, _)) = listener.accept().await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(Vec::new());
            seen.len() - 1
        };
        tokio::spawn(record(stream, number, seen.clone(), script.clone()));
    }
}

async fn record(mut stream: TcpStream, number: usize, seen: Seen, script: Script) {
    let (mut part, mut answered) = ([0; 16 * 1024], 0);
    while let Ok(count @ 1..) = stream.read(&mut part).await {
        let so_far = {
            let mut seen = seen.lock().unwrap();
            seen[number].extend_from_slice(&part[..count]);
            seen[number].clone()
        };
        // What cannot be read is not answered.
        let Ok(reading) = strict::requests(&so_far) else { return };
        for request in &reading.messages[answered..] {
            let scripted = script.lock().unwrap().clone().filter(|_| request.target() == "/meant");
            let answer = scripted.unwrap_or_else(|| usual(request));
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
        answered = reading.messages.len();
    }
}

fn usual(request: &Message) -> Vec<u8> {
    let text = echo(request);
    let body = if request.method() == "HEAD" { "" } else { &text };
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", text.len()).into_bytes()
}

//! The app behind: it echoes, counts events, and tells what it received.

use crate::harness::{Connection, Origin, Request};
use std::time::Duration;

/// From one event to the next.
const EVENT_EVERY: Duration = Duration::from_millis(200);

/// The running app.
pub(crate) struct App {
    origin: Origin,
}

impl App {
    pub(crate) async fn running() -> Self {
        let origin = Origin::scripted(|mut connection| async move {
            while let Some(request) = connection.request_head().await {
                if request.header("Upgrade").is_some() {
                    return connection.upgrade(&request).await.echo().await;
                }
                match request.target() {
                    "/events" => return send_events(&mut connection).await,
                    _ => match answer(&mut connection, &request).await {
                        Some(text) => connection.send(text).await,
                        None => return,
                    },
                };
            }
        })
        .await;
        Self { origin }
    }

    pub(crate) fn port(&self) -> u16 {
        self.origin.port()
    }
}

/// What an upload had in it, or what was asked for.
async fn answer(connection: &mut Connection, request: &Request) -> Option<String> {
    let body = connection.body(request.head.framing(false)).await.ok()?;
    let said = if body.is_empty() { request.target().to_owned() } else { digest(&body) };
    Some(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len()))
}

/// Numbered events, for as long as somebody listens.
async fn send_events(connection: &mut Connection) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut goes_on = connection.send(head).await;
    for number in 0.. {
        if !goes_on {
            return;
        }
        let event = format!("data: {number}\n\n");
        goes_on = connection.send(format!("{:x}\r\n{event}\r\n", event.len())).await;
        tokio::time::sleep(EVENT_EVERY).await;
    }
}

/// FNV-1a, and the length.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{} {hash:x}", bytes.len())
}

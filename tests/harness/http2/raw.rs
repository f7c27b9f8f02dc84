//! A client of HTTP/2 that sends any frames, as no library would.

use super::super::wire::Socket;
use super::super::within;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that is told frame by frame what to send.
pub(crate) struct RawHttp2 {
    socket: Box<dyn Socket>,
}

impl RawHttp2 {
    /// Connects, and sends the preface with empty settings.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = within(TcpStream::connect(address)).await.expect("a connection to vordr");
        Self::over(Box::new(socket)).await
    }

    /// Begins on a socket.
    pub(crate) async fn over(socket: Box<dyn Socket>) -> Self {
        let mut raw = Self { socket };
        assert!(raw.send(PREFACE).await && raw.frame(SETTINGS, 0, 0, b"").await);
        raw
    }

    /// Sends bytes as they are; whether they could be sent.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        within(self.socket.write_all(bytes)).await.is_ok()
    }

    /// Sends a frame; whether it could be sent.
    pub(crate) async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.send(&frame(kind, flags, stream, payload)).await
    }

    /// Takes as much as can be: the largest windows there are.
    pub(crate) async fn open_windows(&mut self) {
        self.frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]).await;
        self.frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000u32.to_be_bytes()).await;
    }

    /// Asks for `/` of `a.test`, with more fields.
    pub(crate) async fn get(&mut self, stream: u32, more: &[(&str, &str)]) -> bool {
        let usual = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")];
        self.ask(stream, &[&usual, more].concat()).await
    }

    /// Sends a head of these fields as all of a request.
    pub(crate) async fn ask(&mut self, stream: u32, fields: &[(&str, &str)]) -> bool {
        self.frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields)).await
    }

    /// Reads frames until one fits; `false` where the connection ends before.
    pub(crate) async fn until(&mut self, fits: impl Fn(u8, &[u8]) -> bool) -> bool {
        loop {
            match self.next().await {
                Some((kind, payload)) if fits(kind, &payload) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// The next frame's type and payload.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let (kind, payload, _) = self.next_of_stream().await?;
        Some((kind, payload))
    }

    /// The next frame's type and payload, and the stream that it ends.
    pub(crate) async fn next_of_stream(&mut self) -> Option<(u8, Vec<u8>, Option<u32>)> {
        let mut head = [0; 9];
        within(self.socket.read_exact(&mut head)).await.ok()?;
        let [high, middle, low, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        within(self.socket.read_exact(&mut payload)).await.ok()?;
        let ends = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 || kind == RST_STREAM;
        Some((kind, payload, ends.then(|| u32::from_be_bytes(stream))))
    }

    /// Whether the other side has ended the connection, in whichever way; asked without reading.
    pub(crate) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }
}

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a length").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as they are, none of them compressed (RFC 7541, section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A length with a prefix of seven bits (section 5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else { return block.push(length as u8) };
    block.push(127);
    while rest >= 128 {
        block.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    block.push(rest as u8);
}

//! Either end of a WebSocket.

use super::head::Head;
use super::wire::{Socket, Wire};
use super::within;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// The 101 to a handshake.
pub(crate) fn accepted(request: &Head) -> String {
    let key = request.header("Sec-WebSocket-Key").expect("a key");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    )
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    /// The end, with the close frame's code where there was one.
    Closed(Option<u16>),
}

/// Either end of a WebSocket, after its handshake.
pub(crate) struct WebSocket {
    stream: WebSocketStream<Box<dyn Socket>>,
    /// The head of the 101 that a client was answered with.
    pub(crate) head: Head,
    /// Of the close frame that has come.
    code: Option<u16>,
}

impl WebSocket {
    /// Answers 101 and takes the upstream's end.
    pub(super) async fn accept(mut wire: Wire, request: &Head) -> Self {
        let raw = accepted(request);
        wire.send(&raw).await;
        Self::new(wire, Head { raw }, Role::Server).await
    }

    /// Takes the client's end.
    pub(super) async fn client(wire: Wire, head: Head) -> Self {
        assert_eq!(head.header("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Self::new(wire, head, Role::Client).await
    }

    async fn new(wire: Wire, head: Head, role: Role) -> Self {
        let (socket, ahead) = wire.into_parts();
        Self {
            stream: WebSocketStream::from_partially_read(socket, ahead, role, None).await,
            head,
            code: None,
        }
    }

    /// Sends a text; whether it could be sent.
    pub(crate) async fn say(&mut self, text: &str) -> bool {
        within(self.stream.send(Message::text(text))).await.is_ok()
    }

    /// The next text; `None` once the stream is over.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        loop {
            match within(self.stream.next()).await?.ok()? {
                Message::Text(text) => return Some(text.to_string()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The next text or the end, however long it takes; nothing is lost where this is given up before it comes.
    pub(crate) async fn heard(&mut self) -> Heard {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Heard::Text(text.to_string()),
                // It is answered on the way to the very end.
                Some(Ok(Message::Close(frame))) => self.code = frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Closed(self.code),
            }
        }
    }

    /// Sends a text and waits for the same one.
    pub(crate) async fn echoes(&mut self, text: &str) -> bool {
        self.say(text).await && self.hear().await.as_deref() == Some(text)
    }

    /// Sends a close frame.
    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() };
        let _ = within(self.stream.close(Some(frame))).await;
    }

    /// Waits for the end: the close frame's code and reason, or `None` where there was no such frame.
    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        let mut seen = None;
        while let Some(Ok(message)) = within(self.stream.next()).await {
            if let Message::Close(Some(frame)) = message {
                seen = Some((frame.code.into(), frame.reason.to_string()));
            }
        }
        seen
    }

    /// Echoes every message until the stream is over.
    pub(crate) async fn echo(&mut self) {
        // Silence is no failure here: it is for the test to say how long it lasts.
        while let Some(Ok(message)) = self.stream.next().await {
            if (message.is_text() || message.is_binary()) && self.stream.send(message).await.is_err() {
                return;
            }
        }
    }
}

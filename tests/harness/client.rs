//! A client that sends any bytes, and reads answers.

use super::head::{Framing, Head};
use super::websocket::WebSocket;
use super::wire::{Socket, Wire};
use super::within;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use tokio::net::{TcpSocket, TcpStream};

/// A client's connection; all that [`Wire`] can do, and reads whole answers.
pub(crate) struct Client {
    wire: Wire,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) head: Head,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Every value of a header, in order.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.head.headers(name)
    }
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = within(TcpStream::connect(address)).await.expect("a connection to vordr");
        stream.set_nodelay(true).expect("no delay");
        Self { wire: Wire::new(stream) }
    }

    /// Connects with so small a buffer that whoever writes to it and is not read from stalls soon.
    pub(crate) async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let stream = within(socket.connect(address)).await.expect("a connection to vordr");
        Self { wire: Wire::new(stream) }
    }

    /// Takes a connection over.
    pub(crate) fn over(socket: impl Socket + 'static) -> Self {
        Self { wire: Wire::new(socket) }
    }

    /// Asks for `path` of `host`.
    pub(crate) async fn get(&mut self, host: &str, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        self.response().await
    }

    /// The socket, from which nothing may have been read.
    pub(crate) fn into_socket(self) -> Box<dyn Socket> {
        self.wire.into_parts().0
    }

    /// The next final answer, whole.
    pub(crate) async fn response(&mut self) -> Response {
        loop {
            let response = self.any_response().await;
            if response.status >= 200 || response.status == 101 {
                return response;
            }
        }
    }

    /// The next answer, which may be an interim one.
    pub(crate) async fn any_response(&mut self) -> Response {
        let head = self.response_head().await;
        self.rest_of(head).await
    }

    /// The next answer's head; HEAD has nothing more.
    pub(crate) async fn response_head(&mut self) -> Head {
        self.head().await.expect("an answer")
    }

    /// The answer whose head has been read.
    pub(crate) async fn rest_of(&mut self, head: Head) -> Response {
        let framing = head.framing(true);
        let body = self.body(framing).await.expect("a whole body");
        Response { status: head.status(), head, body }
    }

    /// Whether the answer whose head was read is cut before its end.
    pub(crate) async fn is_cut(&mut self, framing: Framing) -> bool {
        assert_ne!(framing, Framing::ToEnd, "an end that a client cannot tell from a cut");
        self.body(framing).await.is_err()
    }

    /// Asks for a WebSocket, with more header lines if need be; the answer's head where it is refused.
    pub(crate) async fn websocket(
        mut self,
        host: &str,
        path: &str,
        more: &str,
    ) -> Result<WebSocket, Response> {
        self.send(handshake(host, path, more)).await;
        let response = self.response().await;
        match response.status {
            101 => Ok(WebSocket::client(self.wire, response.head).await),
            _ => Err(response),
        }
    }
}

/// A request for a WebSocket as a browser sends it.
pub(crate) fn handshake(host: &str, path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

impl Deref for Client {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

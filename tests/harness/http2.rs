//! A client of HTTP/2, by prior knowledge or over a socket that has agreed on it.

pub(crate) mod raw;

use super::within;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Method, Request, StatusCode};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A connection of HTTP/2; it is closed when it is dropped.
pub(crate) struct Http2 {
    send: SendRequest<Bytes>,
    /// How the connection ended.
    ending: JoinHandle<Result<(), h2::Error>>,
}

/// A request under way.
pub(crate) struct Stream {
    pub(crate) answer: ResponseFuture,
    pub(crate) body: SendStream<Bytes>,
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: RecvStream,
}

impl Http2 {
    /// Connects, and speaks HTTP/2 at once.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = within(TcpStream::connect(address)).await.expect("a connection to vordr");
        Self::over(socket).await
    }

    /// Speaks HTTP/2 over a socket.
    pub(crate) async fn over(socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(64 * 1024);
        Self::with(builder, socket).await
    }

    /// Speaks HTTP/2 over a socket, with settings of one's own.
    pub(crate) async fn with(
        builder: h2::client::Builder,
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        let (send, connection) = within(builder.handshake(socket)).await.expect("HTTP/2");
        Self { send, ending: tokio::spawn(connection) }
    }

    /// Sends a head; the body may follow unless it `ended`.
    pub(crate) async fn open(&mut self, request: Request<()>, ended: bool) -> Stream {
        self.send = within(self.send.clone().ready()).await.expect("room for a stream");
        let (answer, body) = self.send.send_request(request, ended).expect("a request that can be sent");
        Stream { answer, body }
    }

    /// Whether the server takes further streams.
    pub(crate) async fn is_open(&mut self) -> bool {
        within(self.send.clone().ready()).await.is_ok()
    }

    /// Whether WebSockets may be asked for (RFC 8441); known once the server's settings have come.
    pub(crate) fn knows_websockets(&self) -> bool {
        self.send.is_extended_connect_protocol_enabled()
    }

    /// Asks for a path of `a.test`.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let stream = self.open(request(Method::GET, path).body(()).expect("a request"), true).await;
        stream.answer().await
    }

    /// Waits until the connection has ended, and says how.
    pub(crate) async fn ended(self) -> Result<(), h2::Error> {
        drop(self.send);
        within(self.ending).await.expect("a task that ends")
    }
}

/// A request of `a.test`.
pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://a.test{path}"))
}

impl Stream {
    /// Sends all of a body, as fast as the server takes it.
    pub(crate) async fn send(&mut self, mut bytes: Bytes, end: bool) -> Result<(), h2::Error> {
        while !bytes.is_empty() {
            self.body.reserve_capacity(bytes.len());
            let room = within(std::future::poll_fn(|cx| self.body.poll_capacity(cx))).await;
            let room = room.ok_or(h2::Error::from(Reason::CANCEL))??;
            let part = bytes.split_to(room.min(bytes.len()));
            self.body.send_data(part, end && bytes.is_empty())?;
        }
        Ok(())
    }

    /// The next interim answer's status.
    pub(crate) async fn interim(&mut self) -> StatusCode {
        let interim = within(std::future::poll_fn(|cx| self.answer.poll_informational(cx))).await;
        interim.expect("an interim answer").expect("no reset").status()
    }

    /// The answer's head, with the stream still at hand.
    pub(crate) async fn head(&mut self) -> Answer {
        let (head, body) = within(&mut self.answer).await.expect("an answer").into_parts();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// The answer's head.
    pub(crate) async fn answer(self) -> Answer {
        self.try_answer().await.expect("an answer")
    }

    /// The answer's head, where there is one.
    pub(crate) async fn try_answer(self) -> Result<Answer, h2::Error> {
        let (head, body) = within(self.answer).await?.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Answer {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next part of the body; `None` at its end.
    pub(crate) async fn part(&mut self) -> Result<Option<Bytes>, h2::Error> {
        // The end may come as an empty part of its own.
        loop {
            match within(self.body.data()).await.transpose()? {
                Some(part) if part.is_empty() => {}
                None => return Ok(None),
                Some(part) => {
                    self.body.flow_control().release_capacity(part.len())?;
                    return Ok(Some(part));
                }
            }
        }
    }

    /// The rest of the body.
    pub(crate) async fn whole(&mut self) -> Result<Vec<u8>, h2::Error> {
        let mut whole = Vec::new();
        while let Some(part) = self.part().await? {
            whole.extend_from_slice(&part);
        }
        Ok(whole)
    }

    /// The rest of the body as text.
    pub(crate) async fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.whole().await.expect("a whole body")).into_owned()
    }
}

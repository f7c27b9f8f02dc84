//! One stream of HTTP/2 as a connection of HTTP/1.1 that carries one request.
//!
//! `ClientStream` reads and writes it as it does a socket, so whatever holds for HTTP/1.1 (limits, clocks, logs, tunnels)
//! holds here. Nothing is kept in between: what is not read takes up the stream's window, and what the client does not
//! take is not taken from whoever writes.

use super::answer::{Asked, Body, HeadReader, Read};
use super::request::Framing;
use crate::connection::{ChunkScan, Link};
use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a call ended, behind its answer's body, or in its head where there is none.
const GRPC_STATUS: &str = "grpc-status";

/// A stream that looks like a socket.
#[derive(Debug)]
pub(crate) struct Http2Stream {
    request: Incoming,
    answer: Outgoing,
    asked: Asked,
    link: Arc<Link>,
}

/// The request's body.
#[derive(Debug)]
struct Incoming {
    body: RecvStream,
    framing: Framing,
    /// What frames the data as a chunk.
    before: Bytes,
    data: Bytes,
    after: &'static [u8],
    ended: bool,
}

/// The answer, as far as it has been sent.
#[derive(Debug)]
struct Outgoing {
    respond: SendResponse<Bytes>,
    /// There is one once the head has been sent.
    send: Option<SendStream<Bytes>>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Head(HeadReader),
    /// A head of gRPC that may be all there is: what ends with its head has its status there.
    Held(Box<(Response<()>, ChunkScan)>),
    Body(Body),
    Sent,
}

impl Http2Stream {
    pub(super) fn new(
        body: RecvStream,
        respond: SendResponse<Bytes>,
        framing: Framing,
        asked: Asked,
        link: Arc<Link>,
    ) -> Self {
        let ended = body.is_end_stream();
        let (before, data, after) = (Bytes::new(), Bytes::new(), &[][..]);
        Self {
            request: Incoming { body, framing, before, data, after, ended },
            answer: Outgoing { respond, send: None, stage: Stage::Head(HeadReader::default()) },
            asked,
            link,
        }
    }

    /// Waits until the client takes its request back.
    pub(crate) fn poll_taken_back(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.answer.poll_taken_back(cx)
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let filled = ready!(this.request.poll_fill(cx)).map_err(|error| {
            if error.is_library() {
                this.link.misframed();
            }
            gone(error)
        });
        if filled? {
            this.request.hand_over(buf);
            return Poll::Ready(Ok(()));
        }
        match this.asked {
            // Half of a tunnel has ended.
            Asked::WebSocket => Poll::Ready(Ok(())),
            // Nothing more comes, but the client may take its request back.
            Asked::Head | Asked::Usual => this.poll_taken_back(cx).map(Err),
        }
    }
}

impl Incoming {
    /// Waits for something to hand over; `false` at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, h2::Error>> {
        while self.before.is_empty() && self.data.is_empty() && self.after.is_empty() {
            if self.ended {
                return Poll::Ready(Ok(false));
            }
            match ready!(self.body.poll_data(cx)).transpose()? {
                None => {
                    self.ended = true;
                    self.after = if self.framing == Framing::Chunked { b"0\r\n\r\n" } else { b"" };
                }
                Some(data) => self.take(data),
            }
        }
        Poll::Ready(Ok(true))
    }

    fn take(&mut self, data: Bytes) {
        if self.framing == Framing::Chunked && !data.is_empty() {
            self.before = format!("{:x}\r\n", data.len()).into();
            self.after = b"\r\n";
        }
        self.data = data;
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        copy(&mut self.before, buf);
        let count = copy(&mut self.data, buf);
        // Fails only for more than has come.
        let _ = self.body.flow_control().release_capacity(count);
        if self.data.is_empty() {
            copy(&mut self.after, buf);
        }
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut taken = 0;
        while let Some(rest @ [_, ..]) = buf.get(taken..) {
            match this.answer.poll_take(cx, rest, this.asked, &this.link) {
                Poll::Ready(Ok(count)) => taken += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if taken == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What has been handed to the library leaves as soon as the connection's task runs.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The end of the stream says whether the answer is whole, which is known when this is dropped.
        Poll::Ready(Ok(()))
    }
}

impl Outgoing {
    /// Takes some of what is written; how much.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        asked: Asked,
        link: &Link,
    ) -> Poll<io::Result<usize>> {
        match &mut self.stage {
            Stage::Head(reader) => {
                let (taken, read) = reader.read(bytes, asked).map_err(|_| invalid())?;
                if let Some(read) = read {
                    self.send_head(read, link)?;
                }
                Poll::Ready(Ok(taken))
            }
            Stage::Held(_) => Poll::Ready(self.take_after_held(bytes, link)),
            Stage::Body(body) => {
                let Some(send) = &mut self.send else { return Poll::Ready(Err(invalid())) };
                let (taken, over) = ready!(poll_body(send, body, cx, bytes, link))?;
                if over {
                    self.stage = Stage::Sent;
                }
                Poll::Ready(Ok(taken))
            }
            // Nothing can follow the end.
            Stage::Sent => Poll::Ready(Err(invalid())),
        }
    }

    fn send_head(&mut self, read: Read, link: &Link) -> io::Result<()> {
        match read {
            Read::Interim(response) => self.respond.send_informational(response).map_err(gone),
            Read::Final(response, Body::Chunks(scan)) if response.headers().contains_key(GRPC_STATUS) => {
                self.stage = Stage::Held(Box::new((response, scan)));
                Ok(())
            }
            Read::Final(response, body) => {
                let over = matches!(body, Body::Length(0)) && !link.awaits_trailers();
                self.send = Some(self.respond.send_response(response, over).map_err(gone)?);
                self.stage = if over { Stage::Sent } else { Stage::Body(body) };
                Ok(())
            }
        }
    }

    /// Takes what frames the body behind a head that is held back, which goes as soon as it is known whether that is all.
    fn take_after_held(&mut self, bytes: &[u8], link: &Link) -> io::Result<usize> {
        let Stage::Held(held) = &mut self.stage else { return Err(invalid()) };
        let framing = held.1.pass_frame(bytes).map_err(|_| invalid())?;
        let over = held.1.is_done();
        if over || framing < bytes.len() {
            let trailers = if over { link.take_trailers() } else { None };
            self.send_held(over && trailers.is_none())?;
            if let (Some(trailers), Some(send)) = (trailers, &mut self.send) {
                send.send_trailers(trailers).map_err(gone)?;
                self.stage = Stage::Sent;
            }
        }
        Ok(framing)
    }

    fn send_held(&mut self, over: bool) -> io::Result<()> {
        if let Stage::Held(held) = std::mem::replace(&mut self.stage, Stage::Sent) {
            let (response, scan) = *held;
            self.send = Some(self.respond.send_response(response, over).map_err(gone)?);
            if !over {
                self.stage = Stage::Body(Body::Chunks(scan));
            }
        }
        Ok(())
    }

    /// Waits until the client takes its request back.
    fn poll_taken_back(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let reset = match &mut self.send {
            Some(send) => ready!(send.poll_reset(cx)),
            None => ready!(self.respond.poll_reset(cx)),
        };
        Poll::Ready(reset.map_or_else(gone, |_| io::ErrorKind::ConnectionReset.into()))
    }

    /// Nothing more will be written.
    fn end(&mut self, link: &Link) {
        let whole = link.is_whole();
        match (&self.stage, &mut self.send) {
            (Stage::Sent, _) => {}
            (Stage::Body(Body::Tunnel), Some(send)) => end_stream(send),
            (Stage::Body(Body::ToEnd | Body::Length(0)), Some(send)) if whole => end_body(send, link),
            // What is cut must not look whole.
            _ => self.respond.send_reset(Reason::INTERNAL_ERROR),
        }
    }
}

impl Drop for Http2Stream {
    fn drop(&mut self) {
        self.answer.end(&self.link);
    }
}

/// Sends some of a body; how many bytes were taken, and whether it is over.
fn poll_body(
    send: &mut SendStream<Bytes>,
    body: &mut Body,
    cx: &mut Context<'_>,
    bytes: &[u8],
    link: &Link,
) -> Poll<io::Result<(usize, bool)>> {
    match body {
        Body::Tunnel | Body::ToEnd => poll_send(send, cx, bytes, u64::MAX).map_ok(|sent| (sent, false)),
        Body::Length(left) if bytes.len() as u64 <= *left => {
            let awaits = link.awaits_trailers();
            let sent = ready!(poll_send(send, cx, bytes, if awaits { u64::MAX } else { *left }))?;
            *left = left.saturating_sub(sent as u64);
            Poll::Ready(Ok((sent, *left == 0 && !awaits)))
        }
        Body::Length(_) => Poll::Ready(Err(invalid())),
        Body::Chunks(scan) => {
            let framing = scan.pass_frame(bytes).map_err(|_| invalid())?;
            if scan.is_done() {
                end_body(send, link);
                return Poll::Ready(Ok((framing, true)));
            }
            let payload = bytes.get(framing..).unwrap_or_default();
            let most = usize::try_from(scan.payload_next()).unwrap_or(usize::MAX).min(payload.len());
            let payload = payload.get(..most).unwrap_or_default();
            if payload.is_empty() {
                return Poll::Ready(Ok((framing, false)));
            }
            match poll_send(send, cx, payload, u64::MAX) {
                Poll::Pending if framing > 0 => Poll::Ready(Ok((framing, false))),
                outcome => {
                    let sent = scan.pass_payload(ready!(outcome)? as u64);
                    Poll::Ready(Ok((framing + sent, false)))
                }
            }
        }
    }
}

/// Sends as much as the client takes of `bytes`, which belong to the `left` bytes that end the stream.
fn poll_send(
    send: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
    bytes: &[u8],
    left: u64,
) -> Poll<io::Result<usize>> {
    send.reserve_capacity(bytes.len());
    let capacity = match send.capacity() {
        0 => match ready!(send.poll_capacity(cx)) {
            Some(capacity) => capacity.map_err(gone)?,
            None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        },
        capacity => capacity,
    };
    let part = bytes.get(..capacity.min(bytes.len())).unwrap_or_default();
    send.send_data(Bytes::copy_from_slice(part), part.len() as u64 == left).map_err(gone)?;
    Poll::Ready(Ok(part.len()))
}

/// Ends the stream with the trailers that there are.
fn end_body(send: &mut SendStream<Bytes>, link: &Link) {
    match link.take_trailers() {
        // Fails only where the client is gone.
        Some(trailers) => drop(send.send_trailers(trailers)),
        None => end_stream(send),
    }
}

fn end_stream(send: &mut SendStream<Bytes>) {
    // Fails only where the client is gone.
    let _ = send.send_data(Bytes::new(), true);
}

/// Copies what fits; how much.
fn copy(from: &mut impl Buf, to: &mut ReadBuf<'_>) -> usize {
    let count = from.remaining().min(to.remaining());
    to.put_slice(from.chunk().get(..count).unwrap_or_default());
    from.advance(count);
    count
}

fn gone(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

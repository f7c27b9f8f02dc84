//! A scripted upstream that speaks HTTP/2.

use super::Identity;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An upstream of HTTP/2 alone: it answers each request with 200, a body and trailers, and remembers it.
pub(crate) struct Http2Origin {
    address: SocketAddr,
    tls: bool,
    memory: Arc<Mutex<Memory>>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Memory {
    requests: Vec<(Request<()>, Vec<u8>)>,
    connections: usize,
}

impl Http2Origin {
    /// Answers with these bytes; by prior knowledge, or over TLS with ALPN.
    pub(crate) async fn answering(identity: Option<&Identity>, body: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the upstream");
        let address = listener.local_addr().expect("its address");
        let memory: Arc<Mutex<Memory>> = Arc::default();
        let tls = identity.map(Identity::acceptor_of_http2);
        let accepting = tokio::spawn(accept(listener, tls, body, memory.clone()));
        Self { address, tls: identity.is_some(), memory, accepting }
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Whether it speaks TLS.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.tls
    }

    /// Every request so far, with its body.
    pub(crate) fn requests(&self) -> Vec<(Request<()>, Vec<u8>)> {
        let memory = self.memory.lock().unwrap();
        memory.requests.iter().map(|(head, body)| (copied(head), body.clone())).collect()
    }

    /// How many connections have been opened.
    pub(crate) fn connections(&self) -> usize {
        self.memory.lock().unwrap().connections
    }
}

impl Drop for Http2Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn copied(head: &Request<()>) -> Request<()> {
    let mut copy = Request::new(());
    *copy.method_mut() = head.method().clone();
    *copy.uri_mut() = head.uri().clone();
    *copy.headers_mut() = head.headers().clone();
    copy
}

async fn accept(
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    body: &'static [u8],
    memory: Arc<Mutex<Memory>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        memory.lock().unwrap().connections += 1;
        let (tls, memory) = (tls.clone(), memory.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, body, memory).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, body, memory).await;
                    }
                }
            }
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    body: &'static [u8],
    memory: Arc<Mutex<Memory>>,
) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond, body, memory.clone()));
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    body: &'static [u8],
    memory: Arc<Mutex<Memory>>,
) {
    let (head, mut incoming) = request.into_parts();
    let mut received = Vec::new();
    while let Some(Ok(part)) = incoming.data().await {
        let _ = incoming.flow_control().release_capacity(part.len());
        received.extend_from_slice(&part);
    }
    memory.lock().unwrap().requests.push((Request::from_parts(head, ()), received));
    let response =
        Response::builder().header("content-type", "application/grpc").body(()).expect("a response");
    let Ok(mut sending) = respond.send_response(response, false) else { return };
    let _ = sending.send_data(Bytes::from_static(body), false);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().expect("a value"));
    let _ = sending.send_trailers(trailers);
}

//! A scripted upstream: it answers as the test says, and remembers what it was asked.

use super::certificates::Identity;
use super::head::Head;
use super::websocket::WebSocket;
use super::wire::{Socket, Wire};
use super::{eventually, within};
use std::future::Future;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// A scripted upstream; it is gone when it is dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    scheme: &'static str,
    memory: Arc<Mutex<Memory>>,
    accepting: JoinHandle<()>,
}

/// What an upstream remembers.
#[derive(Default)]
struct Memory {
    requests: Vec<Request>,
    connections: usize,
}

/// A request as it came, byte by byte.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// The name that TLS asked for.
    pub(crate) sni: Option<String>,
}

impl Request {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The target as it came.
    pub(crate) fn target(&self) -> &str {
        self.head.target()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

type Script = Arc<dyn Fn(Connection) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

impl Origin {
    /// Answers 200 with this text, to whatever is asked.
    pub(crate) async fn answering(text: &str) -> Self {
        Self::responding(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())).await
    }

    /// Answers with these bytes, to whatever is asked.
    pub(crate) async fn responding(response: &str) -> Self {
        let response = response.to_owned();
        Self::scripted(move |connection| always(connection, response.clone())).await
    }

    /// Runs a script on each connection.
    pub(crate) async fn scripted<F>(script: impl Fn(Connection) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(None, Arc::new(move |connection| Box::pin(script(connection)))).await
    }

    /// Answers 200 with this text, over TLS.
    pub(crate) async fn answering_tls(identity: &Identity, text: &str) -> Self {
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        Self::scripted_tls(identity, move |connection| always(connection, response.clone())).await
    }

    /// Runs a script on each connection, over TLS.
    pub(crate) async fn scripted_tls<F>(
        identity: &Identity,
        script: impl Fn(Connection) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start(Some(identity.acceptor()), Arc::new(move |connection| Box::pin(script(connection)))).await
    }

    /// Answers each request with `late`, once the test has given its word for it.
    pub(crate) async fn held(word: Arc<Semaphore>) -> Self {
        Self::scripted(move |mut connection| {
            let word = word.clone();
            async move {
                while connection.request().await.is_some() {
                    word.acquire().await.unwrap().forget();
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").await;
                }
            }
        })
        .await
    }

    /// Echoes every WebSocket message.
    pub(crate) async fn echoing() -> Self {
        Self::scripted(|mut connection| async move {
            let Some(request) = connection.request().await else { return };
            connection.upgrade(&request).await.echo().await;
        })
        .await
    }

    async fn start(tls: Option<tokio_rustls::TlsAcceptor>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the upstream");
        let address = listener.local_addr().expect("the upstream's address");
        let memory = Arc::new(Mutex::new(Memory::default()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let accepting = tokio::spawn(accept(listener, tls, script, memory.clone()));
        Self { address, scheme, memory, accepting }
    }

    /// Its URL by address.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Its URL by a name.
    pub(crate) fn url_as(&self, name: &str) -> String {
        format!("{}://{name}:{}", self.scheme, self.port())
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.memory.lock().unwrap().requests.clone()
    }

    /// The one request that has come.
    pub(crate) fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "the upstream was asked once");
        requests.remove(0)
    }

    /// The first request, awaited.
    pub(crate) async fn first_request(&self) -> Request {
        eventually("a request at the upstream", || self.requests().into_iter().next()).await
    }

    /// How many connections have been opened.
    pub(crate) fn connections(&self) -> usize {
        self.memory.lock().unwrap().connections
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn always(mut connection: Connection, response: String) {
    while connection.request().await.is_some() {
        connection.send(&response).await;
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    script: Script,
    memory: Arc<Mutex<Memory>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        memory.lock().unwrap().connections += 1;
        tokio::spawn(serve(stream, tls.clone(), script.clone(), memory.clone()));
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<tokio_rustls::TlsAcceptor>,
    script: Script,
    memory: Arc<Mutex<Memory>>,
) {
    let Some(tls) = tls else { return script(Connection::new(stream, memory, None)).await };
    // A handshake that the other side gives up is what some tests are about.
    let Ok(stream) = within(tls.accept(stream)).await else { return };
    let sni = stream.get_ref().1.server_name().map(str::to_owned);
    script(Connection::new(stream, memory, sni)).await;
}

/// The upstream's end of one connection; all that [`Wire`] can do, and remembers requests.
pub(crate) struct Connection {
    wire: Wire,
    memory: Arc<Mutex<Memory>>,
    sni: Option<String>,
}

impl Connection {
    fn new(stream: impl Socket + 'static, memory: Arc<Mutex<Memory>>, sni: Option<String>) -> Self {
        Self { wire: Wire::new(stream), memory, sni }
    }

    /// The next request with its whole body; `None` once there is none.
    pub(crate) async fn request(&mut self) -> Option<Request> {
        let head = self.next_head().await?;
        let body = self.wire.body(head.framing(false)).await.ok()?;
        Some(self.remember(head, body))
    }

    /// The next request's head; its body is left to the script.
    pub(crate) async fn request_head(&mut self) -> Option<Request> {
        let head = self.next_head().await?;
        Some(self.remember(head, Vec::new()))
    }

    /// A connection that is kept may be silent for as long as it likes.
    async fn next_head(&mut self) -> Option<Head> {
        if self.wire.awakes().await { self.wire.head().await } else { None }
    }

    /// Answers 101 to a request for a WebSocket.
    pub(crate) async fn upgrade(self, request: &Request) -> WebSocket {
        WebSocket::accept(self.wire, &request.head).await
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        self.wire.reset();
    }

    fn remember(&self, head: Head, body: Vec<u8>) -> Request {
        let request = Request { head, body, sni: self.sni.clone() };
        self.memory.lock().unwrap().requests.push(request.clone());
        request
    }
}

impl Deref for Connection {
    type Target = Wire;
    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

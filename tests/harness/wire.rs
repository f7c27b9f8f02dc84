//! One end of a connection, read as HTTP/1 messages; both the scripted upstream and the client are made of it.

use super::head::{Framing, Head};
use super::within;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A TCP connection, perhaps with TLS on it.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {
    /// The TCP connection at the bottom.
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for tokio_rustls::server::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

impl Socket for tokio_rustls::client::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// One end of a connection. Whatever is awaited is awaited for a limited time, so that a test fails and does not
/// hang.
pub(crate) struct Wire {
    socket: Box<dyn Socket>,
    ahead: Vec<u8>,
    /// What stood behind the last body that came in chunks, line by line.
    pub(crate) trailers: Vec<String>,
}

impl Wire {
    pub(crate) fn new(socket: impl Socket + 'static) -> Self {
        Self { socket: Box::new(socket), ahead: Vec::new(), trailers: Vec::new() }
    }

    /// Sends bytes as they are. A peer that is gone is no failure here: tests look at what was answered.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = async {
            self.socket.write_all(bytes.as_ref()).await?;
            self.socket.flush().await
        };
        within(sent).await.is_ok()
    }

    /// The next head; `None` where the connection ends before it.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                let raw = self.ahead.drain(..end + 4).collect();
                return Some(Head { raw: String::from_utf8(raw).expect("a head in UTF-8") });
            }
            if !matches!(self.fill().await, Ok(true)) {
                return None;
            }
        }
    }

    /// Waits, for however long, until something has come; `false` where the connection ends first.
    pub(crate) async fn awakes(&mut self) -> bool {
        !self.ahead.is_empty() || matches!(self.socket.read_buf(&mut self.ahead).await, Ok(1..))
    }

    /// A whole body; an error where the connection ends before it does.
    pub(crate) async fn body(&mut self, framing: Framing) -> io::Result<Vec<u8>> {
        match framing {
            Framing::Length(length) => self.exactly(length).await,
            Framing::ToEnd => self.until_end().await,
            Framing::Chunked => {
                let mut body = Vec::new();
                while let Some(chunk) = self.chunk().await? {
                    body.extend(chunk);
                }
                Ok(body)
            }
        }
    }

    /// So many bytes.
    pub(crate) async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            self.more().await?;
        }
        Ok(self.ahead.drain(..length).collect())
    }

    /// The next chunk of a chunked body; `None` is its end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.line().await?;
        let size =
            usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
        if size == 0 {
            self.trailers.clear();
            loop {
                match self.line().await? {
                    line if line.is_empty() => return Ok(None),
                    line => self.trailers.push(line),
                }
            }
        }
        let chunk = self.exactly(size).await?;
        assert_eq!(self.line().await?, "", "a chunk ends where its size says");
        Ok(Some(chunk))
    }

    /// Everything until the connection ends.
    pub(crate) async fn until_end(&mut self) -> io::Result<Vec<u8>> {
        while self.fill().await? {}
        Ok(std::mem::take(&mut self.ahead))
    }

    /// Waits until the other side has ended the connection, in whichever way.
    pub(crate) async fn closed(&mut self) {
        while matches!(self.fill().await, Ok(true)) {}
    }

    /// Whether nothing has come, and nothing comes for a moment.
    pub(crate) async fn is_silent(&mut self) -> bool {
        let moment = std::time::Duration::from_millis(150);
        self.ahead.is_empty() && tokio::time::timeout(moment, self.fill()).await.is_err()
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        self.socket.tcp().set_zero_linger().expect("a socket that can be reset");
    }

    /// The socket, and what was read from it already.
    pub(crate) fn into_parts(self) -> (Box<dyn Socket>, Vec<u8>) {
        (self.socket, self.ahead)
    }

    /// The next line, without its end.
    pub(crate) async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.fill().await? {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads something; `false` is the end.
    async fn fill(&mut self) -> io::Result<bool> {
        Ok(within(self.socket.read_buf(&mut self.ahead)).await? > 0)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

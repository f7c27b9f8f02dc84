//! Connections to servers, made for Pingora and known to vordr for as long as they are open.

use super::both_ways::{Socket, both_ways};
use super::classify::OWN;
use super::patience::{Hook, Patience};
use super::race;
use super::reserve::{Line, Reserve};
use crate::connection::Backlog;
use crate::exchange::Failure;
use async_trait::async_trait;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::GetProxyDigest;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::{Error, ErrorType, Result};
use std::net::SocketAddr as InetSocketAddr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};
use tokio::net::{TcpStream, UnixStream};

/// Connects to one server.
pub(super) struct Dialer {
    hook: Option<Hook>,
    /// `timeouts send`.
    limit: Option<Duration>,
    reserve: Arc<Reserve>,
    /// Its connections are written to and read from at once, and serve one request.
    both_ways: bool,
}

/// The dialers of one server: one for each `timeouts send` of the rules, and one for none.
#[derive(Debug)]
pub(super) struct Dialers(Vec<(Option<Duration>, Arc<Dialer>)>);

impl Dialers {
    pub(super) fn new(patience: &Patience, reserve: &Arc<Reserve>) -> Self {
        let dialer = |(limit, hook)| {
            let reserve = reserve.clone();
            (limit, Arc::new(Dialer { hook, limit, reserve, both_ways: false }))
        };
        Self(patience.all().map(dialer).collect())
    }

    /// That for a `timeouts send`.
    pub(super) fn of(&self, limit: Option<Duration>) -> Option<&Arc<Dialer>> {
        self.0.iter().find(|(known, _)| *known == limit).map(|(_, dialer)| dialer)
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

#[async_trait]
impl Connect for Dialer {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        self.connect_from(None, address).await
    }
}

impl Dialer {
    /// Connects, from an address of this machine where one is named. A Unix socket has none.
    pub(super) async fn connect_from(
        &self,
        own: Option<InetSocketAddr>,
        address: &SocketAddr,
    ) -> Result<Stream> {
        match address {
            SocketAddr::Inet(address) => match race::connect(*address, own, self.hook.clone()).await {
                Ok(stream) => Ok(self.known(stream)),
                Err(error) => Err(unreached(error)),
            },
            SocketAddr::Unix(address) => {
                let path = address.as_pathname().unwrap_or_else(|| "".as_ref());
                match UnixStream::connect(path).await {
                    Ok(stream) => Ok(self.known(stream)),
                    Err(error) => Err(unreached(error)),
                }
            }
        }
    }

    /// The same for a request that a server may answer while it takes it.
    pub(super) fn both_ways(&self) -> Arc<Self> {
        let (hook, reserve) = (self.hook.clone(), self.reserve.clone());
        Arc::new(Self { hook, limit: self.limit, reserve, both_ways: true })
    }

    fn known(&self, socket: impl Socket + AsRawFd + Into<Stream>) -> Stream {
        let backlog = self.both_ways.then(Arc::<Backlog>::default);
        let line = Line::new(&self.reserve, socket.as_raw_fd(), backlog.clone());
        let mut stream = match backlog {
            Some(backlog) => both_ways(socket, backlog, self.limit),
            None => socket.into(),
        };
        stream.set_proxy_digest(line.digest());
        stream
    }
}

/// The failure as Pingora has it.
fn unreached(error: io::Error) -> Box<Error> {
    match race::failure(&error) {
        Failure::ConnectTimeout => Error::because(ErrorType::ConnectTimedout, "connecting", error),
        Failure::Internal(reason) => Error::because(OWN, reason, error),
        _ => Error::because(ErrorType::ConnectRefused, "connecting", error),
    }
}

/// A connection that is there already, for Pingora to take.
#[derive(Debug)]
pub(super) struct Handed {
    stream: Mutex<Option<TcpStream>>,
    dialer: Arc<Dialer>,
}

impl Handed {
    pub(super) fn new(stream: TcpStream, dialer: &Arc<Dialer>) -> Arc<Self> {
        Arc::new(Self { stream: Mutex::new(Some(stream)), dialer: dialer.clone() })
    }
}

#[async_trait]
impl Connect for Handed {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let handed = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        match handed {
            Some(stream) => Ok(self.dialer.known(stream)),
            None => self.dialer.connect(address).await,
        }
    }
}

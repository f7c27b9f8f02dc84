//! Sockets that listen, and the loops that accept from them.

use crate::connection::Transport;
use crate::start_error::StartError;
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use vordr_rules::table::Address;

/// How many connections the kernel keeps waiting; it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// How long accepting pauses after a failure, most likely for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound socket, not yet tied to a runtime.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    /// As the rules have it.
    pub address: Address,
    /// The address that was bound, port 0 replaced; `None` for a Unix socket.
    pub local: Option<SocketAddr>,
    socket: Socket,
    /// Whether it goes on listening, in the hands of whoever handed it over.
    outlives_us: bool,
    /// Where it waits to take the place of another process's.
    pub beside: Option<Beside>,
}

/// The file of a Unix socket beside the one that another process listens on. It goes again, unless it takes that place.
#[derive(Debug)]
pub(crate) struct Beside {
    file: String,
    path: String,
}

impl Beside {
    fn of(path: &str) -> Self {
        Self { file: format!("{path}.{}", std::process::id()), path: path.to_owned() }
    }

    /// Takes the place of the process that listens there, which keeps the connections that it has: once nothing else
    /// can fail.
    pub(crate) fn take_place(self) -> Result<(), StartError> {
        let listen = |source| StartError::Listen { address: format!("unix:{}", self.path), source };
        std::fs::rename(&self.file, &self.path).map_err(listen)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Gone already where it has taken its place.
        let _ = std::fs::remove_file(&self.file);
    }
}

impl BoundSocket {
    /// Binds and listens; beside another process that does so too, if the address is `shared` by both.
    pub(crate) fn bind(address: &Address, shared: bool) -> Result<Self, StartError> {
        let mut beside = None;
        let socket = match address {
            Address::Port(port) => bind_any(*port, shared),
            Address::Ip(ip, port) => bind_tcp(SocketAddr::new(*ip, *port), shared),
            Address::Unix(path) if shared => bind_beside(path, beside.insert(Beside::of(path))),
            Address::Unix(path) => bind_unix(path),
        };
        Ok(Self { beside, ..Self::new(address, socket, false)? })
    }

    /// A socket that was bound by somebody else.
    pub(crate) fn handed(address: &Address, socket: &Socket) -> Result<Self, StartError> {
        let socket = socket.try_clone().and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        Self::new(address, socket, true)
    }

    fn new(address: &Address, socket: io::Result<Socket>, outlives_us: bool) -> Result<Self, StartError> {
        let socket = socket.map_err(|source| StartError::Listen { address: address.to_string(), source })?;
        let local = socket.local_addr().ok().and_then(|address| address.as_socket());
        Ok(Self { address: address.clone(), local, socket, outlives_us, beside: None })
    }

    /// A second handle on the same socket, for another worker.
    pub(crate) fn share(&self) -> io::Result<Self> {
        let (address, local, outlives_us) = (self.address.clone(), self.local, self.outlives_us);
        Ok(Self { address, local, socket: self.socket.try_clone()?, outlives_us, beside: None })
    }

    /// Ties the socket to the present runtime.
    pub(crate) fn accepting(self) -> io::Result<Acceptor> {
        let socket = match self.address {
            Address::Unix(_) => AcceptSocket::Unix(UnixListener::from_std(self.socket.into())?),
            _ => AcceptSocket::Tcp(TcpListener::from_std(self.socket.into())?),
        };
        let local_port = self.local.map_or(0, |local| local.port());
        Ok(Acceptor { address: self.address, local_port, socket, outlives_us: self.outlives_us })
    }

    /// Where it listens, in words.
    pub(crate) fn listens_on(&self) -> String {
        self.local.map_or_else(|| self.address.to_string(), |local| local.to_string())
    }
}

/// Removes the file of a Unix socket that nobody listens on any more.
pub(crate) fn clean_up(address: &Address) {
    if let Address::Unix(path) = address {
        // It may be gone already, or the folder may be read-only by now: the next start copes with either.
        let _ = remove_stale_socket(path);
    }
}

/// Accepts from one socket.
#[derive(Debug)]
pub(crate) struct Acceptor {
    /// As the rules have it.
    pub address: Address,
    /// The port bound; 0 for a Unix socket.
    pub local_port: u16,
    socket: AcceptSocket,
    outlives_us: bool,
}

#[derive(Debug)]
enum AcceptSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection, and whose it is; nobody's on a Unix socket.
pub(crate) type Accepted = (Transport, Option<SocketAddr>);

impl Acceptor {
    /// The next connection. A failure to accept is reported to `failed` and waited out.
    pub(crate) async fn accept(&self, failed: impl Fn(&io::Error)) -> Accepted {
        loop {
            let accepted = match &self.socket {
                AcceptSocket::Tcp(listener) => listener.accept().await.and_then(|(stream, peer)| {
                    stream.set_nodelay(true)?;
                    Ok((Transport::Tcp(stream), Some(unmapped(peer))))
                }),
                AcceptSocket::Unix(listener) => {
                    listener.accept().await.map(|(stream, _)| (Transport::Unix(stream), None))
                }
            };
            match accepted {
                Ok(accepted) => return accepted,
                // The client was gone before it was accepted: nobody's fault.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    failed(&error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Acceptor {
    /// Lets nobody begin to connect any more, while those who have begun may finish: who is turned away tries again
    /// within a second, and finds the other process that listens on this port.
    pub(crate) fn turn_away(&self) -> io::Result<()> {
        match &self.socket {
            AcceptSocket::Tcp(listener) => SockRef::from(listener).attach_filter(&without_beginnings()),
            // Its path leads to the other process already.
            AcceptSocket::Unix(_) => Ok(()),
        }
    }

    /// The connections that wait already, and the end of the socket. Where it goes on in other hands, they wait on.
    pub(crate) fn rest(self) -> Vec<Accepted> {
        match self.socket {
            _ if self.outlives_us => Vec::new(),
            AcceptSocket::Tcp(listener) => waiting(listener.into_std(), |listener| {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                Ok((Transport::Tcp(TcpStream::from_std(stream)?), Some(unmapped(peer))))
            }),
            AcceptSocket::Unix(listener) => waiting(listener.into_std(), |listener| {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Transport::Unix(UnixStream::from_std(stream)?), None))
            }),
        }
    }
}

/// Accepts until nothing waits; whoever was gone before it was accepted is nobody's fault.
fn waiting<L>(listener: io::Result<L>, accept: impl Fn(&L) -> io::Result<Accepted>) -> Vec<Accepted> {
    let Ok(listener) = listener else { return Vec::new() };
    let all = std::iter::repeat_with(|| accept(&listener)).take(BACKLOG.unsigned_abs() as usize);
    let there = all.take_while(|accepted| {
        !accepted.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    });
    there.flatten().collect()
}

/// A filter for TCP: all but segments with SYN and without ACK.
fn without_beginnings() -> [SockFilter; 5] {
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_UNLESS_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_UNLESS_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

/// An IPv4 client of an IPv6 socket is known by its IPv4 address.
fn unmapped(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// IPv6 and IPv4 in one socket; IPv4 alone where the machine has no IPv6.
fn bind_any(port: u16, shared: bool) -> io::Result<Socket> {
    match bind_tcp(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port), shared) {
        Err(error) if is_without_ipv6(&error) => {
            bind_tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port), shared)
        }
        bound => bound,
    }
}

fn is_without_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT where the kernel has none, EADDRNOTAVAIL where it is switched off.
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(97)
}

fn bind_tcp(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// To be put in the place of the process that listens there.
fn bind_beside(path: &str, beside: &Beside) -> io::Result<Socket> {
    if std::fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "what is there is no socket"));
    }
    bind_unix(&beside.file)
}

fn bind_unix(path: &str) -> io::Result<Socket> {
    remove_stale_socket(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// A socket file that nobody listens on is left over from a process that was killed.
fn remove_stale_socket(path: &str) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn port_0_is_replaced_by_the_port_that_was_bound() {
        let bound = BoundSocket::bind(&Address::Port(0), false).unwrap();
        assert_ne!(bound.local.unwrap().port(), 0);
    }

    #[test]
    fn an_address_in_use_is_named() {
        let bound = BoundSocket::bind(&Address::Ip(Ipv4Addr::LOCALHOST.into(), 0), false).unwrap();
        let taken = Address::Ip(Ipv4Addr::LOCALHOST.into(), bound.local.unwrap().port());
        let error = BoundSocket::bind(&taken, false).unwrap_err().to_string();
        assert!(error.contains(&taken.to_string()) && error.contains("listens there already"), "{error}");
    }

    #[test]
    fn a_socket_file_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.sock").to_str().unwrap().to_owned();
        let address = Address::Unix(path);
        drop(BoundSocket::bind(&address, false).unwrap());
        let bound = BoundSocket::bind(&address, false).unwrap();
        assert!(BoundSocket::bind(&address, false).is_err());
        drop(bound);
    }

    #[test]
    fn a_shared_path_is_taken_when_that_is_asked_for_and_nothing_but_a_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        let path = folder.path().join("v.sock").to_str().unwrap().to_owned();
        let address = Address::Unix(path.clone());
        let old = BoundSocket::bind(&address, false).unwrap();
        drop(BoundSocket::bind(&address, true).unwrap());
        assert_eq!(files(), 1);
        let reaches = |socket: &BoundSocket| {
            let _client = std::os::unix::net::UnixStream::connect(&path).unwrap();
            socket.socket.accept().is_ok()
        };
        let mut new = BoundSocket::bind(&address, true).unwrap();
        assert!(reaches(&old));
        new.beside.take().unwrap().take_place().unwrap();
        assert!(reaches(&new) && !reaches(&old));
        assert_eq!(files(), 1);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "a letter").unwrap();
        let refused = BoundSocket::bind(&address, true).unwrap_err().to_string();
        assert!(refused.contains("no socket"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a letter");
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_has_its_ipv4_address() {
        assert_eq!(unmapped("[::ffff:192.0.2.1]:5".parse().unwrap()), "192.0.2.1:5".parse().unwrap());
    }
}
